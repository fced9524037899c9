/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/terminal.h"

#include <string.h>

#include "backend/log_reader.h"
#include "base/xalloc.h"
#include "engine/targets/run_files.h"
#include "engine/targets/step_build.h"
#include "engine/targets/target.h"

enum { END_OF_INPUT = 4 }; /* ^D */

static bool alive(Target *target, Err *err) {
    RunState state = target_facts(target)->run_state;
    if ((state == RUN_RUNNING || state == RUN_STOPPING) && target->begun)
        return true;
    err_set(err, ERR_CONFLICT, "%s is not running", target_name(target));
    return false;
}

/* Only the command that the service is for has it, not its build. */
static const Service *reader(Target *target) {
    const Service *service = target_begun_service(target);
    return service && step_is_main(target) ? service : NULL;
}

static Backend *backend_of(const Target *target) {
    return target->session->engine->backend;
}

static StepId newest(Target *target) {
    return target_step_id(target, target_facts(target)->run);
}

int terminal_look(Target *target, Terminal *ret, Err *err) {
    Err ignored;
    if (!alive(target, err))
        return -1;
    const Service *service = reader(target);
    *ret = (Terminal){.run = target_facts(target)->run};
    ret->tty = service && service->tty;
    ret->stdin_open = service && !service->tty && service->stdin_open;
    AUTO_FREE char *dir = run_files_dir(target->session->dir, target_name(target), ret->run);
    LogReader *reader = log_reader_new(dir);
    if (log_reader_bounds(reader, &ret->log_first, &ret->log_end, &ignored) < 0)
        ret->log_first = ret->log_end = 0; /* it has not written yet */
    log_reader_free(reader);
    return 0;
}

Op *terminal_input(Target *target, const StepInput *input, OpFn fn, void *arg, Err *err) {
    if (!alive(target, err))
        return NULL;
    const Service *service = reader(target);
    if (!service || (!service->tty && !service->stdin_open)) {
        err_set(err, ERR_CONFLICT,
                "%s reads nothing; `tty: true` or `stdin: true` in services.%s changes that",
                target_name(target), target_spec(target)->resource);
        return NULL;
    }
    if (!service->tty || !input->end)
        return backend_input_step(backend_of(target), newest(target), input, fn, arg);
    StepInput keys = *input;
    AUTO_FREE char *bytes = xmalloc(input->n + 1);
    memcpy(bytes, input->n ? input->bytes : "", input->n);
    bytes[keys.n++] = END_OF_INPUT;
    keys.bytes = bytes;
    keys.end = false;
    return backend_input_step(backend_of(target), newest(target), &keys, fn, arg);
}

int terminal_resize(Target *target, StepSize size, Err *err) {
    if (!alive(target, err))
        return -1;
    const Service *service = reader(target);
    if (!service || !service->tty)
        return err_set(err, ERR_CONFLICT,
                       "%s has no terminal; `tty: true` in services.%s gives it one",
                       target_name(target), target_spec(target)->resource);
    op_forget(backend_resize_step(backend_of(target), newest(target), size, NULL, NULL));
    return 0;
}

Op *terminal_tail(Target *target, const TerminalTail *ask) {
    return backend_tail_step(backend_of(target), target_step_id(target, ask->run), ask->from,
                             ask->piece, ask->over, ask->arg);
}

Op *terminal_end(Target *target, uint32_t run, OpFn fn, void *arg) {
    return backend_wait_step(backend_of(target), target_step_id(target, run), fn, arg);
}

void terminal_tail_resume(Engine *engine, Op *tail) {
    backend_tail_resume(engine->backend, tail);
}

int terminal_place(const Target *target, Arena *arena, TerminalPlace *ret, Err *err) {
    Step step;
    if (!target_spec(target)->command)
        return err_set(err, ERR_INVALID, "%s is the config file itself and has no environment",
                       target_name(target));
    step_build(target, arena, &step);
    *ret = (TerminalPlace){.env = step.environment, .path = step.working_dir};
    return 0;
}
