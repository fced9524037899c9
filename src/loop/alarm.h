/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm rings at a time of the wall clock, and before that whenever that clock was set or the
 * machine has slept: whoever is told looks at the clock, and sets it anew. Nothing wakes it
 * otherwise; where the kernel gives no timer for that it rings every minute as well. */
#pragma once

#include "loop/loop.h"

typedef struct Alarm Alarm;

Alarm *alarm_new(Loop *loop, LoopFn fn, void *arg); /* not set yet */
Alarm *alarm_free(Alarm *alarm);                    /* NULL is fine; returns NULL */
/* At that time (since 1970), at once if it is past; 0: not at all. */
void alarm_set(Alarm *alarm, int64_t wall_us);
