/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones: what time it is on the wall of a place. Read from the files of tzdata (TZif, RFC
 * 9636), with the rule at their end for all the years behind. Pure but for zone_load. Seconds since
 * 1970; local seconds are those that a clock on the wall would have counted, had it always run like
 * that. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

typedef struct ZoneType {
    int32_t offset; /* seconds east of Greenwich */
    bool dst;
    const char *name; /* "CEST" */
} ZoneType;

/* A day and a time at which a rule changes: "M3.5.0/2", "J60", "59". */
typedef struct ZoneDay {
    char kind; /* 'M', 'J', or 0: day of the year from 0 */
    int month, week, day;
    int32_t time; /* seconds into that day; may be negative, or more than a day */
} ZoneDay;

typedef struct Zone {
    int64_t *at; /* when something changes, ascending */
    uint8_t *type;
    size_t n;
    ZoneType *types;
    size_t type_n;
    /* from the last change on */
    bool has_rule, has_dst;
    ZoneType standard, summer;
    ZoneDay begin, end; /* of summer */
} Zone;

/* A file of tzdata. What it holds lives in the arena. */
MUST int zone_parse(const void *bytes, size_t size, Arena *arena, Zone *ret, Err *err);
/* By name ("Europe/Berlin"); NULL: the machine's own. UTC needs no file. ERR_NOT_FOUND: there is
 * none of that name. */
MUST int zone_load(const char *name, Arena *arena, Zone *ret, Err *err);

/* What holds at that time. Good as long as the zone. */
const ZoneType *zone_at(const Zone *zone, int64_t utc);
int64_t zone_local(const Zone *zone, int64_t utc);
/* The first time at which the wall shows `local`; if it never does, because clocks are put forward
 * over it, the moment when they are. */
int64_t zone_utc(const Zone *zone, int64_t local);
