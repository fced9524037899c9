/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at backends for people: what is available, where, which version, and what is left there
 * of tasks that nobody knows any more. */
#pragma once

#include "engine/engine.h"

typedef struct SeenLeftover {
    Leftover what;
    bool orphan; /* of no living session or workflow */
} SeenLeftover;

typedef struct SeenBackend {
    const char *name;
    bool available;                         /* it can be used, and answers */
    char why[512];                          /* not: one sentence */
    const char *platform, *version, *where; /* NULL: there is none, or it is not known */
    StrMap options;                         /* those that were given */
    const BackendField *fields;             /* of a Config */
    size_t field_n;
    struct {
        SeenLeftover *at;
        size_t n;
    } left; /* only if asked for */
} SeenBackend;

typedef struct SeenBackends {
    const SeenBackend *at; /* the preferred first */
    size_t n;
} SeenBackends;

typedef struct BackendsAsk {
    const char *name;     /* NULL: all */
    const Value *options; /* BackendWish.options */
    bool leftovers;
} BackendsAsk;

/* SeenBackends. Who does not answer for a while is not available. ERR_NOT_FOUND: there is no such
 * backend; ERR_INVALID: the options. */
Op *backends_look(Engine *engine, const BackendsAsk *ask, OpFn fn, void *arg);
