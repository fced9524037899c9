/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <time.h>

#include "base/clock.h"

TEST(clock_goes_forward_and_agrees_with_itself)
{
    int64_t us = clock_mono_us(), ms = clock_mono_ms(), later = clock_mono_us();
    CHECK(us <= later);
    CHECK(ms >= us / 1000 && ms <= later / 1000);
    int64_t before = (int64_t)time(NULL) - 1, wall = clock_wall_us();
    CHECK(wall / 1000000 >= before && wall / 1000000 <= (int64_t)time(NULL) + 1);
}

TEST(time_format_of_known_moments)
{
    char text[TIME_TEXT];
    time_format_micro(0, text);
    CHECK_STR(text, "1970-01-01T00:00:00.000000Z");
    time_format_micro(1136214245000001, text);
    CHECK_STR(text, "2006-01-02T15:04:05.000001Z");
    time_format_seconds(1136214245999999, text);
    CHECK_STR(text, "2006-01-02T15:04:05Z");
    time_format_micro(-1, text);
    CHECK_STR(text, "1969-12-31T23:59:59.999999Z");
    time_format_micro(951782400000000, text);
    CHECK_STR(text, "2000-02-29T00:00:00.000000Z");
}

TEST(time_formats_fit_any_number)
{
    char text[TIME_TEXT];
    static const int64_t all[] = {INT64_MIN, INT64_MAX, -62135596800000000, 253402300800000000};
    for (size_t i = 0; i < COUNT(all); i++) {
        time_format_micro(all[i], text);
        CHECK(strlen(text) < TIME_TEXT);
        CHECK_EQ(text[strlen(text) - 1], 'Z');
    }
}

static void time_is(const char *text, int64_t want) {
    int64_t got = -7;
    Err err = {0};
    if (time_parse(text, &got, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    else if (got != want)
        test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", text, (long long)got,
                  (long long)want);
}

TEST(time_parse_takes_rfc_3339)
{
    time_is("1970-01-01T00:00:00Z", 0);
    time_is("2006-01-02T15:04:05Z", 1136214245000000);
    time_is("2006-01-02t15:04:05z", 1136214245000000);
    time_is("2006-01-02 15:04:05Z", 1136214245000000);
    time_is("2006-01-02T15:04:05.5Z", 1136214245500000);
    time_is("2006-01-02T15:04:05.000001Z", 1136214245000001);
    time_is("2006-01-02T15:04:05.123456789Z", 1136214245123456);
    time_is("2006-01-02T20:34:05+05:30", 1136214245000000);
    time_is("2006-01-02T07:04:05.25-08:00", 1136214245250000);
    time_is("2000-02-29T00:00:00Z", 951782400000000);
    time_is("1969-12-31T23:59:59.999999Z", -1);
    time_is("2016-12-31T23:59:60Z", 1483228800000000); /* a leap second */
}

TEST(time_parse_refuses_the_rest)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2006",
                                      "2006-01-02",
                                      "2006-01-02T15:04:05",
                                      "2006-01-02T15:04Z",
                                      "2006-1-2T15:04:05Z",
                                      "2006-13-02T15:04:05Z",
                                      "2006-00-02T15:04:05Z",
                                      "2006-01-00T15:04:05Z",
                                      "2006-02-30T15:04:05Z",
                                      "2001-02-29T00:00:00Z",
                                      "2006-01-02T24:00:00Z",
                                      "2006-01-02T15:60:05Z",
                                      "2006-01-02T15:04:61Z",
                                      "2006-01-02T15:04:05.Z",
                                      "2006-01-02T15:04:05Zx",
                                      "2006-01-02T15:04:05+0530",
                                      "2006-01-02T15:04:05+24:00",
                                      "2006-01-02T15:04:05+05:60",
                                      "2006-01-02T15:04:05+ 5:30",
                                      "2006-01-02T15:04:05+-5:30",
                                      " 006-01-02T15:04:05Z",
                                      "+006-01-02T15:04:05Z",
                                      "2006-01-02T-5:04:05Z",
                                      "2006-01-02T15:04:05 Z",
                                      "2006-01-02T15:04:05+05:3"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t got = 77;
        Err err = {0};
        if (time_parse(bad[i], &got, &err) == 0)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
        CHECK_EQ(got, 77);
        CHECK_EQ(err.kind, ERR_INVALID);
    }
}

