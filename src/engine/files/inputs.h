/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that need not run (keys `inputs`, `outputs`).
 *
 * What decides is one digest of all that a run depends on as far as the file says it: its
 * definition (command, shell, directory, timeout, which exit codes are success), its environment
 * (what the file gives it, and the values of its `secrets`; of the client's environment nothing
 * else), and the names, contents and executable bits of its inputs. It is taken before a run and
 * written down with it; when the run ends well, that is written too. Until then there is no good
 * run to compare with: neither a run that failed, nor one whose end nobody recorded, nor inputs
 * that change while it runs can make the next one be skipped.
 *
 *   <session's directory>/inputs/<target>.json    {format, run, digest, good, ended_us} */
#pragma once

#include "data/schema.h"
#include "loop/worker.h"

enum { INPUTS_DIGEST = 65 };

typedef struct InputsAsk {
    const char *root; /* the project's */
    const StrList *inputs, *outputs;
    const uint8_t *definition; /* of what else it depends on, DIGEST_BYTES */
    const char *record;        /* path */
} InputsAsk;

typedef struct InputsSeen {
    bool fresh;                 /* nothing has changed, and every output is there */
    char digest[INPUTS_DIGEST]; /* "": the inputs could not be read */
    uint32_t run;               /* fresh: the good run, and when it ended */
    int64_t ended_us;
    char why[256]; /* not fresh: a sentence */
} InputsSeen;

typedef struct InputsLook InputsLook;
typedef void (*InputsFn)(void *arg, const InputsSeen *seen);
/* Looks, on the thread of the worker (NULL: on the loop), and calls `fn` later, from the loop. A
 * worker that is busy beyond measure is an answer too: not fresh. */
InputsLook *inputs_look_new(Loop *loop, Worker *worker, const InputsAsk *ask, InputsFn fn,
                            void *arg);
InputsLook *inputs_look_free(InputsLook *look); /* not interested any more; not from inside fn */

typedef struct InputsRecord {
    uint32_t run;
    char digest[INPUTS_DIGEST];
    bool good;
    int64_t ended_us;
} InputsRecord;
/* What cannot be read is no record. */
bool inputs_read(const char *path, InputsRecord *ret);
/* What cannot be written leaves none: the next run is not skipped. */
void inputs_write(const char *path, const InputsRecord *record);
