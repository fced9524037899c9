/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/cron.h"

#include "harness/test.h"

static uint64_t minutes(const char *text) {
    char whole[200];
    Cron cron;
    Err err;
    snprintf(whole, sizeof whole, "%s * * * *", text);
    return cron_parse(whole, &cron, &err) < 0 ? 0 : cron.minutes;
}

static unsigned weekdays(const char *text) {
    char whole[200];
    Cron cron;
    Err err;
    snprintf(whole, sizeof whole, "0 0 * * %s", text);
    return cron_parse(whole, &cron, &err) < 0 ? 0 : cron.weekdays;
}

TEST(cron_fields)
{
    CHECK_EQ(minutes("0"), 1);
    CHECK_EQ(minutes("1,3,5"), 42);
    CHECK_EQ(minutes("1-3"), 14);
    CHECK_EQ(minutes("1-7/3"), 2 + 16 + 128);
    CHECK_EQ(minutes("*/30"), 1 | 1ull << 30);
    CHECK_EQ(minutes("50/5"), 1ull << 50 | 1ull << 55);
    CHECK_EQ(minutes("*"), (1ull << 60) - 1);
    CHECK_EQ(minutes("59,0-1"), 3 | 1ull << 59);
    CHECK_EQ(weekdays("0"), 1);
    CHECK_EQ(weekdays("7"), 1);
    CHECK_EQ(weekdays("sun"), 1);
    CHECK_EQ(weekdays("Mon-FRI"), 62);
    CHECK_EQ(weekdays("fri-sun"), 1 + 32 + 64);
    CHECK_EQ(weekdays("5-7"), 1 + 32 + 64);
    CHECK_EQ(weekdays("*"), 127);
    CHECK_EQ(weekdays("*/2"), 1 + 4 + 16 + 64);
}

TEST(cron_names_and_macros)
{
    Cron a, b;
    Err err;
    ASSERT(cron_parse("0 0 1 jan,DEC *", &a, &err) == 0);
    CHECK_EQ(a.months, 1 << 1 | 1 << 12);
    ASSERT(cron_parse("@hourly", &a, &err) == 0 && cron_parse(" 0\t*  * * * ", &b, &err) == 0);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    CHECK(cron_every_hour(&a));
    ASSERT(cron_parse("@daily", &a, &err) == 0);
    CHECK(!cron_every_hour(&a));
    CHECK(cron_parse("@Weekly", &a, &err) == 0 && a.weekdays == 1);
}

TEST(cron_days_are_one_or_the_other)
{
    Cron cron;
    Err err;
    ASSERT(cron_parse("0 0 13 * fri", &cron, &err) == 0);
    CHECK(cron_matches_day(&cron, 5, 13, 2));
    CHECK(cron_matches_day(&cron, 5, 14, 5));
    CHECK(!cron_matches_day(&cron, 5, 14, 4));
    ASSERT(cron_parse("0 0 */2 * fri", &cron, &err) == 0); /* begins with *: both */
    CHECK(!cron_matches_day(&cron, 5, 1, 4));
    CHECK(cron_matches_day(&cron, 5, 1, 5));
}

TEST(cron_that_is_none)
{
    static const char *const wrong[][2] = {
        {"", "0 fields instead of 5"},
        {"* * * *", "4 fields instead of 5"},
        {"0 * * * * *", "six fields; there are no seconds"},
        {"* * * * * * *", "7 fields instead of 5"},
        {"10m", "\"10m\" is a duration; write `interval: 10m`"},
        {"60 * * * *", "minute \"60\" is outside 0..59"},
        {"* 24 * * *", "hour \"24\" is outside 0..23"},
        {"* * 0 * *", "day of month \"0\" is outside 1..31"},
        {"* * * 13 *", "month \"13\" is outside 1..12"},
        {"* * * * 8", "day of week \"8\" is outside 0..7"},
        {"* * * foo *", "month \"foo\": expected *, a number or a name"},
        {"x * * * *", "minute \"x\": expected * or a number"},
        {"5- * * * *", "minute \"5-\": expected"},
        {"-5 * * * *", "minute \"-5\": expected"},
        {"9-5 * * * *", "minute \"9-5\": the range ends before it begins"},
        {"*/0 * * * *", "minute \"*/0\": the step"},
        {"*/x * * * *", "minute \"*/x\": the step"},
        {"*/99 * * * *", "minute \"*/99\": the step"},
        {", * * * *", "minute \"\": expected"},
        {"1,, * * * *", "minute \"\": expected"},
        {"1;2 * * * *", "minute \"1;2\": expected a list"},
        {"* * * january *", "month \"january\": expected"},
        {"0 0 30 2 *", "it never comes"},
        {"0 0 31 4,6 *", "it never comes"},
        {"@every 10m", "write `interval`"},
        {"@reboot", "write `on_start: true`"},
        {"@never", "\"@never\" is unknown"},
        {"99999999999999999999 * * * *", "is outside 0..59"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Cron cron;
        Err err = {.kind = ERR_NONE};
        if (cron_parse(wrong[i][0], &cron, &err) == 0)
            test_fail(__FILE__, __LINE__, "\"%s\" was taken", wrong[i][0]);
        else
            CHECK_HAS(err.msg, wrong[i][1]);
    }
    Cron cron;
    Err err;
    CHECK(cron_parse("0 0 29 2 *", &cron, &err) == 0); /* in leap years */
    CHECK(cron_parse("0 0 31 4 mon", &cron, &err) == 0);
}
