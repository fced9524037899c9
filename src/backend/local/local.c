/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/local.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "backend/local/cgroup.h"
#include "backend/local/inside.h"
#include "backend/local/launch_file.h"
#include "backend/local/records.h"
#include "backend/local/workflow_step.h"
#include "backend/platform.h"
#include "base/boot.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"

enum {
    FEW_FDS_MS = 20,       /* until starting is tried again after "too many open files" */
    FEW_FDS_MAX_MS = 5000, /* then it fails */
};

/* ---- Names ---- */

char *local_run_key(StepId id) {
    return xasprintf("%u:%zu:%s%s", id.run, strlen(id.step), id.step, id.task);
}

char *local_run_dir(const Task *task, StepId id) {
    AUTO_FREE char *name = step_to_name(id.step);
    return xasprintf("%s/runs/%s/%u", task->dir, name, id.run);
}

/* ---- Calls ---- */

Op *local_op(Local *local, OpFn fn, void *arg, OpCancelFn cancel, void *state) {
    Op *op = op_new(local->base.loop, fn, arg, cancel, state);
    op_list_add(&local->calls, op);
    return op;
}

Op *local_refuse(Local *local, OpFn fn, void *arg, const Err *err) {
    Op *op = local_op(local, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, err);
    return op;
}

Op *local_succeed(Local *local, OpFn fn, void *arg) {
    Op *op = local_op(local, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, NULL);
    return op;
}

Task *local_task(Local *local, const char *name) {
    return map_get(&local->tasks, name);
}

void task_free(Task *task) {
    if (!task)
        return;
    free(task->name);
    free(task->dir);
    arena_deinit(&task->arena);
    free(task);
}

Run *local_run(Local *local, StepId id) {
    AUTO_FREE char *key = local_run_key(id);
    return map_get(&local->runs, key);
}

/* ---- The queue of runs that need a pin ---- */

static void on_queue_timer(void *arg) {
    Local *local = arg;
    local->queue_timer = timer_free(local->queue_timer);
    local_flush(local);
}

/* The first of the queue could not be handed over for want of something of ours. False: it has
 * failed for good. */
static bool wait_for_room(Local *local, Run *run, int error) {
    bool few = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
    if (few && loop_now_ms(local->base.loop) - run->since_ms < FEW_FDS_MAX_MS) {
        if (!local->queue_timer)
            local->queue_timer = timer_new(local->base.loop, FEW_FDS_MS, on_queue_timer, local);
        return true;
    }
    Err err = {0};
    err_sys(&err, error, "ask for a pin in %s", run->dir);
    run_fail_start(run, &err);
    return false;
}

static const Err old_rail = {
    .kind = ERR_UNAVAILABLE,
    .msg = "the rail was started by an older version and cannot pass sockets; `thole server stop "
           "--all` ends it"};

void local_flush(Local *local) {
    while (!list_empty(&local->queue)) {
        Run *run = LIST_ENTRY(local->queue.next, run, queued);
        if (!rail_link_up(local->rail)) {
            rail_link_want(local->rail);
            return;
        }
        if (run->socket_n > local->rail_sockets) {
            if (!local->kept.known) /* it has not said yet what it can */
                return;
            list_remove(&run->queued);
            run_fail_start(run, &old_rail);
            continue;
        }
        RailSent sent = run_ask(run);
        if (sent == RAIL_LATER || (sent == RAIL_FAILED && wait_for_room(local, run, errno)))
            return;
        list_remove(&run->queued);
    }
}

static void on_rail_ready(void *arg) {
    Local *local = arg;
    kept_flush(&local->kept, local->rail);
    local_flush(local);
}

static void on_kept(void *arg, const WireKeep *kept, int fd) {
    Local *local = arg;
    kept_give(&local->kept, kept, fd);
}

static void on_welcome(void *arg, const WireWelcome *welcome) {
    Local *local = arg;
    local->rail_sockets = welcome->sockets;
    kept_complete(&local->kept, local->rail, welcome->keeps);
    local_flush(local);
}

