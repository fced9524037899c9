/* SPDX-License-Identifier: Apache-2.0 */
/* The fake backend: no processes. Steps do what their environment says (as those of Woodpecker's
 * dummy backend, plus ours), on the loop's clock, so that scripted loops make scenarios without
 * waiting. For tests and demonstrations. */
#pragma once

#include "backend/backend.h"

Backend *fake_backend_new(Loop *loop);
/* What becomes of the fields of a Config: Backend.fields. */
const BackendField *fake_fields(size_t *ret_n);

/* ---- Scripting, for tests ---- */
/* What a step does: the script for its id's step, else for the step's own name (the only one for
 * exec), in `task`. NULL is any, the most exact script goes first. Consulted at each start; without
 * one its environment says it (fake_plan.c). Calls in flight are finished by nobody after a crash
 * or backend_free. */
typedef struct FakeScript {
    int64_t start_delay_ms; /* until start_step completes */
    int64_t life_ms;        /* until it ends by itself; -1: never */
    StepEnd end;
    int code;
    const char *start_error; /* not NULL: cannot be started, with this sentence */
    int start_errno;         /* ... by its own fault, with this errno; 0: for another reason */
    bool ignores_stop;       /* ends only by SIGKILL */
    bool survives_kill;      /* destroy_step fails with ERR_DENIED */
    const char *output;      /* written at once */
    uint32_t helpers;        /* left running when it has ended, with Step.linger; else ended then */
} FakeScript;

void fake_script(Backend *backend, const char *task, const char *step, const FakeScript *script);
void fake_end(Backend *backend, StepId id, StepEnd end, int code); /* ends a running step now */
StepSize fake_size(Backend *backend, StepId id);                   /* as resize_step said last */
void fake_write(Backend *backend, StepId id, int stream, const char *text);
/* Every call in flight is dropped; running steps go on and can be discovered and resumed. */
void fake_crash_server(Backend *backend);
/* Of runs from before a crash resume_step and destroy_step cannot say what became of them. */
void fake_hide_runs(Backend *backend, bool hidden);
size_t fake_running(const Backend *backend); /* live runs */
/* How often it was really started. */
uint32_t fake_starts(const Backend *backend, const char *task, const char *step);
