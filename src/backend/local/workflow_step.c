/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/workflow_step.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/argument_limit.h"
#include "backend/local/workflow_home.h"
#include "backend/local/workflow_script.h"
#include "backend/local/workflow_services.h"
#include "backend/script.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "spec/inherited.h"

#define WORKSPACE "workspace"
#define CLONER    "plugin-git"

enum { UMASK = 022, END_GRACE_MS = 10 * 1000 };

typedef struct Values {
    const WorkflowConfig *config;
    Report *report;
    size_t stage, index;
    const Step *step;
} Values;

static Place place_of(const Values *values, const char *key) {
    return (Place){.path = arena_printf(values->report->arena, "pipeline[%zu].steps[%zu].%s",
                                        values->stage, values->index, key)};
}

/* The workflow's own volume is its workspace. */
static bool is_own_volume(const WorkflowConfig *config, const char *volume) {
    size_t n = config->volume ? strlen(config->volume) : 0;
    return n && strncmp(volume, config->volume, n) == 0 && (!volume[n] || volume[n] == ':');
}

static void check_volumes(const Values *values) {
    const Step *step = values->step;
    for (size_t i = 0; i < step->volumes.n; i++) {
        Place place = place_of(values, "volumes");
        if (!is_own_volume(values->config, step->volumes.at[i]))
            report_add(values->report, &place, "use the path itself, or the docker backend",
                       "step %s: the local backend runs processes of this machine and cannot "
                       "honour `volumes`: %s is not the workflow's own",
                       step->name, step->volumes.at[i]);
    }
}

static bool uses_image(const Step *step) {
    return step->entrypoint.n == 0 && step->type != STEP_CLONE && step->image;
}

static void check_image(const Values *values) {
    const Step *step = values->step;
    const char *refused = NULL;
    Place place = place_of(values, "image");
    if (!uses_image(step))
        return;
    if (step->commands.n)
        refused = shell_refused(step->image);
    if (refused)
        report_add(values->report, &place, NULL,
                   "step %s: %s is no shell for the local backend: %s", step->name, step->image,
                   refused);
    else if (image_of_container(step->image))
        report_add(values->report, &place, "name sh, bash or a program, or use the docker backend",
                   "step %s: %s is the image of a container; on the local backend `image` is the "
                   "shell of its commands, or the program of a plugin or service",
                   step->name, step->image);
}

static bool climbs(const char *path) {
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
            return true;
    return false;
}

/* What `path` is below `base`, without slashes before it; NULL: it is not. */
static const char *below(const char *path, const char *base) {
    size_t n = base ? strlen(base) : 0;
    while (n && base[n - 1] == '/')
        n--;
    if (!n || strncmp(path, base, n) != 0 || (path[n] && path[n] != '/'))
        return NULL;
    return path + n + strspn(path + n, "/");
}

/* Below the workspace; NULL: it is not. */
static const char *directory_below(const Step *step) {
    const char *wanted = step->working_dir ? step->working_dir : "";
    const char *rest = below(wanted, strmap_get(&step->environment, "CI_WORKSPACE"));
    if (!rest)
        rest = below(wanted, step->workspace_base);
    if (!rest && *wanted != '/')
        rest = wanted;
    return rest && !climbs(rest) ? rest : NULL;
}

static void check_directory(const Values *values) {
    Place place = place_of(values, "working_dir");
    if (!directory_below(values->step))
        report_add(values->report, &place, "use a relative one, or one below `workspace_base`",
                   "step %s: its working_dir %s is not below the workspace", values->step->name,
                   values->step->working_dir);
}

/* ---- the script of an entrypoint ---- */

static const char *encoded_script(const Step *process, Arena *arena) {
    Buf text;
    buf_init(&text, SIZE_MAX / 4);
    script_put_encoded(process, &text);
    const char *script = arena_strdup(arena, buf_cstr(&text));
    buf_deinit(&text);
    return script;
}

/* Who makes it smaller knows how. */
static int check_script(const char *script, Err *err) {
    size_t size = strlen(SCRIPT_VARIABLE "=") + strlen(script), max = argument_limit();
    if (size <= max)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "its commands make the variable " SCRIPT_VARIABLE
                   " for its entrypoint %zu bytes long, and a process can be given %zu; leave "
                   "`entrypoint` out, or put them into a file",
                   size, max);
}

static void check_limits(const Values *values) {
    const Step *step = values->step;
    Arena *arena = values->report->arena;
    bool script = step->entrypoint.n && step->commands.n;
    Place place = place_of(values, script ? "commands" : "environment");
    Err err;
    if ((script && check_script(encoded_script(step, arena), &err) < 0) ||
        arguments_check(step, &err) < 0)
        report_add(values->report, &place, NULL, "step %s: %s", step->name, err.msg);
}

void workflow_check_values(const WorkflowConfig *config, Report *report) {
    for (size_t i = 0; i < config->stages.n; i++) {
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++) {
            const Values values = {config, report, i, k, &config->stages.at[i].steps.at[k]};
            check_volumes(&values);
            check_image(&values);
            check_directory(&values);
            check_limits(&values);
        }
    }
    services_check(config, report);
}

/* ---- places ---- */

int workflow_places_make(const char *task_dir, Err *err) {
    AUTO_FREE char *workspace = path_join(task_dir, WORKSPACE);
    return path_mkdirs(workspace, 0700, err) < 0 ? -1 : homes_make(task_dir, err);
}

bool workflow_places_exist(const char *task_dir) {
    AUTO_FREE char *workspace = path_join(task_dir, WORKSPACE);
    struct stat st;
    return lstat(workspace, &st) == 0 || homes_exist(task_dir);
}