static void on_rail_failed(void *arg, const Err *why) {
    Local *local = arg;
    kept_complete(&local->kept, local->rail, 0);
    while (!list_empty(&local->queue)) {
        Run *run = LIST_ENTRY(local->queue.next, run, queued);
        list_remove(&run->queued);
        run_fail_start(run, why);
    }
}

static void on_spawn_failed(void *arg, uint64_t tag, int error) {
    Local *local = arg;
    Run *run;
    LIST_FOREACH (run, &local->all, link) {
        if (run->state == RUN_ASKED && run->tag == tag) {
            run_fail_fork(run, error);
            return;
        }
    }
}

static void on_pin_died(void *arg, const WirePinDied *died) {
    local_pin_died(arg, died);
}

static void on_swept(void *arg, uint64_t tag) {
    local_swept(arg, tag);
}

static const RailEvents rail_events = {
    .ready = on_rail_ready,
    .failed = on_rail_failed,
    .spawn_failed = on_spawn_failed,
    .pin_died = on_pin_died,
    .swept = on_swept,
    .kept = on_kept,
    .welcome = on_welcome,
};

/* ---- The contract ---- */

static bool local_available(Backend *backend, Err *why) {
    const char *program = local_of(backend)->options.pin_program;
    if (access(program, X_OK) == 0)
        return true;
    err_sys(why, errno, "%s", program);
    return false;
}

static Op *local_load(Backend *backend, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    struct utsname system;
    Err err = {0};
    if (!local_available(backend, &err))
        return local_refuse(local, fn, arg, &err);
    uname(&system);
    free((char *)(uintptr_t)local->base.platform);
    local->base.platform = xasprintf("linux/%s", platform_machine(system.machine));
    local->cgroup = local->cgroup < 0 ? cgroup_open() : local->cgroup;
    rail_link_want(local->rail);
    return local_succeed(local, fn, arg);
}

static Op *local_setup_workflow(Backend *backend, const char *name, const char *dir,
                                const WorkflowConfig *config, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    if ((config ? workflow_places_make(dir, &err) : path_mkdirs(dir, 0700, &err)) < 0)
        return local_refuse(local, fn, arg, &err);
    Task *task = local_task(local, name);
    if (!task) {
        task = xcalloc(1, sizeof *task);
        task->name = xstrdup(name);
        arena_init(&task->arena);
        map_put(&local->tasks, name, task);
    }
    free(task->dir);
    task->dir = xstrdup(dir);
    arena_reset(&task->arena);
    task->services = config ? services_environment(config, &task->arena) : (StrMap){0};
    task->ports = config ? services_ports(config, &task->arena) : (ServicePorts){0};
    local_exec_tidy(local, task);
    return local_succeed(local, fn, arg);
}

/* The directory of a new run. One that a killed server has left may be used if nobody has claimed
 * it: then *ret_again is set, and `id` is the one a pin may have been asked for already, so that
 * both claim the same run. */
static int make_dir(const char *dir, char id[WIRE_ID_MAX], bool *ret_again, Err *err) {
    Claim claim;
    Launch *launch = NULL;
    *ret_again = false;
    random_hex(id, 16);
    if (sys_mkdirat(AT_FDCWD, dir, 0700) == 0)
        return 0;
    if (errno == ENOENT) { /* its first run, or the first of all */
        AUTO_FREE char *parent = path_dir(dir);
        if (sys_mkdirat(AT_FDCWD, parent, 0700) < 0 && path_mkdirs(parent, 0700, err) < 0)
            return -1;
        if (sys_mkdirat(AT_FDCWD, dir, 0700) == 0)
            return 0;
    }
    if (errno != EEXIST)
        return err_sys(err, errno, "make %s", dir);
    int claimed = records_claim(dir, &claim, err);
    if (claimed < 0)
        return -1;
    if (claimed)
        return err_set(err, ERR_CONFLICT, "there is a run already: %s", dir);
    int left = launch_read(dir, &launch, err);
    if (left < 0)
        return -1;
    *ret_again = left > 0;
    if (left > 0)
        snprintf(id, WIRE_ID_MAX, "%s", launch_string(launch, launch->id_at));
    free(launch);
    return 0;
}

