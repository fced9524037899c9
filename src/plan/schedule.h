/* SPDX-License-Identifier: Apache-2.0 */
/* When a scheduled job is next due. Pure.
 *
 * Cron times are those of a clock on the wall of a zone. Where clocks are put forward, a time that
 * is skipped comes once, at the moment they are; where they are put back, a time that comes twice
 * counts the first time. That is so of schedules that name hours of the day; one that comes in
 * every hour goes by what passes, and so neither waits for an hour nor runs twice. */
#pragma once

#include "base/zone.h"
#include "spec/config.h"
#include "spec/cron.h"

enum {
    /* What was missed, because no server was there or the machine slept, is made up for, once, if
     * it is no older. */
    SCHEDULE_LATE_MS = 24 * 3600 * 1000,
    /* Clocks that are put back by less are waited for; by more, times come again. */
    SCHEDULE_BACK_MS = 3 * 3600 * 1000,
};

typedef struct ScheduleRule {
    int64_t interval_ms; /* 0: by cron */
    Cron cron;
    Zone zone;
} ScheduleRule;

/* What `zone` points to is lent as long as the rule is used. Its cron was checked when the file was
 * read. */
void schedule_rule(const Schedule *schedule, const Zone *zone, ScheduleRule *ret);

/* The first time after `after_us` (wall clock, since 1970). -1: none within the next ten years. */
int64_t schedule_next(const ScheduleRule *rule, int64_t after_us);
/* From when on it counts, given what was written down: clocks that were put back far enough make
 * times come again. */
int64_t schedule_since(const ScheduleRule *rule, int64_t last_us, int64_t now_us);
/* When it is due: `last_us` is the time it was due last, or from which on it counts. A time in the
 * past was missed, and is the newest of those that may still be made up for. -1 as above. */
int64_t schedule_due(const ScheduleRule *rule, int64_t last_us, int64_t now_us);

enum { SCHEDULE_TEXT = 64 };
/* "2026-11-22 03:00 CET", in the zone of the rule; an interval's with seconds. */
void schedule_text(const ScheduleRule *rule, int64_t us, char text[SCHEDULE_TEXT]);
