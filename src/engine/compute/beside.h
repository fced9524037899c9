/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is written under a name of its own beside the one that it is to be, so that nobody
 * ever sees half of it. It is locked by its writer: one that nobody has locked is of a writer that
 * was killed, and is swept. Blocks: for a worker. */
#pragma once

#include <stdbool.h>

enum { BESIDE_NAME = 32 };

typedef struct Beside {
    int dir, fd;
    char name[BESIDE_NAME];
} Beside;

/* Opened to be written, 0600, in the directory `dir`, which is lent. -1: errno. */
int beside_open(int dir, Beside *ret);
/* Ends it, and keeps errno. What was not renamed meanwhile is gone. */
void beside_close(Beside *beside);

/* Could one be called so? Whatever else it is, it is nobody's work. */
bool beside_is_name(const char *name);
/* Removes what killed writers have left in a directory. */
void beside_sweep(int dir);