/* Before the launch file, which a pin may act upon at once. `again`: one may be acting already. */
static int write_script(const char *dir, const char *script, bool again, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_SCRIPT, dir);
    if (!script)
        return 0;
    return again ? file_write_atomic(path, script, strlen(script), 0600, false, err)
                 : file_write(path, script, strlen(script), 0600, err);
}

typedef struct Wanted {
    StepId id;
    const Step *step;
    const char *script; /* of RUN_SCRIPT; NULL: none */
} Wanted;

static Run *prepare_run(Local *local, const Task *task, const Wanted *wanted, Err *err) {
    StepId id = wanted->id;
    const Step *step = wanted->step;
    char run_id[WIRE_ID_MAX];
    bool again;
    size_t size = 0;
    LaunchPlan plan = {.id = run_id, .run = id.run, .step = step};
    AUTO_FREE char *dir = local_run_dir(task, id);
    if (launch_check(&plan, err) < 0 || make_dir(dir, run_id, &again, err) < 0)
        return NULL;
    if (write_script(dir, wanted->script, again, err) < 0 ||
        launch_write(dir, &plan, again, &size, err) < 0) {
        if (!again) {
            launch_remove(dir);
            rmdir(dir);
        }
        return NULL;
    }
    sys_point("launched");
    Run *run = run_new(local, dir, id);
    memcpy(run->id, run_id, sizeof run->id);
    run->program = xstrdup(step->entrypoint.at[0]);
    run->cwd = xstrdup(step->working_dir);
    run->environment = size;
    const char *path = strmap_get(&step->environment, "PATH");
    run->path = path ? xstrdup(path) : NULL;
    run->sockets = xcalloc(step->sockets.n + 1, sizeof *run->sockets);
    for (size_t i = 0; i < step->sockets.n; i++)
        run->sockets[run->socket_n++] = fcntl(step->sockets.at[i].fd, F_DUPFD_CLOEXEC, 3);
    run->now.restarts = step->restarts;
    run->now.attempt = step->attempt;
    return run;
}

/* What is on disk need not be remembered: of each step the newest run is enough. */
static void forget_before(Local *local, StepId id) {
    Run *old = local_run(local, (StepId){id.task, id.step, id.run - 1});
    if (old && old->state == RUN_ENDED && old->fd < 0)
        run_let_go(old);
}

/* What was purged from the disk never was: its number is free again. */
static void forget_purged(Local *local, StepId id) {
    Run *old = local_run(local, id);
    bool over = old && old->fd < 0 && (old->state == RUN_ENDED || old->state == RUN_VOID);
    if (over && access(old->dir, F_OK) < 0)
        run_let_go(old);
}

static bool runs_now(const Local *local, const Task *task, const char *step) {
    AUTO_FREE char *name = step_to_name(step);
    AUTO_FREE char *below = xasprintf("%s/runs/%s/", task->dir, name);
    const Run *run;
    LIST_FOREACH (run, &local->all, link)
        if (run->state != RUN_ENDED && run->state != RUN_VOID && str_starts(run->dir, below))
            return true;
    return false;
}

/* ERR_CONFLICT: a service of another workflow has the port of this one, or is about to have it. */
static int service_check_claims(const Local *local, const Task *own, const Step *step, Err *err) {
    size_t at = 0;
    const char *name;
    void *value;
    while (map_next(&local->tasks, &at, &name, &value)) {
        const Task *task = value;
        const ServicePort *port = NULL;
        while (task != own && (port = services_claim(&task->ports, step, port)))
            if (runs_now(local, task, port->uuid))
                return err_set(err, ERR_CONFLICT,
                               "port %lld is in use by step %s of workflow %s; wait for its end, "
                               "or cancel it",
                               (long long)port->number, port->name, task->name);
    }
    return 0;
}

