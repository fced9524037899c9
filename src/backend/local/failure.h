/* SPDX-License-Identifier: Apache-2.0 */
/* Why a process could not be started, or how it was lost: one sentence that names the cause. */
#pragma once

#include <stddef.h>

#include "pin/wire.h"

typedef struct Failure {
    RunStage stage;
    int error;           /* errno */
    const char *program; /* as it was asked for, or NULL when nobody knows any more */
    const char *cwd;     /* likewise */
    size_t environment;  /* bytes asked for, 0: unknown */
    const char *path;    /* its PATH, or NULL */
} Failure;

void failure_describe(const Failure *failure, char *ret, size_t size);

/* `code` of an exit record whose end is RUN_END_LOST. */
typedef enum LostHow {
    LOST_PIN = 0,   /* its pin was killed */
    LOST_BOOT = 1,  /* the machine was restarted */
    LOST_START = 2, /* its pin was killed before anybody knew whether it had started */
    LOST_COPY = 3,  /* it is of the state directory that this one is a copy of */
} LostHow;

const char *lost_describe(LostHow how);
