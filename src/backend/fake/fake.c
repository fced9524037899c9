/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/fake/fake.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fake/fake_inside.h"
#include "backend/step_name.h"
#include "base/arena.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"

static const BackendOps fake_ops;

/* ---- Helpers of all files ---- */

Fake *fake_of(Backend *backend) {
    assert(backend->ops == &fake_ops);
    return (Fake *)backend;
}

Op *fake_op(Fake *fake, OpFn fn, void *arg, OpCancelFn cancel, void *state) {
    Op *op = op_new(fake->base.loop, fn, arg, cancel, state);
    op_list_add(&fake->calls, op);
    return op;
}

static Op *refuse(Fake *fake, const Err *err, OpFn fn, void *arg) {
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, err);
    return op;
}

static Op *done(Fake *fake, OpFn fn, void *arg) {
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, NULL);
    return op;
}

static void cancel_call(Op *op, void *state) {
    fake_call_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

FakeCall *fake_call_new(Fake *fake, List *list, OpFn fn, void *arg) {
    FakeCall *call = xcalloc(1, sizeof(*call));
    call->fake = fake;
    call->op = fake_op(fake, fn, arg, cancel_call, call);
    list_append(list, &call->link);
    return call;
}

FakeCall *fake_call_free(FakeCall *call) {
    list_remove(&call->link);
    timer_free(call->timer);
    fake_plan_clear(&call->plan);
    free(call->task);
    free(call);
    return NULL;
}

char *fake_run_dir(const Fake *fake, StepId id) {
    AUTO_FREE char *name = step_to_name(id.step);
    return xasprintf("%s/runs/%s/%u", (const char *)map_get(&fake->tasks, id.task), name, id.run);
}

char *fake_key(StepId id) {
    return xasprintf("%s\n%s\n%u", id.task, id.step, id.run);
}

FakeRun *fake_run(const Fake *fake, StepId id) {
    AUTO_FREE char *key = fake_key(id);
    return map_get(&fake->by_id, key);
}

/* The run, if this server knows it. */
static FakeRun *known_run(Fake *fake, StepId id, Err *err) {
    FakeRun *run = fake_run(fake, id);
    if (run && run->known && run->phase != FAKE_VOID)
        return run;
    err_set(err, ERR_NOT_FOUND, "run %u of %s in %s was neither started nor resumed", id.run,
            id.step, id.task);
    return NULL;
}

/* ---- The contract ---- */

static bool fake_available(Backend *backend, Err *why) {
    return true;
}

static Op *fake_load(Backend *backend, OpFn fn, void *arg) {
    backend->platform = "fake";
    return done(fake_of(backend), fn, arg);
}

/* Of tasks that were destroyed: their names may be used again, and there may be thousands of runs.
 * What a server before has left is looked up by the next one. */
static void forget_ended(Fake *fake) {
    FakeRun *run;
    LIST_FOREACH_SAFE (run, &fake->runs, link) {
        bool idle = list_empty(&run->tails) && list_empty(&run->waits) && list_empty(&run->stops);
        if (run->dismissed && run->phase == FAKE_ENDED && idle)
            fake_run_free(run);
    }
}

/* The step whose environment asks for it. */
static const Step *spoiler(const WorkflowConfig *config) {
    for (size_t i = 0; config && i < config->stages.n; i++)
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++) {
            const Step *step = &config->stages.at[i].steps.at[k];
            if (str_same(strmap_get(&step->environment, "STEP_SETUP_FAIL"), "true"))
                return step;
        }
    return NULL;
}

static Op *blame(Fake *fake, const Step *step, OpFn fn, void *arg) {
    SetupBlame blame = {.why = "expected fail to setup step"};
    str_copy(blame.step, sizeof(blame.step), step->uuid);
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_finish(op, &blame, sizeof(blame), NULL);
    return op;
}

static bool hangs(const char *task) {
    return strcmp(task, "WorkflowEngineShouldHang") == 0;
}

/* As an engine that has gone silent. */
static Op *never(Fake *fake, const char *task, OpFn fn, void *arg) {
    FakeCall *call = fake_call_new(fake, &fake->ends, fn, arg);
    call->task = xstrdup(task);
    return call->op;
}