/* A step of a workflow becomes a process first. */
static Run *prepare_any(Local *local, const Task *task, StepId id, const Step *step, Err *err) {
    Run *run = NULL;
    Arena arena;
    WorkflowProcess process;
    if (step->type == STEP_PROCESS)
        return prepare_run(local, task, &(Wanted){.id = id, .step = step}, err);
    AUTO_FREE char *dir = local_run_dir(task, id);
    AUTO_FREE char *script = xasprintf("%s/" RUN_SCRIPT, dir);
    const WorkflowPlace place = {task->dir, script, task->services};
    arena_init(&arena);
    if (service_check_claims(local, task, step, err) == 0 && services_check_free(step, err) == 0 &&
        workflow_process(step, &place, &arena, &process, err) == 0)
        run = prepare_run(local, task, &(Wanted){id, &process.step, process.script}, err);
    arena_deinit(&arena);
    return run;
}

static Op *local_start_step(Backend *backend, StepId id, const Step *step, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Task *task = local_task(local, id.task);
    Err err = {0};
    Run *run = NULL;
    forget_purged(local, id);
    if (!task)
        err_set(&err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
    else if (local_run(local, id))
        err_set(&err, ERR_CONFLICT, "run %u of %s was started already", id.run, id.step);
    else
        run = prepare_any(local, task, id, step, &err);
    if (!run)
        return local_refuse(local, fn, arg, &err);
    forget_before(local, id);
    Op *op = run_call(run, CALL_START, fn, arg);
    list_append(&local->queue, &run->queued);
    local_flush(local);
    return op;
}

Run *local_known_run(Local *local, StepId id, Err *err) {
    Run *run = local_run(local, id);
    Task *task = local_task(local, id.task);
    if (run)
        return run;
    AUTO_FREE char *dir = task ? local_run_dir(task, id) : NULL;
    if (!task || access(dir, F_OK) < 0) {
        err_set(err, ERR_NOT_FOUND, "there is no run %u of %s in %s", id.run, id.step, id.task);
        return NULL;
    }
    run = run_new(local, dir, id);
    run_seek(run);
    if (!run->gave_up)
        return run;
    *err = *run->gave_up;
    return NULL;
}

static Op *local_wait_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = local_known_run(local, id, &err);
    return run ? run_call(run, CALL_WAIT, fn, arg) : local_refuse(local, fn, arg, &err);
}

static Op *local_resume_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Err err = {0};
    Run *run = local_known_run(local, id, &err);
    if (run)
        return run_call(run, CALL_RESUME, fn, arg);
    if (!local_task(local, id.task) || err.kind != ERR_NOT_FOUND)
        return local_refuse(local, fn, arg, &err);
    StepState never = {.phase = STEP_NEVER, .container = "", .oom_killed = UNKNOWN};
    Op *op = local_op(local, fn, arg, NULL, NULL);
    op_finish(op, &never, sizeof never, NULL);
    return op;
}

static Op *local_signal_step(Backend *backend, StepId id, int signal, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Run *run = local_run(local, id);
    WireSignal message = {.head = {WIRE_SIGNAL, sizeof message}, .signal = signal, .group = 1};
    Err err = {0};
    if (!run || run->state != RUN_RUNNING)
        err_set(&err, ERR_NOT_FOUND, "run %u of %s is not running", id.run, id.step);
    else if (run_tell(run, &message, sizeof message) < 0)
        err_sys(&err, errno, "signal run %u of %s", id.run, id.step);
    else
        return local_succeed(local, fn, arg);
    return local_refuse(local, fn, arg, &err);
}

static Op *local_capture_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Task *task = local_task(local, id.task);
    AUTO_FREE char *dir = task ? local_run_dir(task, id) : NULL;
    AUTO_FREE char *path = dir ? xasprintf("%s/" RUN_CAPTURE, dir) : NULL;
    Err err = {0};
    if (!path || access(path, F_OK) < 0) {
        err_set(&err, ERR_NOT_FOUND, "the output of run %u of %s was not captured", id.run,
                id.step);
        return local_refuse(local, fn, arg, &err);
    }
    Op *op = local_op(local, fn, arg, NULL, NULL);
    op_finish(op, path, strlen(path) + 1, NULL);
    return op;
}

static Op *local_kept_sockets(Backend *backend, OpFn fn, void *arg) {
    Local *local = local_of(backend);
    Op *op = local_op(local, fn, arg, NULL, NULL);
    rail_link_want(local->rail);
    kept_wait(&local->kept, op);
    return op;
}

