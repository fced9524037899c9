/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/process_compose_service.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/str.h"
#include "spec/foreign/dotenv.h"
#include "spec/foreign/shell_quote.h"
#include "spec/foreign/switch.h"
#include "spec/template.h"

enum { GRACE_S = 10 };

typedef struct Making {
    const PcTranslation *t;
    const PcProcess *process;
    Value *service;
    int64_t replica;
    bool job;
} Making;

static bool has(const PcProcess *process, const char *key) {
    return schema_has(&type_pc_process, process, key);
}

/* Whatever is written next comes from this key of the process. */
static Writing at(const Making *m, const char *key) {
    const PcTranslation *t = m->t;
    Place place = pc_place(t->files, arena_printf(t->arena, "processes.%s%s%s", m->process->name,
                                                  *key ? "." : "", key));
    return (Writing){t->arena, place.line, place.column};
}

static int problem(const Making *m, const char *key, const char *hint, const char *message) {
    return pc_problem(m->t->files,
                      arena_printf(m->t->arena, "processes.%s.%s", m->process->name, key), hint,
                      "%s", message);
}

const char *pc_replica_name(const PcTranslation *t, const char *name, int64_t replica,
                            int64_t replicas) {
    int digits = replicas > 100 ? 3 : replicas > 10 ? 2 : 1;
    return arena_printf(t->arena, "%s-%0*" PRId64, name, digits, replica);
}

/* --- directories --- */

/* The directory as one of the project; NULL: it is outside, *ret_outside then. */
static const char *inside(const PcTranslation *t, const char *dir, const char **ret_outside) {
    char real[PATH_MAX], root[PATH_MAX];
    AUTO_FREE char *joined = path_join(t->files->dir, dir);
    *ret_outside = NULL;
    if (!realpath(joined, real) || !realpath(t->files->dir, root) || path_below(real, root))
        return dir; /* what is not there is told by whoever reads the service */
    *ret_outside = arena_strdup(t->arena, real);
    return NULL;
}

/* `NAME="$(command)"` for each of env_cmds; the last line of a value is not ended. */
static const char *env_commands(const PcTranslation *t) {
    const char *text = "";
    for (size_t i = 0; i < t->project->env_cmds.n; i++)
        text = arena_printf(t->arena, "%sexport %s=\"$(%s\n)\"\n", text,
                            t->project->env_cmds.at[i].name, t->project->env_cmds.at[i].value);
    return text;
}

const char *pc_directory(const PcTranslation *t, const char *dir) {
    AUTO_FREE char *joined = path_join(t->files->dir, dir);
    return shell_quote(joined, t->arena);
}

const char *pc_prefix(const PcTranslation *t, const PcProcess *process, const char *working_dir) {
    const char *outside = NULL, *cd = "";
    if (working_dir)
        (void)inside(t, working_dir, &outside);
    if (outside)
        cd = arena_printf(t->arena, "cd %s || exit\n", shell_quote(outside, t->arena));
    return arena_printf(t->arena, "%s%s", env_commands(t), cd);
}

/* --- what runs --- */

/* A daemon puts itself into the background. A shell stays in its place: it is what a stop is told,
 * it runs the command that ends the daemon, and whatever is left below it is ended with it. */
static const char *daemon_script(const Making *m, const char *script) {
    const char *stop = m->process->shutdown.command;
    return arena_printf(m->t->arena,
                        "trap '%sexit 0' TERM\n%s%s%s(\n%s\n) || exit\nsleep infinity & wait\n",
                        stop ? "stop_daemon; " : "", stop ? "stop_daemon() {\n" : "",
                        stop ? stop : "", stop ? "\n}\n" : "", script);
}

/* Our templates mean nothing there. */
static const StrList *literal_words(const StrList *words, Arena *arena) {
    const char **at = arena_alloc(arena, words->n * sizeof(*at));
    for (size_t i = 0; i < words->n; i++)
        at[i] = template_escape(words->at[i], TEMPLATE_LENIENT, arena);
    return arena_dup(arena, &(StrList){at, words->n}, sizeof(StrList));
}

static bool has_terminal(const PcProcess *process) {
    return process->is_tty || process->is_interactive || process->is_foreground;
}

