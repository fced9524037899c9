/* SPDX-License-Identifier: Apache-2.0 */
/* The command of a step, under a pin: it goes on whatever becomes of the server. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/argument_limit.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "engine/operations/operation_files.h"
#include "engine/operations/steps.h"
#include "spec/hook_output.h"

enum {
    STOP_GRACE_MS = 10 * 1000,
    STDOUT_MAX = 64 * 1024 * 1024, /* talk and outputs */
    LOG_MAX = 64 * 1024 * 1024
};

static StepId id_of(const Operation *operation) {
    return (StepId){.task = operation->environment->task,
                    .step = operation_step(operation)->name,
                    .run = operation->doing.run};
}

static void ended(Operation *operation, const Err *err) {
    operation->doing.running = false;
    operation->limit = timer_free(operation->limit);
    operation_step_ended(operation, err);
}

/* ---- what it printed ---- */

/* It may have made a machine, which must be found again, though not all went well. */
static bool makes_machine(const LifecycleStep *step) {
    return step->outputs && !step->service;
}

static int read_outputs(Operation *operation, const char *path, Err *err) {
    const LifecycleStep *step = operation_step(operation);
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(path, STDOUT_MAX, &text, &size, err) < 0)
        return err->kind == ERR_LIMIT
                   ? err_set(err, ERR_FAILED,
                             "its stdout, where its outputs are, is larger than %d MiB: what is "
                             "talk belongs on stderr",
                             STDOUT_MAX >> 20)
                   : -1;
    if (hook_output_parse(text, size, &operation->arena, &operation->doing.outputs, err) < 0)
        return -1;
    int r = operation->doing.broken
                ? -1
                : hook_output_require(&operation->doing.outputs, step->outputs, text, size, err);
    if (r < 0 && makes_machine(step))
        operation_keep_compute(operation);
    return r;
}

static void on_captured(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    Err why;
    operation->call = NULL;
    if (!err && read_outputs(operation, result, &why) < 0)
        err = &why;
    ended(operation, operation->doing.broken ? operation->doing.broken : err);
}

/* ---- its end ---- */

/* It has forgotten them, or would have them go on, which only services and runner_deploy do. */
static void note_left(Operation *operation, const StepState *state) {
    uint32_t n = state->killed;
    if (!operation_step(operation)->hook || operation->canceled || operation->doing.late)
        return;
    if (state->lingering) /* how many is not settled: they may just be forking */
        operation->note = "what it has left running goes on";
    else if (n)
        operation->note = arena_printf(
            &operation->arena, "ended %u process%s that the hook had left", n, n == 1 ? "" : "es");
}

/* It has done its work, though not all went well. */
static void note_but(Operation *operation, const char *what) {
    Arena *arena = &operation->arena;
    const char *before = operation->doing.note;
    Err words;
    err_set(&words, ERR_FAILED, "%s", what);
    (void)!operation_add_last_words(operation, &words);
    operation->doing.note =
        before ? arena_printf(arena, "%s; %s", before, words.msg) : arena_strdup(arena, words.msg);
}

static int describe(Operation *operation, const StepState *state, Err *err) {
    const StepDoer *doer = step_doer(operation_step(operation)->kind);
    const char *name = sigabbrev_np(state->code);
    if (state->end == STEP_EXITED && state->code == 0)
        return 0;
    if (state->end == STEP_EXITED && state->code == doer->but.code) {
        note_but(operation, doer->but.note);
        return 0;
    }
    if (operation->canceled)
        return err_set(err, ERR_CANCELLED, "canceled");
    if (operation->doing.late)
        return err_set(err, ERR_TIMEOUT, "it ran for longer than its timeout");
    if (state->end == STEP_EXITED)
        err_set(err, ERR_FAILED, "exit code %d", state->code);
    else if (state->end == STEP_SIGNALED)
        err_set(err, ERR_FAILED, "killed by SIG%s", name ? name : "?");
    else
        return err_set(err, ERR_INTERNAL, "%s",
                       state->error[0] ? state->error : "its exit code is unknown");
    return operation_add_last_words(operation, err);
}

static void on_end(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const LifecycleStep *step = operation_step(operation);
    Err why;
    const StepState *state = result;
    operation->call = NULL;
    sys_point("env-ran");
    if (!err && state->end == STEP_LOST && !operation->canceled && !operation->doing.resumed) {
        operation->doing.running = false; /* once: it may be the command that ends its pin */
        operation->limit = timer_free(operation->limit);
        operation_not_resumed(operation, false);
        return;
    }
    operation->doing.left = err ? 0 : state->lingering;
    if (!err)
        note_left(operation, state);
    if (!err && describe(operation, result, &why) < 0)
        err = arena_dup(&operation->arena, &why, sizeof(why));
    operation->doing.broken = makes_machine(step) && result ? err : NULL;
    if (step->outputs && (!err || operation->doing.broken))
        operation->call = backend_capture_step(operation->engine->backend, id_of(operation),
                                               on_captured, operation);
    else
        ended(operation, err);
}

static void on_late(void *arg) {
    Operation *operation = arg;
    operation->doing.late = true;
    operation_stop_run(operation);
}

/* Counted from the start of the step, whichever server saw it. */
static void limit(Operation *operation) {
    const EnvironmentHook *hook = operation_step(operation)->hook;
    Loop *loop = operation->engine->loop;
    operation->doing.late = false;
    if (!hook || !hook->timeout_ms)
        return;
    int64_t left_ms = hook->timeout_ms - (loop_wall_us(loop) - operation->doing.started_us) / 1000;
    operation->limit = timer_new(loop, left_ms > 0 ? left_ms : 0, on_late, operation);
}