static Op *fake_setup_workflow(Backend *backend, const char *task, const char *dir,
                               const WorkflowConfig *config, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    if (strcmp(task, "WorkflowSetupShouldFail") == 0) {
        Err err = {0};
        err_set(&err, ERR_UNAVAILABLE, "expected fail to setup workflow");
        return refuse(fake, &err, fn, arg);
    }
    if (hangs(task))
        return never(fake, task, fn, arg);
    if (!map_get(&fake->tasks, task))
        forget_ended(fake);
    free(map_put(&fake->tasks, task, xstrdup(dir)));
    const Step *spoils = spoiler(config);
    if (spoils)
        return blame(fake, spoils, fn, arg);
    return done(fake, fn, arg);
}

static void forget_tasks(Fake *fake) {
    const char *task;
    void *dir;
    for (size_t at = 0; map_next(&fake->tasks, &at, &task, &dir);)
        free(dir);
    map_deinit(&fake->tasks);
}

static Op *fake_start_step(Backend *backend, StepId id, const Step *step, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Err err = {0};
    if (!map_get(&fake->tasks, id.task))
        err_set(&err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
    else if (fake_run(fake, id))
        err_set(&err, ERR_CONFLICT, "run %u of %s in %s exists already", id.run, id.step, id.task);
    if (err.kind != ERR_NONE)
        return refuse(fake, &err, fn, arg);
    FakeRun *run = fake_run_new(fake, id, step);
    run->start = fake_op(fake, fn, arg, NULL, NULL);
    return run->start;
}

static Op *fake_wait_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Err err = {0};
    FakeRun *run = known_run(fake, id, &err);
    if (run && run->plan.tail_fails)
        err_set(&err, ERR_UNAVAILABLE, "expected fail to read stdout of step");
    if (err.kind != ERR_NONE)
        return refuse(fake, &err, fn, arg);
    if (run->phase != FAKE_ENDED)
        return fake_call_new(fake, &run->waits, fn, arg)->op;
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_finish(op, &run->state, sizeof(run->state), NULL);
    return op;
}

/* The disk does not say what became of it. */
static bool is_hidden(const Fake *fake, const FakeRun *run, Err *err) {
    if (!fake->hidden || !run || run->known)
        return false;
    err_set(err, ERR_INVALID, "the record of run %u of %s cannot be read", run->run, run->step);
    return true;
}

static Op *end_helpers(FakeRun *run, OpFn fn, void *arg) {
    Err err = {0};
    if (run->plan.survives_kill && run->state.lingering) {
        err_set(&err, ERR_DENIED, "a helper of %s cannot be ended", run->step);
        return refuse(run->fake, &err, fn, arg);
    }
    run->state.lingering = 0;
    return done(run->fake, fn, arg);
}

static size_t fake_helpers(Backend *backend, StepId id, Helper *ret, size_t max) {
    const FakeRun *run = fake_run(fake_of(backend), id);
    size_t n = run && run->phase == FAKE_ENDED ? run->state.lingering : 0;
    for (size_t i = 0; i < n && i < max; i++)
        ret[i] =
            (Helper){.run = id.run, .pid = run->state.pid * 10 + (int64_t)i, .command = "helper"};
    return n;
}

static Op *fake_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    FakeRun *run = fake_run(fake, id);
    Err err = {0};
    if (is_hidden(fake, run, &err))
        return refuse(fake, &err, fn, arg);
    if (run && run->phase == FAKE_ENDED && how->helpers)
        return end_helpers(run, fn, arg);
    if (!run || run->phase == FAKE_ENDED || run->phase == FAKE_VOID)
        return done(fake, fn, arg);
    Op *op = fake_call_new(fake, &run->stops, fn, arg)->op;
    fake_run_stop(run, how);
    return op;
}

/* What is left ends as its plan says, as if it had slept to its end; what does not care for that,
 * or would have failed by its age, is killed. */
