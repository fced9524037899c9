/* SPDX-License-Identifier: Apache-2.0 */
/* Times, durations and sizes: reading clocks, and the texts people and machines use for them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_boot_ms(void); /* since the machine was started, asleep or not: what nobody can set */
int64_t clock_wall_us(void); /* since 1970 */

/* A point in time for people, and for what is to be counted from it by another process of this
 * boot. */
typedef struct Moment {
    int64_t wall_us;
    int64_t boot_ms; /* 0: unknown */
} Moment;

enum { TIME_TEXT = 40, DURATION_TEXT = 40 };

void time_format_micro(int64_t us, char text[TIME_TEXT]);   /* 2006-01-02T15:04:05.000000Z */
void time_format_seconds(int64_t us, char text[TIME_TEXT]); /* 2006-01-02T15:04:05Z */
/* RFC 3339 with any fraction and offset. */
MUST int time_parse(const char *text, int64_t *ret_us, Err *err);
/* The same in nanoseconds since 1970, which the years 1678 to 2261 have; decimals as few as say
 * it. */
void time_format_nano(int64_t ns, char text[TIME_TEXT]);
MUST int time_parse_nano(const char *text, int64_t *ret_ns, Err *err);

/* Formatting takes what is negative for 0. "300ms", "10s", "1h30m", "1.5h", "0": milliseconds. No
 * sign; a number needs its unit unless it is 0. */
MUST int duration_parse(const char *text, int64_t *ret_ms, Err *err);
void duration_format_go(int64_t ms, char text[DURATION_TEXT]); /* 300ms, 1.5s, 30s, 1m0s, 1h0m0s */
/* For people: 300ms, 1.5s, 42s, 3m12s, 2h5m, 3d4h. */
void duration_format_short(int64_t ms, char text[DURATION_TEXT]);

/* "64MiB", "512KiB", "1GiB", "10kB", "100": bytes. */
MUST int size_parse(const char *text, int64_t *ret_bytes, Err *err);
/* The shortest exact form: 64MiB, 1000. */
void size_format(int64_t bytes, char text[DURATION_TEXT]);
