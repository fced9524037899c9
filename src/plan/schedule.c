/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/schedule.h"

#include <stdio.h>
#include <time.h>

enum { MINUTE = 60, DAY = 24 * 3600, HORIZON = 10 * 366 * DAY };

void schedule_rule(const Schedule *schedule, const Zone *zone, ScheduleRule *ret) {
    Err err;
    *ret = (ScheduleRule){.interval_ms = schedule->interval_ms, .zone = *zone};
    if (schedule->cron)
        (void)!cron_parse(schedule->cron, &ret->cron, &err);
}

/* ---- cron ---- */

static struct tm civil(int64_t seconds) {
    struct tm tm;
    time_t t = seconds;
    gmtime_r(&t, &tm);
    return tm;
}

static bool day_fits(const Cron *cron, const struct tm *tm) {
    return cron_matches_day(cron, tm->tm_mon + 1, tm->tm_mday, tm->tm_wday);
}

static bool fits(const Cron *cron, const struct tm *tm) {
    return day_fits(cron, tm) && cron->hours >> tm->tm_hour & 1 && cron->minutes >> tm->tm_min & 1;
}

/* The next minute of the wall that may fit, at least one further: whole days and hours that do not
 * are skipped. */
static int64_t step(const Cron *cron, int64_t local) {
    struct tm tm = civil(local);
    int64_t day = local - tm.tm_hour * 3600 - tm.tm_min * 60 - tm.tm_sec;
    if (!day_fits(cron, &tm))
        return day + DAY;
    if (!(cron->hours >> tm.tm_hour & 1))
        return day + (tm.tm_hour + 1) * 3600;
    return local + MINUTE;
}

static int64_t floor_minute(int64_t seconds) {
    return seconds - ((seconds % MINUTE) + MINUTE) % MINUTE;
}

/* By the clock on the wall: each of its times counts once, the first time, or when it is
 * skipped. */
static int64_t next_of_day(const Cron *cron, const Zone *zone, int64_t after) {
    int64_t local = floor_minute(zone_local(zone, after)) + MINUTE, end = local + HORIZON;
    /* a time that was skipped just now is that of the moment when clocks were put forward */
    while (local < end) {
        struct tm tm = civil(local);
        if (fits(cron, &tm)) {
            int64_t utc = zone_utc(zone, local);
            if (utc > after)
                return utc;
            local += MINUTE;
        } else {
            local = step(cron, local);
        }
    }
    return -1;
}

/* By what passes: every minute of the wall that fits, as often as it comes. */
static int64_t next_of_hour(const Cron *cron, const Zone *zone, int64_t after) {
    int64_t utc = floor_minute(after) + MINUTE, end = utc + HORIZON;
    while (utc < end) {
        struct tm tm = civil(zone_local(zone, utc));
        if (fits(cron, &tm))
            return utc;
        int64_t to = day_fits(cron, &tm) ? utc : zone_utc(zone, step(cron, zone_local(zone, utc)));
        utc = floor_minute(to > utc ? to : utc + MINUTE);
    }
    return -1;
}

int64_t schedule_next(const ScheduleRule *rule, int64_t after_us) {
    if (rule->interval_ms)
        return after_us + rule->interval_ms * 1000;
    int64_t after = after_us / 1000000 - (after_us % 1000000 < 0);
    int64_t next = cron_every_hour(&rule->cron) ? next_of_hour(&rule->cron, &rule->zone, after)
                                                : next_of_day(&rule->cron, &rule->zone, after);
    return next < 0 ? -1 : next * 1000000;
}

int64_t schedule_since(const ScheduleRule *rule, int64_t last_us, int64_t now_us) {
    int64_t back_us = rule->interval_ms ? 0 : SCHEDULE_BACK_MS * INT64_C(1000);
    return last_us - now_us > back_us ? now_us : last_us;
}

/* The newest beat of an interval that is not in the future, or else the next. */
static int64_t interval_due(const ScheduleRule *rule, int64_t last_us, int64_t now_us) {
    int64_t interval_us = rule->interval_ms * 1000;
    int64_t beats = (now_us - last_us) / interval_us;
    return last_us + interval_us * (beats > 1 ? beats : 1);
}

static int64_t cron_due(const ScheduleRule *rule, int64_t last_us, int64_t now_us) {
    int64_t late_us = SCHEDULE_LATE_MS * INT64_C(1000);
    int64_t due_us = schedule_next(rule, last_us);
    if (due_us < 0 || due_us >= now_us - late_us)
        return due_us;
    return schedule_next(rule, now_us - late_us); /* what is older is not made up for */
}

int64_t schedule_due(const ScheduleRule *rule, int64_t last_us, int64_t now_us) {
    last_us = schedule_since(rule, last_us, now_us);
    int64_t due_us =
        rule->interval_ms ? interval_due(rule, last_us, now_us) : cron_due(rule, last_us, now_us);
    bool late = due_us >= 0 && now_us - due_us > SCHEDULE_LATE_MS * INT64_C(1000);
    return late ? schedule_next(rule, now_us) : due_us;
}

void schedule_text(const ScheduleRule *rule, int64_t us, char text[SCHEDULE_TEXT]) {
    int64_t seconds = us / 1000000;
    struct tm tm = civil(zone_local(&rule->zone, seconds));
    char at[32];
    strftime(at, sizeof(at), rule->interval_ms ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &tm);
    snprintf(text, SCHEDULE_TEXT, "%s %.16s", at, zone_at(&rule->zone, seconds)->name);
}