static void end_with_task(FakeRun *run) {
    const FakePlan *plan = &run->plan;
    static const StopHow at_once = {.signal = SIGTERM};
    if (run->phase == FAKE_RUNNING && plan->stopped_code >= 0 && !plan->end_error)
        fake_run_end(run, plan->end, plan->code, NULL);
    else
        fake_run_stop(run, &at_once);
}

static Op *fake_destroy_workflow(Backend *backend, const char *task, const WorkflowConfig *config,
                                 OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    bool living = hangs(task);
    FakeRun *run;
    free(map_remove(&fake->tasks, task));
    LIST_FOREACH (run, &fake->runs, link) {
        if (strcmp(run->task, task) != 0)
            continue;
        run->dismissed = true;
        end_with_task(run);
        living |= run->phase == FAKE_RUNNING || run->phase == FAKE_LAUNCHED;
    }
    if (!living)
        return done(fake, fn, arg);
    FakeCall *call = fake_call_new(fake, &fake->ends, fn, arg);
    call->task = xstrdup(task);
    return call->op;
}

static Op *fake_signal_step(Backend *backend, StepId id, int signal, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Err err = {0};
    FakeRun *run = known_run(fake, id, &err);
    if (run && run->phase != FAKE_RUNNING)
        err_set(&err, ERR_CONFLICT, "run %u of %s is not running", id.run, id.step);
    if (err.kind != ERR_NONE)
        return refuse(fake, &err, fn, arg);
    bool kills = signal == SIGKILL && !run->plan.survives_kill;
    bool ends = signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
    if (kills || (ends && !run->plan.ignores_stop && !run->plan.survives_kill))
        fake_run_end(run, STEP_SIGNALED, signal, NULL);
    return done(fake, fn, arg);
}

/* ---- exec: a command beside a step, by the script of the command's own name ---- */

static void finish_exec(FakeCall *call) {
    ExecResult result = {
        .timed_out = call->timed_out, .end = call->plan.end, .code = call->plan.code};
    if (call->timed_out) {
        result.end = STEP_SIGNALED;
        result.code = SIGKILL;
    } else if (call->plan.start_error) {
        result.end = STEP_FAILED;
    }
    const char *said = call->plan.start_error ? call->plan.start_error : call->plan.output;
    snprintf(result.output, sizeof(result.output), "%s", said ? said : "");
    op_finish(call->op, &result, sizeof(result), NULL);
    fake_call_free(call);
}

static void on_exec_over(void *arg) {
    finish_exec(arg);
}

