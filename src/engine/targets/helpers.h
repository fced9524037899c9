/* SPDX-License-Identifier: Apache-2.0 */
/* What runs of a target have left running because its service says `linger`. Nobody tells when one
 * of them ends, or starts another: they are looked at again whenever somebody wants to know. Which
 * runs may have some is in session.json. */
#pragma once

#include "backend/backend.h"
#include "data/json.h"

typedef struct Target Target;

typedef VEC(uint32_t) RunNumbers;
typedef VEC(Helper) HelperList;

typedef struct Helpers {
    RunNumbers runs; /* that may have some, ascending */
    /* by the last look that changed something, by run; at most MAX_HELPERS of them */
    HelperList seen;
    size_t n;   /* how many there are */
    Op *ending; /* those of the first run are being ended */
} Helpers;

void helpers_deinit(Helpers *helpers);

/* The run has ended and left some. */
void helpers_add(Helpers *helpers, uint32_t run);
bool helpers_of_run(const Helpers *helpers, uint32_t run);

/* True if they are others than before. Forgets runs that have none any more. */
bool helpers_look(Helpers *helpers, Backend *backend, StepId id);

/* "2 helpers are left running: 123 (gradle), 124 (sleep)", or "". Names as many as there is room
 * for. */
void helpers_describe(const Helpers *helpers, char *text, size_t size);
