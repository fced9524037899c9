/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are values: a kind, which callers branch on, and one sentence for people. Nobody compares
 * sentences.
 *
 *     if (store_load(store, id, &env, err) < 0)
 *         return err_in(err, "environment %s", id);
 *
 * A function that can fail returns 0 or -1 and takes `Err *err` last; err may be NULL where the
 * caller does not care. Sentences: lower case, no full stop, the thing, the value, and the way out
 * if it is known. */
#pragma once

#include "base/attr.h"

typedef enum ErrKind {
    ERR_NONE,
    ERR_INVALID, /* what was given is wrong */
    ERR_NOT_FOUND,
    ERR_CONFLICT, /* it exists already, or is busy with something else */
    ERR_DENIED,
    ERR_UNAVAILABLE, /* something we need is not there (now) */
    ERR_TIMEOUT,
    ERR_CANCELLED,
    ERR_LIMIT,
    ERR_INTERNAL,
    ERR_FAILED, /* what the project has us run: we did our part */
} ErrKind;

typedef struct Err {
    ErrKind kind;
    char msg[508];
} Err;

/* All four return -1. */
int err_set(Err *err, ErrKind kind, const char *format, ...) PRINTF(3, 4);
/* "open x: no such file or directory" */
int err_sys(Err *err, int number, const char *format, ...) PRINTF(3, 4);
int err_in(Err *err, const char *format, ...) PRINTF(2, 3); /* puts "context: " in front */
/* Adds "; did you mean LIKE?", or without one `otherwise`, which may be "". */
int err_suggest(Err *err, const char *like, const char *otherwise);

ErrKind err_kind_of(int number);                /* of an errno */
const char *err_reason(ErrKind kind);           /* of a Kubernetes Status: "NotFound" */
ErrKind err_kind_of_reason(const char *reason); /* ERR_NONE: of none, or NULL */
int err_http(ErrKind kind);
int err_exit_code(ErrKind kind); /* docs/cli.md */
