/* SPDX-License-Identifier: Apache-2.0 */
/* When what is due, where clocks are put forward and back. */
#include "plan/schedule.h"

#include <stdio.h>

#include "base/attr.h"
#include "base/clock.h"
#include "harness/test.h"

typedef struct Row {
    const char *cron, *zone, *after;
    const char *next[4]; /* one after another */
} Row;

static int64_t at(const char *text) {
    int64_t us;
    Err err;
    ASSERT(time_parse(text, &us, &err) == 0);
    return us;
}

static ScheduleRule rule_of(const Schedule *schedule, Arena *arena) {
    ScheduleRule rule;
    Zone zone;
    Err err;
    ASSERT(zone_load(schedule->timezone, arena, &zone, &err) == 0);
    schedule_rule(schedule, &zone, &rule);
    return rule;
}

static void check_row(const Row *row) {
    Arena arena;
    char got[TIME_TEXT];
    arena_init(&arena);
    ScheduleRule rule = rule_of(&(Schedule){.cron = row->cron, .timezone = row->zone}, &arena);
    int64_t us = at(row->after);
    for (size_t i = 0; i < COUNT(row->next) && row->next[i]; i++) {
        us = schedule_next(&rule, us);
        time_format_seconds(us, got);
        if (us != at(row->next[i]))
            test_fail(__FILE__, __LINE__, "%s in %s, after %s, no. %zu: %s, not %s", row->cron,
                      row->zone, row->after, i + 1, got, row->next[i]);
    }
    arena_deinit(&arena);
}

