/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of this machine, as /proc shows them: all of them, a tree of them, and what one is
 * called. Who one of them is for ever, boot.h says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/vec.h"

enum { PROCESS_COMMAND = 61 };

typedef bool (*ProcessFn)(void *arg, pid_t pid); /* true: enough */
void process_each(ProcessFn fn, void *arg);

typedef VEC(pid_t) Pids;
/* Appends `root` and everything below it, each after its parent. Zombies and what is below them are
 * left out. */
void process_tree(pid_t root, Pids *pids);

/* Its command line without the directory of the program, cut to the room there is; "": it has none
 * (any more). */
void process_command(pid_t pid, char *ret, size_t size);
