/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that carry the stamp of a run (THOLE_RUN_ID in their environment) although no pin is
 * their parent any more: what a killed pin, and a killed rail, have left behind. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

typedef struct Survivor {
    const char *id; /* of the run, one of those asked for */
    pid_t pid;
    uint32_t uid;
    char name[16];
} Survivor;

/* `killed`: it was sent SIGKILL; else it may not be signalled. */
typedef void (*SurvivorFn)(void *arg, const Survivor *survivor, bool killed);

/* Looks once through /proc and kills each process that carries one of the ids, telling of each. Ask
 * again until none is told of: they may fork meanwhile. Each is named by a pidfd that was open
 * while its environment was read. */
void survivors_kill(const char *const *ids, size_t n, SurvivorFn fn, void *arg);
/* Tells of the children of the rail that are another user's: orphans of killed pins, which it may
 * not end, and whose stamp nobody of ours may read. `id` is NULL. */
void survivors_of_others(pid_t rail, SurvivorFn fn, void *arg);