static int local_keep_socket(Backend *backend, const char *name, int fd, Err *err) {
    Local *local = local_of(backend);
    int done = kept_put(&local->kept, name, fd, err);
    rail_link_want(local->rail);
    kept_flush(&local->kept, local->rail);
    return done;
}

static void local_check(Backend *backend, const WorkflowConfig *config, Report *report) {
    workflow_check_values(config, report);
}

static void local_free(Backend *backend) {
    Local *local = local_of(backend);
    local_execs_free(local);
    local_clears_free(local);
    local_endings_free(local);
    while (!list_empty(&local->all)) {
        Run *run = LIST_ENTRY(local->all.next, run, link);
        run_free(run);
    }
    op_list_abandon(&local->calls);
    size_t at = 0;
    void *value;
    const char *name;
    while (map_next(&local->tasks, &at, &name, &value))
        task_free(value);
    map_deinit(&local->tasks);
    map_deinit(&local->runs);
    rail_link_free(local->rail);
    kept_deinit(&local->kept);
    timer_free(local->queue_timer);
    timer_free(local->sweep_timer);
    deferred_free(local->burial);
    if (local->cgroup >= 0)
        close(local->cgroup);
    for (size_t i = 0; local->options.server_argv[i]; i++)
        free((char *)(uintptr_t)local->options.server_argv[i]);
    free((void *)(uintptr_t)local->options.server_argv);
    free((char *)(uintptr_t)local->options.state_dir);
    free((char *)(uintptr_t)local->options.pin_program);
    free((char *)(uintptr_t)local->options.rail_log);
    free((char *)(uintptr_t)local->base.platform);
    free(local);
}

static const BackendOps local_ops = {
    .free = local_free,
    .available = local_available,
    .load = local_load,
    .setup_workflow = local_setup_workflow,
    .start_step = local_start_step,
    .tail_step = local_tail_step,
    .tail_resume = local_tail_resume,
    .wait_step = local_wait_step,
    .destroy_step = local_destroy_step,
    .destroy_workflow = local_destroy_workflow,
    .signal_step = local_signal_step,
    .exec_step = local_exec_step,
    .input_step = local_input_step,
    .resize_step = local_resize_step,
    .kept_sockets = local_kept_sockets,
    .keep_socket = local_keep_socket,
    .capture_step = local_capture_step,
    .discover = local_discover,
    .leftovers = local_leftovers,
    .check = local_check,
    .resume_step = local_resume_step,
    .helpers = local_helpers,
};

Local *local_of(Backend *backend) {
    assert(backend->ops == &local_ops);
    return (Local *)backend;
}

static void copy_options(LocalOptions *own, const LocalOptions *given) {
    size_t n = 0;
    while (given->server_argv[n])
        n++;
    char **argv = xcalloc(n + 1, sizeof *argv);
    for (size_t i = 0; i < n; i++)
        argv[i] = xstrdup(given->server_argv[i]);
    own->server_argv = (const char *const *)argv;
    own->state_dir = xstrdup(given->state_dir);
    own->pin_program = xstrdup(given->pin_program);
    own->rail_log = given->rail_log ? xstrdup(given->rail_log) : NULL;
}

Backend *local_backend_new(Loop *loop, const LocalOptions *options) {
    Local *local = xcalloc(1, sizeof *local);
    local->base = (Backend){.ops = &local_ops, .name = "local", .loop = loop};
    local->base.fields = local_fields(&local->base.field_n);
    copy_options(&local->options, options);
    map_init(&local->tasks);
    map_init(&local->runs);
    list_init(&local->all);
    list_init(&local->queue);
    list_init(&local->execs);
    list_init(&local->clears);
    list_init(&local->endings);
    local->worker = worker_new(loop, 1);
    kept_init(&local->kept);
    local->cgroup = -1;
    local->rail = rail_link_new(loop, &local->options, &rail_events, local);
    return &local->base;
}

void local_backend_say_bye(Backend *backend) {
    rail_link_bye(local_of(backend)->rail);
}
