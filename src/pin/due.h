/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: milliseconds of the monotonic clock, 0 for never. */
#pragma once

#include <stdint.h>

/* How long poll may sleep. */
static inline int due_wait(int64_t due, int64_t now) {
    return due == 0 ? -1 : due <= now ? 0 : due - now > 1000000 ? 1000000 : (int)(due - now);
}
