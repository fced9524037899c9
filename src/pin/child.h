/* SPDX-License-Identifier: Apache-2.0 */
/* Between fork and exec. */
#pragma once

#include "pin/wire.h"

#include <stdnoreturn.h>
#include <sys/types.h>

/* What the child writes to `error` when it could not become what was asked; end of file means that it did. */
typedef struct ChildFailure {
    uint32_t stage; /* RunStage */
    int32_t error;  /* errno */
} ChildFailure;

typedef struct Child {
    const Launch *launch;
    pid_t parent;
    int out, err; /* the process's stdout and stderr; descriptor 0 is /dev/null already */
    int error;    /* write end, close-on-exec */
} Child;

/* In the forked child: becomes the process. argv and envp are made here, in memory that is not the pin's. The program is
 * found as execvp would, in PATH of the new environment. */
noreturn void child_exec(const Child *c);

/* Fills `to` with pointers to `count` consecutive strings (those before `end`, unless that is NULL) and NULL. Returns where
 * more may follow. */
char **child_point(char **to, const char *strings, const char *end, uint32_t count);

/* Default dispositions, nothing blocked: what a program expects. */
void child_reset_signals(void);