int workflow_places_remove(const char *task_dir, Err *err) {
    AUTO_FREE char *workspace = path_join(task_dir, WORKSPACE);
    return path_remove_tree(workspace, err) < 0 ? -1 : homes_remove(task_dir, err);
}

static const char *directory(const Step *step, const WorkflowPlace *place, Arena *arena, Err *err) {
    const char *rest = directory_below(step);
    if (!rest) {
        err_set(err, ERR_INVALID, "its working_dir %s is not below the workspace",
                step->working_dir);
        return NULL;
    }
    const char *path =
        arena_printf(arena, "%s/" WORKSPACE "%s%s", place->dir, *rest ? "/" : "", rest);
    return path_mkdirs(path, 0700, err) < 0 ? NULL : path;
}

/* ---- environment ---- */

/* These we say ourselves, or nobody is to see them. */
static bool is_ours(const char *name) {
    static const char *const names[] = {"CI_NETRC_MACHINE",
                                        "CI_NETRC_PASSWORD",
                                        "CI_NETRC_USERNAME",
                                        "CI_SCRIPT",
                                        "CI_WORKSPACE",
                                        "HOME",
                                        "SHELL"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static StrMap without_ours(const StrMap *map, Arena *arena) {
    StrMap copy = {.at = arena_alloc(arena, (map->n + 1) * sizeof(*copy.at))};
    for (size_t i = 0; i < map->n; i++)
        if (!is_ours(map->at[i].name))
            copy.at[copy.n++] = map->at[i];
    return copy;
}

/* `script` NULL: it has none. */
static StrMap environment(const Step *step, const WorkflowPlace *place, const char *home,
                          const char *script, Arena *arena) {
    StrMap low = inherited_environment(&step->process.inherited, arena);
    StrMap own = without_ours(&step->environment, arena), high = {0};
    StrPair *pairs = arena_alloc(arena, 4 * sizeof(*pairs));
    high.at = pairs;
    if (script)
        pairs[high.n++] = (StrPair){SCRIPT_VARIABLE, script};
    pairs[high.n++] = (StrPair){"CI_WORKSPACE", arena_printf(arena, "%s/" WORKSPACE, place->dir)};
    pairs[high.n++] = (StrPair){"HOME", home};
    if (script)
        pairs[high.n++] = (StrPair){"SHELL", SCRIPT_SHELL};
    StrMap map = strmap_merge(&low, &place->services, arena);
    map = strmap_merge(&map, &own, arena);
    return strmap_merge(&map, &high, arena);
}

/* ---- what is run ---- */

static bool is_program(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Of a name without slashes; an empty part of PATH is the directory it runs in. */
static bool in_path(const char *name, const char *path, const char *dir, Arena *arena) {
    for (;;) {
        size_t n = strcspn(path, ":");
        const char *part = n ? arena_strndup(arena, path, n) : dir;
        if (is_program(arena_printf(arena, "%s/%s", part, name)))
            return true;
        if (!path[n])
            return false;
        path += n + 1;
    }
}

/* Whether what `image` names is there is known before a pin is asked for it. */
static int check_program(const char *name, const Step *process, Arena *arena, Err *err) {
    const char *path = strmap_get(&process->environment, "PATH");
    if (strchr(name, '/') ||
        in_path(name, path ? path : INHERITED_PATH, process->working_dir, arena))
        return 0;
    if (process->type == STEP_CLONE)
        return err_set(err, ERR_NOT_FOUND,
                       "the local backend clones with the program " CLONER
                       ", and there is none in PATH: %s; install it, or leave the clone step out",
                       path);
    return err_set(err, ERR_NOT_FOUND,
                   "there is no program %s in PATH: %s; on the local backend `image` is the shell "
                   "of a step's commands, or the program of a plugin or service",
                   name, path);
}

static int commands_of(const Step *step, const WorkflowPlace *place, Arena *arena,
                       WorkflowProcess *ret, Err *err) {
    ret->script = shell_script(step, arena);
    if (!ret->script)
        return err_set(err, ERR_LIMIT, "its commands are too long for a script");
    ret->step.entrypoint = shell_argv(step, place->script, arena);
    return 0;
}

static int argv_of(const Step *step, const WorkflowPlace *place, Arena *arena, WorkflowProcess *ret,
                   Err *err) {
    const char *program = step->type == STEP_CLONE ? CLONER : step->image;
    if (step->entrypoint.n)
        return 0;
    if (check_program(program, &ret->step, arena, err) < 0)
        return -1;
    if (step->commands.n && step->type != STEP_CLONE)
        return commands_of(step, place, arena, ret, err);
    const char **argv = arena_alloc(arena, sizeof(*argv));
    argv[0] = program;
    ret->step.entrypoint = (StrList){argv, 1};
    return 0;
}

int workflow_process(const Step *step, const WorkflowPlace *place, Arena *arena,
                     WorkflowProcess *ret, Err *err) {
    WorkflowProcess made = {.step = *step};
    Step *process = &made.step;
    const char *script = NULL, *home;
    process->working_dir = directory(step, place, arena, err);
    if (!process->working_dir || !(home = step_home(step, place->dir, arena, err)))
        return -1;
    if (step->entrypoint.n && step->commands.n)
        script = encoded_script(process, arena);
    if (script && check_script(script, err) < 0)
        return -1;
    process->environment = environment(step, place, home, script, arena);
    if (argv_of(step, place, arena, &made, err) < 0 || arguments_check(process, err) < 0)
        return -1;
    process->type = STEP_PROCESS;
    process->process.umask = UMASK;
    process->end_signal = SIGTERM;
    process->end_grace_ms = END_GRACE_MS;
    *ret = made;
    return 0;
}
