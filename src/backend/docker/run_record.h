/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a run beside its log, in its directory, each file 0600:
 *
 *   run.json   who it is: written before the engine is asked, and again once it runs
 *   secrets    what is masked in its log, each with its NUL; goes at its end
 *   exit.json  how it ended, or that it never was and never will be; written before anybody hears
 *              of it, so that it is known when the container is long gone */
#pragma once

#include "backend/backend.h"

typedef struct RunNote {
    const char *name;      /* of the container */
    const char *container; /* the engine's id; "" before it is created */
    int64_t started_us;    /* by the engine; 0: it was not heard of yet */
    uint64_t log_from;     /* where the container's log begins in ours */
    uint64_t log_max;
    bool stopping; /* it is to get the signal of a stop, and may have had it */
    bool script;   /* its first process is a shell that runs our script */
    uint32_t restarts, attempt;
    const char *cause;
} RunNote;

/* Reading: 1 it is there, 0 it is not, -1: err. Strings in `arena`. */
MUST int run_note_write(const char *dir, const RunNote *note, Err *err);
MUST int run_note_read(const char *dir, Arena *arena, RunNote *ret, Err *err);
/* Of a state that is ENDED or NEVER. */
MUST int run_end_write(const char *dir, const StepState *state, Err *err);
MUST int run_end_read(const char *dir, Arena *arena, StepState *ret, Err *err);
MUST int run_secrets_write(const char *dir, const StrList *secrets, Err *err);
/* Owned; empty where there are none. */
MUST int run_secrets_read(const char *dir, char **ret, size_t *ret_size, Err *err);
void run_secrets_remove(const char *dir);
