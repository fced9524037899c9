/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program that looks at something and soon ends (git status), and waits for it: for a
 * Worker, never for the loop; if the worker is freed meanwhile, or who has asked wants no more of
 * it, the program is ended. What changes something is run under a pin (ComputeCommand). */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "data/schema.h"
#include "data/strmap.h"

enum { TOOL_OUTPUT_MAX = 4 << 20, TOOL_ERRORS_MAX = 16 << 10, TOOL_TIMEOUT_MS = 60 * 1000 };

typedef struct ToolAsk {
    const char *const *argv; /* ends with NULL; argv[0] is looked for on the PATH of `env` */
    const StrMap *env;
    const char *cwd;
} ToolAsk;

typedef struct ToolDone {
    int code;        /* 128 + the signal that ended it */
    const char *out; /* what it wrote, ended by a NUL */
    size_t out_n;
    bool cut;          /* it wrote more than TOOL_OUTPUT_MAX */
    const char *error; /* of stderr the line that says why: "fatal: …", or the last one; "" */
} ToolDone;

/* Absolute path of a program; NULL: it is not on the PATH of `env`. */
const char *tool_find(const char *name, const StrMap *env, Arena *arena);
/* 0 whatever its exit code. ERR_UNAVAILABLE: there is no such program, or it cannot be started;
 * ERR_TIMEOUT: it was ended; ERR_CANCELLED: likewise, since the worker leaves, or the piece of work
 * is wanted no more (worker_heed()). It has no stdin. */
MUST int tool_run(const ToolAsk *ask, Arena *arena, ToolDone *ret, Err *err);
/* The lines of what it prints, without empty ones. ERR_UNAVAILABLE also if its exit code is not 0:
 * with the last line of what it says. */
MUST int tool_lines(const ToolAsk *ask, Arena *arena, StrList *ret, Err *err);
