/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/when.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* The whole text must be in this form. Fields that it does not name stay as they are in *tm. */
static bool is_form(const char *text, const char *form, struct tm *tm) {
    struct tm own = *tm;
    const char *end = strptime(text, form, &own);
    if (!end || *end)
        return false;
    *tm = own;
    return true;
}

static bool parse_local(const char *text, int64_t now_us, int64_t *ret_us) {
    static const char *const dates[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"};
    static const char *const times[] = {"%H:%M:%S", "%H:%M"};
    time_t now = (time_t)(now_us / 1000000);
    struct tm tm = {.tm_mday = 1}, today;
    bool good = false;
    localtime_r(&now, &today);
    today.tm_sec = 0;
    for (size_t i = 0; i < COUNT(dates) && !good; i++)
        good = is_form(text, dates[i], &tm);
    for (size_t i = 0; i < COUNT(times) && !good; i++)
        if ((good = is_form(text, times[i], &today)))
            tm = today;
    tm.tm_isdst = -1;
    time_t at = good ? mktime(&tm) : -1;
    *ret_us = (int64_t)at * 1000000;
    return at >= 0;
}

int when_parse(const char *text, int64_t now_us, int64_t *ret_us, Err *err) {
    int64_t ms, us;
    if (duration_parse(text, &ms, NULL) == 0 && ms <= now_us / 1000) {
        *ret_us = now_us - ms * 1000;
        return 0;
    }
    if (time_parse(text, &us, NULL) == 0 || parse_local(text, now_us, &us)) {
        *ret_us = us;
        return 0;
    }
    return err_set(err, ERR_INVALID,
                   "\"%.60s\" is no time; write 10m (ago), 15:04, 2006-01-02 15:04:05 or "
                   "2006-01-02T15:04:05Z",
                   text);
}

void when_show(const char *text, char ret[TIME_TEXT]) {
    int64_t us, now_us = clock_wall_us();
    struct tm tm, now;
    ret[0] = '\0';
    if (time_parse(text, &us, NULL) < 0)
        return;
    time_t at = (time_t)(us / 1000000), today = (time_t)(now_us / 1000000);
    localtime_r(&at, &tm);
    localtime_r(&today, &now);
    bool same = tm.tm_yday == now.tm_yday && tm.tm_year == now.tm_year;
    size_t n = strftime(ret, TIME_TEXT, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(ret + n, TIME_TEXT - n, ".%03d", (int)(us / 1000 % 1000));
}
