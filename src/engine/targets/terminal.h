/* SPDX-License-Identifier: Apache-2.0 */
/* What people at a terminal do with a target: write to it, see what it writes as it comes, borrow
 * its environment. */
#pragma once

#include "engine/engine.h"

/* What the run that is alive can be given. */
typedef struct Terminal {
    uint32_t run;
    bool tty, stdin_open;
    uint64_t log_first, log_end; /* what is kept of its log, bytes */
} Terminal;

/* ERR_CONFLICT: it does not run. */
MUST int terminal_look(Target *target, Terminal *ret, Err *err);

/* NULL: refused, since it does not run or reads nothing. Of a terminal the end of the input is
 * ^D. */
Op *terminal_input(Target *target, const StepInput *input, OpFn fn, void *arg, Err *err);
MUST int terminal_resize(Target *target, StepSize size, Err *err);

/* The bytes of one run from an offset on, until its end. May be held back as backend_tail_step
 * says. */
typedef struct TerminalTail {
    uint32_t run;
    uint64_t from;
    LogFn piece;
    OpFn over;
    void *arg;
} TerminalTail;
Op *terminal_tail(Target *target, const TerminalTail *ask);
/* StepState, once that run has ended. */
Op *terminal_end(Target *target, uint32_t run, OpFn fn, void *arg);
void terminal_tail_resume(Engine *engine, Op *tail);

/* Environment and working directory of its next run, in `arena`. */
typedef struct TerminalPlace {
    StrMap env;
    const char *path;
} TerminalPlace;
MUST int terminal_place(const Target *target, Arena *arena, TerminalPlace *ret, Err *err);