static void follow(Operation *operation) {
    operation->doing.running = true;
    limit(operation);
    environment_touch(operation->environment); /* those who follow its log open it now */
    operation->call =
        backend_wait_step(operation->engine->backend, id_of(operation), on_end, operation);
    if (operation->canceled)
        operation_stop_run(operation);
}

static void on_started(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const StepState *state = result;
    operation->call = NULL;
    sys_point("env-runs");
    if (err || state->phase != STEP_RUNNING)
        on_end(operation, result, err);
    else
        follow(operation);
}

/* ---- its beginning ---- */

static void fill(const Operation *operation, const StepCommand *command, Step *ret) {
    const LifecycleStep *step = operation_step(operation);
    *ret = (Step){.name = step->name,
                  .uuid = step->name,
                  .type = STEP_PROCESS,
                  .working_dir = command->run.cwd,
                  .environment = command->run.env,
                  .entrypoint = command->run.argv,
                  .secrets = command->secrets,
                  .on_success = true,
                  .linger = step->kind == STEP_DEPLOY,
                  .capture = step->outputs != NULL,
                  .end_signal = SIGTERM,
                  .end_grace_ms = STOP_GRACE_MS,
                  .log_max = LOG_MAX,
                  .process = operation->ask.client->process};
}

typedef struct Commanding {
    Operation *operation;
    StepCommand command;
} Commanding;

static int do_command(Blocking *blocking, Err *err) {
    Commanding *commanding = blocking->ask;
    Operation *operation = commanding->operation;
    blocking->result = &commanding->command;
    blocking->result_size = sizeof(commanding->command);
    const StepDoer *doer = step_doer(operation_step(operation)->kind);
    if (doer->command(operation, &blocking->arena, &commanding->command, err) < 0)
        return -1;
    const ComputeCommand *run = &commanding->command.run;
    return arguments_check(&(Step){.entrypoint = run->argv, .environment = run->env}, err);
}

static void on_commanded(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const StepCommand *command = result;
    Step run;
    operation->call = NULL;
    if (!err && command->note)
        operation->doing.note = arena_strdup(&operation->arena, command->note);
    if (err || !command->run.argv.n || operation->canceled) { /* or nothing is to be done */
        Err why = {.kind = ERR_CANCELLED, .msg = "canceled"};
        operation->doing.run = 0; /* there is none */
        operation_step_ended(operation, err ? err : operation->canceled ? &why : NULL);
        return;
    }
    fill(operation, command, &run);
    operation_tell(operation, EVENT_STEP_STREAMING, NULL, NULL);
    operation->call = backend_start_step(operation->engine->backend, id_of(operation), &run,
                                         on_started, operation);
}

void operation_run(Operation *operation) {
    Blocking *blocking = blocking_files(operation->engine);
    Commanding *commanding = arena_alloc(&blocking->arena, sizeof(*commanding));
    commanding->operation = operation;
    operation->call = operation_work(operation, blocking, commanding, do_command, on_commanded);
}

/* ---- of a server before ---- */

static void on_resumed(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const StepState *state = result;
    operation->call = NULL;
    sys_point("env-resumed");
    if (!err && state->phase == STEP_RUNNING)
        follow(operation);
    else if (!err && state->phase == STEP_ENDED && state->end != STEP_LOST)
        on_end(operation, result, NULL);
    else
        operation_not_resumed(operation, !err && state->phase == STEP_NEVER);
}

void operation_resume(Operation *operation) {
    operation->call =
        backend_resume_step(operation->engine->backend, id_of(operation), on_resumed, operation);
}

/* ---- to end it ---- */

const StopHow operation_stop_how = {.signal = SIGTERM, .grace_ms = STOP_GRACE_MS, .helpers = true};

/* What could not be ended is not waited for: it is named. */
static void on_stopped(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->stop = NULL;
    if (!err || !operation->doing.running)
        return;
    op_drop(operation->call);
    operation->call = NULL;
    ended(operation, err);
}

void operation_stop_run(Operation *operation) {
    if (operation->doing.running && !operation->stop)
        operation->stop = backend_destroy_step(operation->engine->backend, id_of(operation),
                                               &operation_stop_how, on_stopped, operation);
}

/* ---- to end what a server before has begun ---- */

static StepId id_of_begun(const Operation *operation) {
    return (StepId){.task = operation->environment->task,
                    .step = operation->begun.step,
                    .run = operation->begun.run};
}

static void on_begun_ended(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->call = NULL;
    operation->begun.ended = true;
    if (err)
        log_warn("environment %s: %s of a server before: %s", operation->environment->slug,
                 operation->begun.step, err->msg);
    operation_begin(operation);
}

static void on_begun_found(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    const StepState *state = result;
    operation->call = NULL;
    if (err || state->phase != STEP_RUNNING) {
        on_begun_ended(operation, NULL, err);
        return;
    }
    operation_audit(operation, operation->begun.step, "lost",
                    "its command was ended: another server works on the environment");
    operation->call = backend_destroy_step(operation->engine->backend, id_of_begun(operation),
                                           &operation_stop_how, on_begun_ended, operation);
}

static void on_begun_set_up(void *arg, const void *result, const Err *err) {
    Operation *operation = arg;
    operation->call = NULL;
    if (err)
        on_begun_ended(operation, NULL, err);
    else
        operation->call = backend_resume_step(operation->engine->backend, id_of_begun(operation),
                                              on_begun_found, operation);
}

void operation_end_begun(Operation *operation) {
    const Environment *environment = operation->environment;
    operation->call = backend_setup_workflow(operation->engine->backend, environment->task,
                                             environment->dir, NULL, on_begun_set_up, operation);
}