static Op *fake_exec_step(Backend *backend, StepId id, const Step *step, int64_t timeout_ms,
                          OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    if (!map_get(&fake->tasks, id.task)) {
        Err err = {0};
        err_set(&err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
        return refuse(fake, &err, fn, arg);
    }
    FakeCall *call = fake_call_new(fake, &fake->execs, fn, arg);
    fake_plan_make(fake, (StepId){.task = id.task}, step, &call->plan);
    int64_t life_ms = call->plan.start_error ? 0 : call->plan.life_ms;
    call->timed_out = timeout_ms > 0 && (life_ms < 0 || life_ms > timeout_ms);
    Op *op = call->op;
    if (call->timed_out || life_ms >= 0)
        call->timer =
            timer_new(fake->base.loop, call->timed_out ? timeout_ms : life_ms, on_exec_over, call);
    return op;
}

/* ---- Discovery and resumption ---- */

static int compare_steps(const void *a, const void *b) {
    const DiscoveredStep *x = a, *y = b;
    int order = strcmp(x->task, y->task);
    if (order == 0)
        order = strcmp(x->step, y->step);
    return order ? order : (x->run > y->run) - (x->run < y->run);
}

static Op *fake_discover(Backend *backend, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    Arena *arena = op_arena(op);
    DiscoveredStep *steps = arena_alloc(arena, fake_running(backend) * sizeof(*steps));
    size_t n = 0;
    FakeRun *run;
    LIST_FOREACH (run, &fake->runs, link) {
        if (run->phase == FAKE_RUNNING)
            steps[n++] = (DiscoveredStep){.task = arena_strdup(arena, run->task),
                                          .step = arena_strdup(arena, run->step),
                                          .run = run->run,
                                          .container = "",
                                          .pid = run->state.pid};
    }
    qsort(steps, n, sizeof(*steps), compare_steps);
    op_finish(op, &(Discovered){.at = steps, .n = n}, sizeof(Discovered), NULL);
    return op;
}

static Op *fake_resume_step(Backend *backend, StepId id, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    FakeRun *run = fake_run(fake, id);
    StepState never = {.phase = STEP_NEVER, .container = "", .oom_killed = UNKNOWN};
    Err err = {0};
    if (!map_get(&fake->tasks, id.task))
        err_set(&err, ERR_NOT_FOUND, "workflow %s was not set up", id.task);
    else if (run && run->start)
        err_set(&err, ERR_CONFLICT, "run %u of %s is being started", id.run, id.step);
    if (err.kind != ERR_NONE || is_hidden(fake, run, &err))
        return refuse(fake, &err, fn, arg);
    if (!run)
        run = fake_run_again(fake, id);
    if (run && run->phase == FAKE_LAUNCHED) { /* nobody has claimed it: nobody will */
        run->phase = FAKE_VOID;
        run->timer = timer_free(run->timer);
    }
    bool is = run && run->phase != FAKE_VOID && run->phase != FAKE_LAUNCHED;
    if (is)
        run->known = true;
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_finish(op, is ? &run->state : &never, sizeof(StepState), NULL);
    return op;
}

/* ---- Life ---- */

void fake_crash_server(Backend *backend) {
    Fake *fake = fake_of(backend);
    FakeRun *run;
    LIST_FOREACH (run, &fake->runs, link) {
        fake_run_lose_calls(run);
        run->known = false;
    }
    while (!list_empty(&fake->execs))
        fake_call_free(LIST_ENTRY(fake->execs.next, (FakeCall *)NULL, link));
    while (!list_empty(&fake->ends))
        fake_call_free(LIST_ENTRY(fake->ends.next, (FakeCall *)NULL, link));
    op_list_abandon(&fake->calls);
    forget_tasks(fake);
    map_init(&fake->tasks);
}

void fake_hide_runs(Backend *backend, bool hidden) {
    fake_of(backend)->hidden = hidden;
}

static void fake_free(Backend *backend) {
    Fake *fake = fake_of(backend);
    fake_crash_server(backend);
    while (!list_empty(&fake->runs))
        fake_run_free(LIST_ENTRY(fake->runs.next, (FakeRun *)NULL, link));
    while (!list_empty(&fake->rules))
        fake_rule_free(LIST_ENTRY(fake->rules.next, (FakeRule *)NULL, link));
    map_deinit(&fake->by_id);
    map_deinit(&fake->starts);
    fake_kept_free(fake);
    forget_tasks(fake);
    free(fake);
}

static const BackendOps fake_ops = {
    .free = fake_free,
    .available = fake_available,
    .load = fake_load,
    .setup_workflow = fake_setup_workflow,
    .start_step = fake_start_step,
    .tail_step = fake_tail_step,
    .tail_resume = fake_tail_resume,
    .wait_step = fake_wait_step,
    .destroy_step = fake_destroy_step,
    .destroy_workflow = fake_destroy_workflow,
    .signal_step = fake_signal_step,
    .exec_step = fake_exec_step,
    .input_step = fake_input_step,
    .resize_step = fake_resize_step,
    .kept_sockets = fake_kept_sockets,
    .keep_socket = fake_keep_socket,
    .discover = fake_discover,
    .resume_step = fake_resume_step,
    .helpers = fake_helpers,
};

Backend *fake_backend_new(Loop *loop) {
    Fake *fake = xcalloc(1, sizeof(*fake));
    fake->base = (Backend){.ops = &fake_ops, .name = "fake", .platform = "", .loop = loop};
    fake->base.fields = fake_fields(&fake->base.field_n);
    list_init(&fake->runs);
    list_init(&fake->rules);
    map_init(&fake->by_id);
    map_init(&fake->starts);
    list_init(&fake->execs);
    list_init(&fake->ends);
    map_init(&fake->tasks);
    return &fake->base;
}
