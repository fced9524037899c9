/* SPDX-License-Identifier: Apache-2.0 */
/* Zones, against the C library: both read the same files. */
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/xalloc.h"
#include "harness/test.h"

enum { DAY = 24 * 3600 };

static void check_like_libc(const char *name) {
    Arena arena;
    Zone zone;
    Err err;
    char what[80];
    arena_init(&arena);
    if (zone_load(name, &arena, &zone, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s (tzdata is needed)", err.msg);
        return;
    }
    setenv("TZ", name, 1);
    tzset();
    snprintf(what, sizeof what, ":%s", name);
    for (int64_t t = -40LL * 365 * DAY; t < 100LL * 365 * DAY; t += 11 * 3600 + 1234) {
        struct tm tm;
        time_t seconds = t;
        localtime_r(&seconds, &tm);
        const ZoneType *type = zone_at(&zone, t);
        if (type->offset == tm.tm_gmtoff && strcmp(type->name, tm.tm_zone) == 0)
            continue;
        test_fail(__FILE__, __LINE__, "%s at %lld: %d %s, not %ld %s", name, (long long)t,
                  type->offset, type->name, tm.tm_gmtoff, tm.tm_zone);
        break;
    }
    arena_deinit(&arena);
}

TEST(zones_are_those_of_the_c_library)
{
    static const char *const names[] = {"Europe/Berlin",
                                        "America/New_York",
                                        "Australia/Lord_Howe",
                                        "Asia/Kolkata",
                                        "America/Sao_Paulo",
                                        "Africa/Casablanca",
                                        "Europe/Dublin",
                                        "Pacific/Apia",
                                        "Asia/Tehran",
                                        "America/Scoresbysund",
                                        "Pacific/Chatham",
                                        "Antarctica/Troll",
                                        "America/Argentina/San_Luis",
                                        "Asia/Gaza"};
    for (size_t i = 0; i < COUNT(names); i++)
        check_like_libc(names[i]);
}

/* local → the first UTC moment that shows it, or the one at which it is skipped. */
static void check_back(const char *name) {
    Arena arena;
    Zone zone;
    Err err;
    arena_init(&arena);
    ASSERT(zone_load(name, &arena, &zone, &err) == 0);
    for (int64_t t = 50LL * 365 * DAY; t < 60LL * 365 * DAY; t += 600) {
        int64_t local = zone_local(&zone, t), first = zone_utc(&zone, local);
        if (first > t || zone_local(&zone, first) != local || (first < t && t - first > 2 * 3600))
            test_fail(__FILE__, __LINE__, "%s: %lld is %lld, which is %lld", name, (long long)t,
                      (long long)local, (long long)first);
        int64_t any = t + 7; /* as local time it may be skipped */
        int64_t at = zone_utc(&zone, any);
        if (zone_local(&zone, at) < any || zone_local(&zone, at - 1) >= any)
            test_fail(__FILE__, __LINE__, "%s: local %lld", name, (long long)any);
    }
    arena_deinit(&arena);
}

TEST(local_times_lead_back)
{
    check_back("Europe/Berlin");
    check_back("America/New_York");
    check_back("Australia/Lord_Howe");
}

TEST(zones_that_are_none)
{
    static const char *const names[] = {"Europe/Berln",   "",       "../../etc/passwd",
                                        "/etc/localtime", "Europe", "zone.tab",
                                        "Europe/../UTC"};
    Arena arena;
    Zone zone;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(names); i++) {
        Err err = {.kind = ERR_NONE};
        CHECK(zone_load(names[i], &arena, &zone, &err) < 0);
        CHECK(err.msg[0]);
    }
    Err err;
    CHECK(zone_load("UTC", &arena, &zone, &err) == 0);
    CHECK_EQ(zone_local(&zone, 12345), 12345);
    CHECK_STR(zone_at(&zone, 0)->name, "UTC");
    arena_deinit(&arena);
}

/* Whatever a file holds, it is read or refused. */
TEST(broken_files_of_zones)
{
    Arena arena;
    Zone zone;
    Err err;
    AUTO_FREE char *bytes = NULL;
    size_t size;
    ASSERT(file_read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &bytes, &size, &err) == 0);
    arena_init(&arena);
    for (size_t n = 0; n < size; n++)
        CHECK(zone_parse(bytes, n, &arena, &zone, &err) < 0);
    for (size_t n = 0; n < size; n++) {
        char old = bytes[n];
        for (int bit = 0; bit < 8; bit++) {
            bytes[n] = (char)(old ^ 1 << bit);
            if (zone_parse(bytes, size, &arena, &zone, &err) == 0)
                (void)zone_utc(&zone, zone_local(&zone, 1800000000));
        }
        bytes[n] = old;
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}
