/* SPDX-License-Identifier: Apache-2.0 */
/* Pins whose run directory was removed under them: no record leads to them any more, only what
 * /proc shows of them, the place where the directory was and the name of their socket. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"

typedef struct LostPin {
    const char *task;   /* name of the directory above its runs/, or exec/ */
    const char *socket; /* its abstract name */
    pid_t pin;
} LostPin;

typedef struct LostPins {
    LostPin *at; /* ordered by task, pin */
    size_t n, cap;
} LostPins;

/* One look through /proc for those of a state directory; in `arena`. */
LostPins lost_pins_find(const char *state_dir, Arena *arena);
