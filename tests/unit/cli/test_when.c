/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "cli/when.h"
#include "harness/test.h"

static const int64_t now_us = 1700000000123456; /* 2023-11-14T22:13:20Z */

static int64_t when(const char *text) {
    int64_t us = -1;
    Err err;
    return when_parse(text, now_us, &us, &err) == 0 ? us : -1;
}

static void in_zone(const char *zone) {
    setenv("TZ", zone, 1);
    tzset();
}

TEST(ago)
{
    CHECK_EQ(when("10m"), now_us - 600 * 1000000LL);
    CHECK_EQ(when("1h30m"), now_us - 5400 * 1000000LL);
    CHECK_EQ(when("0"), now_us);
}

TEST(with_a_zone)
{
    CHECK_EQ(when("2023-11-14T22:13:20Z"), 1700000000000000);
    CHECK_EQ(when("2023-11-14T23:13:20.5+01:00"), 1700000000500000);
}

TEST(in_the_local_zone)
{
    in_zone("UTC-2"); /* two hours ahead */
    CHECK_EQ(when("2023-11-15 00:13:20"), 1700000000000000);
    CHECK_EQ(when("2023-11-15T00:13"), 1699999980000000);
    CHECK_EQ(when("2023-11-15"), 1699999200000000);
    CHECK_EQ(when("00:13:20"), 1700000000000000);
    CHECK_EQ(when("00:13"), 1699999980000000);
}

TEST(what_is_no_time)
{
    static const char *const texts[] = {
        "", "yesterday", "10", "25:00", "2023-13-01", "2023-11-14 x", "-5m", "12:30:", "99999999h"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t us;
        Err err = {0};
        CHECK_EQ(when_parse(texts[i], now_us, &us, &err), -1);
        CHECK_EQ(err.kind, ERR_INVALID);
        CHECK_HAS(err.msg, "is no time");
    }
}

TEST(as_the_clock_on_the_wall_says_it)
{
    char text[TIME_TEXT];
    in_zone("UTC-2");
    when_show("2023-11-14T22:13:20.123456789Z", text);
    CHECK_STR(text, "2023-11-15 00:13:20.123");
    when_show("noon", text);
    CHECK_STR(text, "");
}