static const char *shell_of(const PcTranslation *t) {
    const char *own = t->source->client ? strmap_get(t->source->client, "COMPOSE_SHELL") : NULL;
    return t->project->shell.command ? t->project->shell.command : own && *own ? own : "bash";
}

static const char *log_of(const Making *m) {
    const char *own = m->process->log_location;
    const char *file = own && *own ? own : m->t->project->log_location;
    return file && *file ? file : NULL;
}

/* A file that is given what the process writes, as it is, besides our log: by a tee that no stop
 * ends before all is read, from its first moment on. */
static const char *log_script(const Making *m) {
    const char *file = log_of(m), *own = m->process->log_location;
    Arena *arena = m->t->arena;
    if (!file)
        return "";
    const char *mark = strstr(file, "{PC_REPLICA_NUM}");
    if (mark)
        file = arena_printf(arena, "%.*s%" PRId64 "%s", (int)(mark - file), file, m->replica,
                            mark + strlen("{PC_REPLICA_NUM}"));
    const char *dir = pc_directory(m->t, dotenv_dir(file, arena));
    return arena_printf(arena,
                        "mkdir -p %s || exit\ntrap '' HUP INT QUIT TERM\n"
                        "exec > >(exec tee %s%s) 2>&1 || exit\ntrap - HUP INT QUIT TERM\n",
                        dir, m->process->truncate_log && own ? "" : "-a ",
                        pc_directory(m->t, file));
}

static void put_command(Making *m) {
    const PcProcess *process = m->process;
    Arena *arena = m->t->arena;
    const char *prefix =
        arena_printf(arena, "%s%s", log_script(m), pc_prefix(m->t, process, process->working_dir));
    Writing w = at(m, process->command ? "command" : "entrypoint");
    if (!process->command && !*prefix && !process->is_daemon) {
        writing_words(&w, m->service, "command", literal_words(&process->entrypoint, arena));
        return;
    }
    const char *script = process->command;
    if (!script) {
        script = "exec";
        for (size_t i = 0; i < process->entrypoint.n; i++)
            script =
                arena_printf(arena, "%s %s", script, shell_quote(process->entrypoint.at[i], arena));
    }
    if (process->is_daemon)
        script = daemon_script(m, script);
    script = arena_printf(arena, "%s%s", prefix, script);
    writing_text(&w, m->service, "command", template_escape(script, TEMPLATE_LENIENT, arena));
}

static void put_shell(Making *m) {
    const PcShell *shell = &m->t->project->shell;
    const char *words[] = {shell_of(m->t), shell->argument ? shell->argument : "-c"};
    Writing w = at(m, "");
    writing_words(&w, m->service, "shell", &(StrList){words, 2});
}

static void put_path(Making *m) {
    const char *outside, *dir = m->process->working_dir;
    if (!dir || !*dir || !inside(m->t, dir, &outside))
        return;
    Writing w = at(m, "working_dir");
    writing_text(&w, m->service, "path", dir);
}

/* --- environment --- */

static void put_env(Making *m, int64_t replica) {
    const PcTranslation *t = m->t;
    const PcProcess *process = m->process;
    Writing w = at(m, "");
    Value *env = writing_map(&w);
    bool own_dotenv = !t->dotenv_for_all && !process->is_dotenv_disabled;
    for (size_t i = 0; own_dotenv && !t->source->keep && i < t->files->dotenv.n; i++) {
        const StrPair *pair = &t->files->dotenv.at[i];
        bool given = (t->source->client && strmap_get(t->source->client, pair->name)) ||
                     strmap_get(&t->project->environment, pair->name);
        if (!given)
            writing_over(&w, env, pair->name,
                         template_escape(pair->value, TEMPLATE_STRICT, t->arena));
    }
    writing_over(&w, env, "PC_PROC_NAME", process->name);
    writing_over(&w, env, "PC_REPLICA_NUM", arena_printf(t->arena, "%" PRId64, replica));
    for (size_t i = 0; i < process->environment.n; i++) {
        const StrPair *pair = &process->environment.at[i];
        Writing here = at(m, arena_printf(t->arena, "environment.%s", pair->name));
        writing_over(&here, env, pair->name,
                     template_escape(pair->value, TEMPLATE_STRICT, t->arena));
    }
    writing_put(&w, m->service, "env", env);
    Writing here = at(m, "env_file");
    Value *files = writing_list(&here);
    if (own_dotenv && t->source->keep && t->files->dotenv.n)
        writing_item(&here, files, ".env");
    for (size_t i = 0; i < process->env_file.n; i++)
        writing_item(&here, files, process->env_file.at[i]);
    if (files->list.n)
        writing_put(&here, m->service, "env_from", files);
}

