/* SPDX-License-Identifier: Apache-2.0 */
/* Events, printed a line each: in order of time where all are known, else as they come. */
#pragma once

#include "base/vec.h"
#include "cli/cli.h"

typedef struct EventKept {
    int64_t us;
    const Value *event;
} EventKept;

typedef struct EventPrint {
    Cli *cli;
    bool json;
    int width;           /* of the names */
    bool at_once;        /* printed as they come */
    VEC(EventKept) kept; /* not printed yet, in order of time; in the arena of the call */
} EventPrint;

/* at_once: it is not known when the last one comes. As JSON they are printed as they come. */
void event_print_init(EventPrint *print, Cli *cli, bool at_once);
/* An EventFn; arg: the EventPrint. */
void event_print(void *arg, const Value *event, const char *json, size_t size);
/* No more will come. */
void event_print_rest(EventPrint *print);