TEST(what_is_due_when)
{
    static const Row rows[] = {
        {"*/15 * * * *",
         "UTC",
         "2026-01-01T00:00:00Z",
         {"2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:45:00Z"}},
        {"0 3 * * *",
         "UTC",
         "2026-01-01T02:59:59.999999Z",
         {"2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"}},
        {"0 0 29 2 *",
         "UTC",
         "2026-01-01T00:00:00Z",
         {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
        {"0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
        {"0 9 * * mon-fri", "UTC", "2026-11-20T09:00:00Z", {"2026-11-23T09:00:00Z"}},
        {"0 0 1,15 * mon",
         "UTC",
         "2026-11-20T00:00:00Z",
         {"2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"}},
        {"0 3 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", {"2026-07-01T01:00:00Z"}},
        {"0 3 * * *", "Asia/Kolkata", "2026-07-01T00:00:00Z", {"2026-07-01T21:30:00Z"}},
        /* forward: 02:00 becomes 03:00 at 01:00Z */
        {"30 2 * * *",
         "Europe/Berlin",
         "2026-03-28T02:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        {"0,30 2,3 * * *",
         "Europe/Berlin",
         "2026-03-28T12:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"}},
        {"*/30 * * * *",
         "Europe/Berlin",
         "2026-03-29T00:30:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
        {"45 * * * *", "Europe/Berlin", "2026-03-29T00:45:00Z", {"2026-03-29T01:45:00Z"}},
        /* back: 03:00 becomes 02:00 at 01:00Z */
        {"30 2 * * *",
         "Europe/Berlin",
         "2026-10-24T12:00:00Z",
         {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
        {"0 2,3 * * *",
         "Europe/Berlin",
         "2026-10-24T12:00:00Z",
         {"2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"}},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", {"2026-10-26T01:30:00Z"}},
        {"*/30 * * * *",
         "Europe/Berlin",
         "2026-10-25T00:00:00Z",
         {"2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z",
          "2026-10-25T02:00:00Z"}},
        {"15 2 * * *",
         "America/New_York",
         "2026-03-07T12:00:00Z",
         {"2026-03-08T07:00:00Z", "2026-03-09T06:15:00Z"}},
        {"15 1 * * *",
         "America/New_York",
         "2026-10-31T12:00:00Z",
         {"2026-11-01T05:15:00Z", "2026-11-02T06:15:00Z"}},
        /* half an hour only */
        {"15 2 * * *",
         "Australia/Lord_Howe",
         "2026-10-03T00:00:00Z",
         {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
        {"45 1 * * *",
         "Australia/Lord_Howe",
         "2026-04-04T00:00:00Z",
         {"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
        {"*/15 * * * *",
         "Australia/Lord_Howe",
         "2026-04-04T14:45:00Z",
         {"2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z", "2026-04-04T15:30:00Z"}},
        /* by the rule at the end of the file */
        {"30 2 * * *", "Europe/Berlin", "2050-03-26T12:00:00Z", {"2050-03-27T01:00:00Z"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check_row(&rows[i]);
}

/* Whatever the zone and the time: a schedule that names hours comes once a day, one of every hour
 * never leaves one out. */
TEST(no_day_is_left_out_and_none_comes_twice)
{
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"};
    for (size_t z = 0; z < COUNT(zones); z++) {
        for (int minute = 0; minute < 24 * 60; minute += 15) {
            char text[40];
            Arena arena;
            arena_init(&arena);
            snprintf(text, sizeof text, "%d %d * * *", minute % 60, minute / 60);
            ScheduleRule rule = rule_of(&(Schedule){.cron = text, .timezone = zones[z]}, &arena);
            int64_t us = at("2026-01-01T00:00:00Z");
            int64_t day = -1;
            for (int n = 0; n < 365; n++) {
                us = schedule_next(&rule, us);
                int64_t today = zone_local(&rule.zone, us / 1000000) / 86400;
                CHECK(day < 0 || today == day + 1);
                day = today;
            }
            arena_deinit(&arena);
        }
    }
}

static int64_t due(const Schedule *schedule, const char *last, const char *now) {
    Arena arena;
    arena_init(&arena);
    ScheduleRule rule = rule_of(schedule, &arena);
    int64_t us = schedule_due(&rule, at(last), at(now));
    arena_deinit(&arena);
    return us;
}

TEST(what_was_missed_is_made_up_for_once)
{
    Schedule daily = {.cron = "0 3 * * *", .timezone = "UTC"},
             hourly = {.cron = "0 * * * *", .timezone = "UTC"};
    Schedule every = {.interval_ms = 600000};
    /* in time */
    CHECK_EQ(due(&daily, "2026-01-01T03:00:00Z", "2026-01-01T04:00:00Z"),
             at("2026-01-02T03:00:00Z"));
    /* three hours late; a day and more late is too late */
    CHECK_EQ(due(&daily, "2026-01-01T03:00:00Z", "2026-01-02T06:00:00Z"),
             at("2026-01-02T03:00:00Z"));
    CHECK_EQ(due(&daily, "2026-01-01T03:00:00Z", "2026-01-09T02:00:00Z"),
             at("2026-01-08T03:00:00Z"));
    Schedule weekly = {.cron = "0 3 * * mon", .timezone = "UTC"};
    CHECK_EQ(due(&weekly, "2026-01-05T03:00:00Z", "2026-01-14T03:00:00Z"),
             at("2026-01-19T03:00:00Z"));
    CHECK(due(&hourly, "2026-01-01T00:00:00Z", "2026-01-05T00:30:00Z") <=
          at("2026-01-05T00:30:00Z"));
    /* an interval: the newest beat */
    CHECK_EQ(due(&every, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
             at("2026-01-01T00:10:00Z"));
    CHECK_EQ(due(&every, "2026-01-01T00:00:00Z", "2026-01-01T02:05:00Z"),
             at("2026-01-01T02:00:00Z"));
}

TEST(clocks_that_are_set_back)
{
    Schedule daily = {.cron = "0 3 * * *", .timezone = "UTC"}, every = {.interval_ms = 600000};
    /* it ran at 3; an hour later it is 2: that is no second time */
    CHECK_EQ(due(&daily, "2026-01-02T03:00:00Z", "2026-01-02T02:00:00Z"),
             at("2026-01-03T03:00:00Z"));
    /* it was another year */
    CHECK_EQ(due(&daily, "2030-01-02T03:00:00Z", "2026-01-02T02:00:00Z"),
             at("2026-01-02T03:00:00Z"));
    CHECK_EQ(due(&every, "2030-01-02T03:00:00Z", "2026-01-02T02:00:00Z"),
             at("2026-01-02T02:10:00Z"));
}
