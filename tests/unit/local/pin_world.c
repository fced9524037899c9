/* SPDX-License-Identifier: Apache-2.0 */
/* The local backend as a world of the conformance suite, and what more its own tests need. */
#include "unit/local/pin_world.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/local/pin_socket.h"
#include "backend/local/records.h"
#include "base/boot.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "harness/test.h"

enum { TURN_MS = 10, SCRIPT_MAX = 64 * 1024 };

static const char *const server_argv[] = {"/bin/true", NULL};

static Backend *new_backend(World *world) {
    AUTO_FREE char *log = xasprintf("%s/rail.log", world->dir);
    AUTO_FREE char *pin = test_program("thole-pin");
    LocalOptions options = {
        .state_dir = world->dir, .pin_program = pin, .server_argv = server_argv, .rail_log = log};
    return local_backend_new(world->loop, &options);
}

static void open_world(World *world) {
    world_make(world);
    world->backend = new_backend(world);
}

static void crash(World *world) {
    backend_free(world->backend);
    world->backend = new_backend(world);
}

/* ---- Ending ---- */

static void on_found(void *arg, const void *result, const Err *err) {
    static const StopHow at_once = {.signal = SIGKILL};
    Ending *ending = arg;
    const Discovered *found = result;
    (void)err;
    for (size_t i = 0; found && i < found->n; i++) {
        StepId id = {found->at[i].task, found->at[i].step, found->at[i].run};
        ending->left++;
        backend_destroy_step(ending->world->backend, id, &at_once, world_ended, ending);
    }
    ending->left--;
}

static void close_world(World *world) {
    Ending ending = {.world = world, .left = 1};
    backend_discover(world->backend, on_found, &ending);
    UNTIL(world, ending.left == 0);
    local_backend_say_bye(world->backend);
    backend_free(world->backend);
    loop_free(world->loop);
}

static void turn(World *world) {
    loop_turn(world->loop, TURN_MS);
}

/* ---- Steps ---- */

const Step *script_step(World *world, const char *name, const char *script) {
    static StrPair path[] = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
    Step *step = arena_alloc(&world->arena, sizeof *step);
    const char **argv = arena_alloc(&world->arena, 3 * sizeof *argv);
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = arena_strdup(&world->arena, script);
    step->name = arena_strdup(&world->arena, name);
    step->type = STEP_PROCESS;
    step->working_dir = world->dir;
    step->entrypoint = (StrList){.at = argv, .n = 3};
    step->environment = (StrMap){.at = path, .n = 1};
    step->end_signal = SIGTERM;
    step->end_grace_ms = 2000;
    step->process.umask = 022;
    return step;
}

static const Step *act_step(World *world, const Act *act) {
    Buf script;
    buf_init(&script, SCRIPT_MAX);
    if (act->ignores_term)
        buf_puts(&script, "trap '' TERM\n");
    if (act->out)
        buf_printf(&script, "printf '%.*s%s'\n", (int)strcspn(act->out, "\n"), act->out,
                   strchr(act->out, '\n') ? "\\n" : "");
    if (act->lines)
        buf_printf(&script, "seq 1 %d\n", act->lines);
    if (act->reads)
        buf_puts(&script, "cat\n");
    if (act->life_ms < 0)
        buf_puts(&script, "exec sleep 100000\n");
    else if (act->life_ms)
        buf_printf(&script, "sleep %d.%03d\n", (int)(act->life_ms / 1000),
                   (int)(act->life_ms % 1000));
    if (act->dies_of)
        buf_printf(&script, "kill -%d $$\n", act->dies_of);
    buf_printf(&script, "exit %d\n", act->code);
    Step *step = (Step *)(uintptr_t)script_step(world, act->name, buf_cstr(&script));
    buf_deinit(&script);
    step->restarts = act->restarts;
    step->stdin_open = act->reads;
    step->tty = act->tty;
    if (act->cannot_start)
        step->entrypoint.at[0] = "/nonexistent/program";
    if (act->secret) {
        step->secrets.at = arena_alloc(&world->arena, sizeof(char *));
        step->secrets.at[0] = act->secret;
        step->secrets.n = 1;
    }
    return step;
}