/* --- depends_on --- */

static bool cascades(const PcTranslation *t, const char *name) {
    const PcProcess *on = pc_process(t->project, name);
    return on && on->watch.cascade;
}

/* Not written: the documentation says started, the program waits for the end. Who can end is waited
 * for. */
static const char *condition_of(const PcTranslation *t, const PcDependency *dep) {
    switch (dep->condition) {
    case PC_STARTED: return "started";
    case PC_HEALTHY:
    case PC_LOG_READY: return "ready";
    case PC_COMPLETED: return "ended";
    case PC_SUCCEEDED: return "completed";
    case PC_CONDITION_NONE: break;
    }
    const PcProcess *on = pc_process(t->project, dep->name);
    return on && pc_is_job(t->project, on) ? "ended" : "started";
}

/* Who waits for a process of several replicas waits for each. */
static void put_dependency(const PcTranslation *t, const Writing *w, const PcProcess *on,
                           Value *one, Value *all) {
    const char *name = foreign_name(t->names, on->name);
    if (on->replicas <= 1)
        writing_put(w, all, name, one);
    for (int64_t i = 0; on->replicas > 1 && i < on->replicas; i++)
        writing_put(w, all, pc_replica_name(t, name, i, on->replicas), one);
}

static void put_dependencies(Making *m) {
    const PcTranslation *t = m->t;
    if (!m->process->depends_on.n)
        return;
    Writing w = at(m, "depends_on");
    Value *all = writing_map(&w);
    for (size_t i = 0; i < m->process->depends_on.n; i++) {
        const PcDependency *dep = &m->process->depends_on.at[i];
        Writing here = at(m, arena_printf(t->arena, "depends_on.%s", dep->name));
        if (!foreign_name(t->names, dep->name))
            continue; /* told where that process is translated */
        Value *one = writing_map(&here);
        writing_text(&here, one, "condition", condition_of(t, dep));
        if (cascades(t, dep->name))
            writing_bool(&here, one, "restart", true);
        put_dependency(t, &here, pc_process(t->project, dep->name), one, all);
    }
    writing_put(&w, m->service, "depends_on", all);
}

/* --- restart, stop --- */

/* Without this one another would be skipped, and that ends the project. */
static bool ends_when_it_fails(const PcProject *project, const char *name) {
    for (size_t i = 0; i < project->processes.n; i++) {
        const PcProcess *process = &project->processes.at[i];
        for (size_t k = 0; process->availability.exit_on_skipped && k < process->depends_on.n;
             k++) {
            PcCondition condition = process->depends_on.at[k].condition;
            if (strcmp(process->depends_on.at[k].name, name) == 0 && condition != PC_STARTED &&
                condition != PC_COMPLETED && condition != PC_CONDITION_NONE)
                return true;
        }
    }
    return false;
}

static void put_restart(Making *m) {
    const PcAvailability *a = &m->process->availability;
    static const char *const policies[] = {"never", "always", "on-failure", "never"};
    int64_t seconds = a->backoff_seconds > 1 ? a->backoff_seconds : 1;
    Writing w = at(m, "availability");
    Value *restart = writing_map(&w);
    writing_text(&w, restart, "policy", policies[a->restart]);
    if (a->restart == PC_ALWAYS || a->restart == PC_ON_FAILURE) {
        writing_ms(&w, restart, "delay", seconds * 1000);
        writing_ms(&w, restart, "max_delay", seconds * 1000);
        writing_int(&w, restart, "max_restarts", a->max_restarts);
    }
    writing_put(&w, m->service, "restart", restart);
    if (a->exit_on_end || a->restart == PC_EXIT_ON_FAILURE ||
        ends_when_it_fails(m->t->project, m->process->name))
        writing_text(&w, m->service, "ends_session", a->exit_on_end ? "always" : "on-failure");
}