TEST(time_parse_reads_what_time_format_wrote)
{
    unsigned seed = 3;
    for (int i = 0; i < 2000; i++) {
        char text[TIME_TEXT];
        int64_t us = ((int64_t)rand_r(&seed) - (1 << 29)) * 1000000 + rand_r(&seed) % 1000000;
        time_format_micro(us, text);
        time_is(text, us);
    }
}

/* --- durations --- */

static void duration_is(const char *text, int64_t want) {
    int64_t got = -7;
    Err err = {0};
    if (duration_parse(text, &got, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    else if (got != want)
        test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", text, (long long)got,
                  (long long)want);
}

TEST(duration_parse_takes_units)
{
    duration_is("0", 0);
    duration_is("0s", 0);
    duration_is("300ms", 300);
    duration_is("10s", 10000);
    duration_is("5m", 300000);
    duration_is("1h30m", 5400000);
    duration_is("1.5h", 5400000);
    duration_is(".5s", 500);
    duration_is("1m0.25s", 60250);
    duration_is("24h", 86400000);
}

TEST(duration_parse_refuses_the_rest)
{
    static const char *const bad[] = {"",
                                      "s",
                                      "10",
                                      "-1s",
                                      "+1s",
                                      "1 s",
                                      " 1s",
                                      "1s ",
                                      "1x",
                                      ".s",
                                      "1.2.3s",
                                      "1d",
                                      "1S",
                                      "1h5",
                                      "1e3s",
                                      "inf",
                                      "nan",
                                      "ms",
                                      "1,5s",
                                      ".",
                                      "00",
                                      "99999999999999999999s",
                                      "9999999999999h"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t got = 77;
        Err err = {0};
        if (duration_parse(bad[i], &got, &err) == 0)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
        CHECK_EQ(got, 77);
        CHECK_EQ(err.kind, ERR_INVALID);
    }
}

static const char *formatted(void (*format)(int64_t, char *), int64_t value) {
    static char text[DURATION_TEXT];
    format(value, text);
    return text;
}

TEST(duration_format_go_is_what_go_writes)
{
    CHECK_STR(formatted(duration_format_go, 0), "0s");
    CHECK_STR(formatted(duration_format_go, 300), "300ms");
    CHECK_STR(formatted(duration_format_go, 1500), "1.5s");
    CHECK_STR(formatted(duration_format_go, 1050), "1.05s");
    CHECK_STR(formatted(duration_format_go, 30000), "30s");
    CHECK_STR(formatted(duration_format_go, 60000), "1m0s");
    CHECK_STR(formatted(duration_format_go, 300000), "5m0s");
    CHECK_STR(formatted(duration_format_go, 3600000), "1h0m0s");
    CHECK_STR(formatted(duration_format_go, 5400001), "1h30m0.001s");
    CHECK_STR(formatted(duration_format_go, 90000000), "25h0m0s");
    CHECK_STR(formatted(duration_format_go, -5), "0s");
    CHECK(strlen(formatted(duration_format_go, INT64_MAX)) < DURATION_TEXT);
}

TEST(duration_format_short_is_for_people)
{
    CHECK_STR(formatted(duration_format_short, 0), "0ms");
    CHECK_STR(formatted(duration_format_short, 999), "999ms");
    CHECK_STR(formatted(duration_format_short, 1500), "1.5s");
    CHECK_STR(formatted(duration_format_short, 9999), "9.9s");
    CHECK_STR(formatted(duration_format_short, 42000), "42s");
    CHECK_STR(formatted(duration_format_short, 192000), "3m12s");
    CHECK_STR(formatted(duration_format_short, 7500000), "2h5m");
    CHECK_STR(formatted(duration_format_short, 273600000), "3d4h");
    CHECK_STR(formatted(duration_format_short, -1), "0ms");
}

TEST(duration_go_text_is_read_back)
{
    unsigned seed = 5;
    for (int i = 0; i < 2000; i++) {
        int64_t ms = rand_r(&seed) % (1 << (i % 31));
        duration_is(formatted(duration_format_go, ms), ms);
    }
}

/* --- sizes --- */

static void size_is(const char *text, int64_t want) {
    int64_t got = -7;
    Err err = {0};
    if (size_parse(text, &got, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    else if (got != want)
        test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", text, (long long)got,
                  (long long)want);
}

TEST(size_parse_takes_units)
{
    size_is("0", 0);
    size_is("100", 100);
    size_is("100B", 100);
    size_is("512KiB", 512 << 10);
    size_is("64MiB", 64 << 20);
    size_is("1GiB", 1 << 30);
    size_is("2TiB", (int64_t)2 << 40);
    size_is("10kB", 10000);
    size_is("1.5KiB", 1536);
    size_is("3MB", 3000000);
}

TEST(size_parse_refuses_the_rest)
{
    static const char *const bad[] = {
        "",      "KiB",  "-1", "+1",     "1 MiB", "1mib", "1.5",        "1.2.3",
        "1MiBx", "0x10", ".",  "0.1KiB", "1e3",   "64M ", "9999999TiB", "10000000000000000"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t got = 77;
        Err err = {0};
        if (size_parse(bad[i], &got, &err) == 0)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
        CHECK_EQ(got, 77);
        CHECK_EQ(err.kind, ERR_INVALID);
    }
}

TEST(size_format_is_exact_and_read_back)
{
    CHECK_STR(formatted(size_format, 0), "0");
    CHECK_STR(formatted(size_format, 1000), "1000");
    CHECK_STR(formatted(size_format, 1536), "1536");
    CHECK_STR(formatted(size_format, 64 << 20), "64MiB");
    CHECK_STR(formatted(size_format, (int64_t)5 << 40), "5TiB");
    unsigned seed = 9;
    for (int i = 0; i < 2000; i++) {
        int64_t bytes = (int64_t)(rand_r(&seed) % 1000) << (rand_r(&seed) % 40);
        size_is(formatted(size_format, bytes), bytes);
    }
}

static void nano_is(const char *text, int64_t want, const char *written) {
    char got_text[TIME_TEXT];
    int64_t got = 0;
    Err err;
    if (time_parse_nano(text, &got, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    CHECK_EQ(got, want);
    time_format_nano(want, got_text);
    CHECK_STR(got_text, written);
}

TEST(times_to_the_nanosecond_are_written_as_short_as_can_be)
{
    nano_is("2006-01-02T15:04:05Z", INT64_C(1136214245000000000), "2006-01-02T15:04:05Z");
    nano_is("2006-01-02T20:34:05.120+05:30", INT64_C(1136214245120000000),
            "2006-01-02T15:04:05.12Z");
    nano_is("2006-01-02T15:04:05.123456789Z", INT64_C(1136214245123456789),
            "2006-01-02T15:04:05.123456789Z");
    nano_is("2006-01-02T15:04:05.000000001Z", INT64_C(1136214245000000001),
            "2006-01-02T15:04:05.000000001Z");
    nano_is("1969-12-31T23:59:59.999999999Z", -1, "1969-12-31T23:59:59.999999999Z");
    nano_is("1700-01-01T00:00:00Z", INT64_C(-8520336000000000000), "1700-01-01T00:00:00Z");
    int64_t got = 77;
    Err err;
    CHECK(time_parse_nano("2300-01-01T00:00:00Z", &got, &err) < 0);
    CHECK_HAS(err.msg, "between the years 1678 and 2262");
    CHECK(time_parse_nano("0001-01-01T00:00:00Z", &got, &err) < 0);
    CHECK(time_parse_nano("yesterday", &got, &err) < 0);
}
