/* SPDX-License-Identifier: Apache-2.0 */
/* The one target that a command at a terminal talks to, and its run. */
#pragma once

#include "cli/cli.h"

typedef struct Remote {
    Cli *cli;
    const char *slug, *name, *object; /* "api:serve", "api.serve"; in the arena of the call */
    uint64_t writer, written;         /* who we are as one who writes, and how much was taken */
    int64_t run;
    bool tty, stdin_open;
    uint64_t log_first, log_end;
} Remote;

/* Finds what NAME stands for: a server rather than its build. */
MUST int remote_find(Cli *cli, const char *name, Remote *ret, Err *err);
/* Learns of its run. ERR_CONFLICT: it does not run. */
MUST int remote_look(Remote *remote, Err *err);
/* The same, and that it reads at all. */
MUST int remote_look_reader(Remote *remote, Err *err);
/* A path below the target's: `input?…`. Returns owned. */
char *remote_path(const Remote *remote, const char *format, ...) PRINTF(2, 3);
/* The body of a reply that has come as a whole: 0, or -1 with what its Status says. */
MUST int remote_status(HttpLines *lines, Err *err);
/* Asks to give the bytes; the reply is to be awaited. */
HttpLines *remote_give(const Remote *remote, const char *bytes, size_t n, bool end, Err *err);