/* The very script, as commands of a shell. */
static const Step *commands(World *world, const Act *act) {
    Step *step = arena_dup(&world->arena, act_step(world, act), sizeof(*step));
    const char **command = arena_alloc(&world->arena, sizeof(*command));
    command[0] = step->entrypoint.at[2];
    step->type = STEP_COMMANDS;
    step->image = "sh";
    step->uuid = step->name;
    step->working_dir = NULL;
    step->entrypoint.n = 0;
    step->commands = (StrList){.at = command, .n = 1};
    return step;
}

const Conformance conformance = {.open = open_world,
                                 .close = close_world,
                                 .crash = crash,
                                 .step = act_step,
                                 .workflow_step = commands,
                                 .turn = turn};

/* ---- Whom to kill ---- */

bool process_lives(pid_t pid) {
    return proc_alive(pid, 0);
}

static bool holds(const char *pid, const char *file, const char *text) {
    char bytes[65536];
    AUTO_FREE char *path = xasprintf("/proc/%s/%s", pid, file);
    FILE *stream = fopen(path, "re");
    size_t n = stream ? fread(bytes, 1, sizeof bytes, stream) : 0;
    if (stream)
        fclose(stream);
    return memmem(bytes, n, text, strlen(text)) != NULL;
}

static size_t processes_with(const char *file, const char *text, pid_t *ret_last) {
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;
    while (proc && (entry = readdir(proc))) {
        int64_t pid;
        if (number_parse(entry->d_name, 1, INT32_MAX, &pid) < 0 || pid == getpid() ||
            !holds(entry->d_name, file, text) || !process_lives((pid_t)pid))
            continue;
        *ret_last = (pid_t)pid;
        n++;
    }
    if (proc)
        closedir(proc);
    return n;
}

size_t processes_of(const char *stamp) {
    pid_t last;
    return processes_with("environ", stamp, &last);
}

/* By the name of its socket among its arguments. */
pid_t world_rail(World *world) {
    char name[128];
    pid_t rail = 0;
    pin_socket_rail_name(world->dir, name, sizeof name);
    UNTIL(world, processes_with("cmdline", name, &rail) > 0);
    return rail;
}

char *world_run_dir(World *world, StepId id) {
    Task *task = local_task(local_of(world->backend), id.task);
    ASSERT(task);
    AUTO_FREE char *dir = local_run_dir(task, id);
    return arena_strdup(&world->arena, dir);
}

pid_t world_pin(World *world, StepId id) {
    RunRecord record;
    Err err = {0};
    UNTIL(world, records_run(world_run_dir(world, id), &record, &err) > 0);
    return (pid_t)record.pin;
}

/* ---- Runs ---- */

void run_begin(World *w, StepId id, const Step *step, Heard *heard) {
    backend_start_step(w->backend, id, step, hear_state, heard);
}

void run_begin_now(World *w, StepId id, const Step *step) {
    Heard heard = {0};
    run_begin(w, id, step, &heard);
    UNTIL(w, heard.called);
    CHECK_STR(heard.err.msg, "");
    CHECK_STR(heard.state.error, "");
    ASSERT(heard.state.phase == STEP_RUNNING);
}

void run_resume(World *w, StepId id, Heard *heard) {
    *heard = (Heard){0};
    backend_resume_step(w->backend, id, hear_state, heard);
    UNTIL(w, heard->called);
}

const char *run_stamp(World *w, StepId id) {
    RunRecord record;
    Err err = {0};
    UNTIL(w, records_run(world_run_dir(w, id), &record, &err) > 0);
    return arena_printf(&w->arena, "THOLE_RUN_ID=%s", record.id);
}