/* A process may end by itself, with 0 or one of these. */
static void put_codes(Making *m) {
    Writing w = at(m, "success_exit_codes");
    Value *codes = writing_list(&w);
    bool zero = false;
    if (m->process->availability.restart == PC_ALWAYS)
        return;
    for (size_t i = 0; i < m->process->success_exit_codes.n; i++)
        zero = zero || m->process->success_exit_codes.at[i] == 0;
    if (!zero)
        value_add(w.arena, codes, value_new_int(w.arena, 0));
    for (size_t i = 0; i < m->process->success_exit_codes.n; i++)
        value_add(w.arena, codes, value_new_int(w.arena, m->process->success_exit_codes.at[i]));
    writing_put(&w, m->service, "success_exit_codes", codes);
}

static void put_stop(Making *m) {
    const PcShutdown *shutdown = &m->process->shutdown;
    int64_t seconds = shutdown->timeout_seconds ? shutdown->timeout_seconds : GRACE_S;
    Writing w = at(m, "shutdown");
    Value *stop = writing_map(&w);
    if (seconds == GRACE_S && !shutdown->signal && !shutdown->command)
        return; /* as ours */
    if (shutdown->signal && !m->process->is_daemon)
        writing_int(&w, stop, "signal", shutdown->signal);
    writing_ms(&w, stop, "grace", seconds * 1000);
    if (shutdown->command && !m->process->is_daemon) {
        const char *prefix = pc_prefix(m->t, m->process, m->process->working_dir);
        const char *script = arena_printf(w.arena, "%s%s", prefix, shutdown->command);
        writing_text(&w, stop, "command", template_escape(script, TEMPLATE_LENIENT, w.arena));
    }
    writing_put(&w, m->service, "stop", stop);
}

/* --- schedule, watch --- */

static int put_schedule(Making *m) {
    const PcSchedule *schedule = &m->process->schedule;
    if (!has(m->process, "schedule"))
        return 0;
    if (m->process->replicas > 1)
        return problem(m, "schedule", "remove one of them",
                       "a process has either a schedule or replicas");
    if (schedule->max_concurrent > 1)
        return problem(m, "schedule.max_concurrent",
                       "make the interval longer, or several processes",
                       "a run is not started while the one before lives");
    Writing w = at(m, "schedule");
    Value *v = writing_map(&w);
    if (schedule->cron)
        writing_text(&w, v, "cron", schedule->cron);
    if (schedule->interval_ms)
        writing_ms(&w, v, "interval", schedule->interval_ms);
    if (schedule->timezone && strcmp(schedule->timezone, "Local") != 0)
        writing_text(&w, v, "timezone", schedule->timezone);
    if (schedule->run_on_start)
        writing_bool(&w, v, "on_start", true);
    writing_put(&w, m->service, "schedule", v);
    return 0;
}

/* A directory with `include` is that directory's files of these names; without, all that is in
 * it. */
static void add_watch_path(const Making *m, const Writing *w, const PcWatchPath *path, Value *paths,
                           Value *ignore) {
    Arena *arena = m->t->arena;
    const char *dir = path->path ? path->path : ".";
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    dir =
        str_starts(dir, "./") ? arena_strndup(arena, dir + 2, n - 2) : arena_strndup(arena, dir, n);
    const char *slash = strcmp(dir, ".") == 0 || !*dir ? "" : arena_printf(arena, "%s/", dir);
    for (size_t i = 0; i < path->include.n; i++)
        writing_item(w, paths, arena_printf(arena, "%s**/%s", slash, path->include.at[i]));
    if (path->include.n == 0)
        writing_item(w, paths, *dir ? dir : ".");
    for (size_t i = 0; i < path->exclude.n; i++)
        writing_item(w, ignore, path->exclude.at[i]);
}

static void put_watch(Making *m) {
    const PcWatch *watch = &m->process->watch;
    if (!watch->paths.n || switch_is_set(m->t->source->client, "PC_NO_WATCH"))
        return;
    Writing w = at(m, "watch");
    Value *v = writing_map(&w), *paths = writing_list(&w), *ignore = writing_list(&w);
    for (size_t i = 0; i < watch->paths.n; i++)
        add_watch_path(m, &w, &watch->paths.at[i], paths, ignore);
    writing_put(&w, v, "paths", paths);
    if (ignore->list.n)
        writing_put(&w, v, "ignore", ignore);
    writing_ms(&w, v, "debounce", watch->debounce_ms);
    writing_put(&w, m->service, "watch", v);
}

/* --- the rest --- */

static void put_labels(Making *m) {
    const StrList *namespace = &m->process->namespace;
    Writing w = at(m, "namespace");
    Value *labels = writing_list(&w);
    for (size_t i = 0; i < namespace->n; i++)
        if (strcmp(namespace->at[i], "default") != 0)
            writing_item(&w, labels, namespace->at[i]);
    if (labels->list.n)
        writing_put(&w, m->service, "labels", labels);
}

static void put_terminal(Making *m) {
    const PcProcess *process = m->process;
    Writing w = at(m, "");
    if (has_terminal(process))
        writing_bool(&w, m->service, "tty", true);
}

static int check(Making *m) {
    const PcProcess *process = m->process;
    if (!process->command && !process->entrypoint.n)
        return problem(m, "command", "give it a `command` or an `entrypoint`",
                       "there is nothing to run");
    if (has(process, "readiness_probe") && process->ready_log_line)
        return problem(
            m, "ready_log_line", "remove one of them",
            "a process is ready by its `readiness_probe` or by a line of its log, not by both");
    if (log_of(m) && has_terminal(process))
        return problem(m, "log_location", "remove it: `thole logs` has what it writes",
                       "what is written to a terminal cannot be written to a file as well");
    if (log_of(m) && !str_ends(shell_of(m->t), "bash"))
        return problem(m, "log_location", "use bash, or remove it: `thole logs` has what it writes",
                       "only bash can write to a file as well");
    if (process->is_daemon && !process->shutdown.command)
        return problem(m, "is_daemon", "add `shutdown.command`",
                       "a daemon needs a command that stops it");
    return 0;
}

static int put_probes(Making *m) {
    const PcProcess *process = m->process;
    if (has(process, "readiness_probe") &&
        pc_probe(m->t, process, "readiness_probe", "ready", m->service) < 0)
        return -1;
    if (process->ready_log_line) {
        Writing w = at(m, "ready_log_line");
        Value *ready = writing_map(&w);
        writing_text(&w, ready, "log", regex_quote(process->ready_log_line, w.arena));
        writing_put(&w, m->service, "ready", ready);
    }
    if (has(process, "liveness_probe"))
        return pc_probe(m->t, process, "liveness_probe", "live", m->service);
    /* one that is ready no more is stopped there, and restarted by its policy */
    return has(process, "readiness_probe")
               ? pc_probe(m->t, process, "readiness_probe", "live", m->service)
               : 0;
}

const Value *pc_service(const PcTranslation *t, const PcProcess *process, int64_t replica) {
    Making m = {
        .t = t, .process = process, .replica = replica, .job = pc_is_job(t->project, process)};
    Writing w = at(&m, "");
    m.service = writing_map(&w);
    if (check(&m) < 0)
        return NULL;
    if (process->description && *process->description) {
        Writing here = at(&m, "description");
        writing_text(&here, m.service, "description", process->description);
    }
    if (m.job)
        writing_text(&w, m.service, "type", "job");
    put_path(&m);
    put_command(&m);
    put_shell(&m);
    put_env(&m, replica);
    put_dependencies(&m);
    if (put_probes(&m) < 0)
        return NULL;
    put_restart(&m);
    put_codes(&m);
    put_stop(&m);
    put_labels(&m);
    put_terminal(&m);
    if (!pc_starts(process, t->source->client))
        writing_bool(&w, m.service, "auto", false);
    put_watch(&m);
    return put_schedule(&m) < 0 ? NULL : m.service;
}
