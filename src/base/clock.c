/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/sys.h"

int64_t clock_mono_us(void) {
    return sys_clock_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void) {
    return clock_mono_us() / 1000;
}

int64_t clock_boot_ms(void) {
    return sys_clock_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall_us(void) {
    return sys_clock_us(CLOCK_REALTIME);
}

/* --- points in time --- */

static void split(int64_t us, struct tm *ret, int *ret_us) {
    time_t seconds = us / 1000000;
    int rest = (int)(us % 1000000);
    if (rest < 0) {
        rest += 1000000;
        seconds--;
    }
    *ret_us = rest;
    gmtime_r(&seconds, ret);
}

static int put_date(const struct tm *t, char *text) {
    return snprintf(text, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", t->tm_year + 1900,
                    t->tm_mon + 1, t->tm_mday, t->tm_hour, t->tm_min, t->tm_sec);
}

void time_format_micro(int64_t us, char text[TIME_TEXT]) {
    struct tm t;
    int rest;
    split(us, &t, &rest);
    int n = put_date(&t, text);
    snprintf(text + n, TIME_TEXT - (size_t)n, ".%06dZ", rest);
}

void time_format_seconds(int64_t us, char text[TIME_TEXT]) {
    struct tm t;
    int rest;
    split(us, &t, &rest);
    int n = put_date(&t, text);
    snprintf(text + n, TIME_TEXT - (size_t)n, "Z");
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

/* Does `text` begin like `shape`? A 0 there is any digit, a T also a t or a blank, the rest
 * itself. */
static bool shaped(const char *text, const char *shape) {
    for (; *shape; text++, shape++) {
        bool fits = *shape == '0'   ? digit(*text)
                    : *shape == 'T' ? *text && strchr("Tt ", *text)
                                    : *text == *shape;
        if (!fits)
            return false;
    }
    return true;
}

static int number(const char *text, int size) {
    int n = 0;
    for (; size > 0; size--, text++)
        n = n * 10 + (*text - '0');
    return n;
}

/* ".123456789" → nanoseconds; moves on. */
static int64_t fraction(const char **at) {
    int64_t ns = 0, unit = 100000000;
    if (!shaped(*at, ".0"))
        return 0;
    for ((*at)++; digit(**at); (*at)++, unit /= 10)
        ns += unit * (**at - '0');
    return ns;
}

static int zone(const char *at, int64_t *ret_seconds) {
    *ret_seconds = 0;
    if ((*at == 'Z' || *at == 'z') && !at[1])
        return 0;
    if ((*at != '+' && *at != '-') || !shaped(at + 1, "00:00") || at[6])
        return -1;
    int hours = number(at + 1, 2), minutes = number(at + 4, 2);
    *ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (*at == '-' ? -1 : 1);
    return hours <= 23 && minutes <= 59 ? 0 : -1;
}

/* Is there such a day and time? 60 seconds are a leap second. */
static bool exists(const struct tm *t) {
    struct tm day = {.tm_year = t->tm_year, .tm_mon = t->tm_mon, .tm_mday = t->tm_mday};
    timegm(&day); /* the 30th of February becomes one of March */
    return day.tm_mon == t->tm_mon && day.tm_mday == t->tm_mday && t->tm_hour <= 23 &&
           t->tm_min <= 59 && t->tm_sec <= 60;
}

/* Seconds since 1970, and nanoseconds after them. */
static int read_time(const char *text, int64_t *ret_s, int64_t *ret_ns, Err *err) {
    static const char shape[] = "0000-00-00T00:00:00";
    const char *at = text + sizeof(shape) - 1;
    struct tm t = {0};
    int64_t ns = 0, offset = 0;
    bool fits = shaped(text, shape);
    if (fits) {
        t = (struct tm){
            .tm_year = number(text, 4) - 1900,
            .tm_mon = number(text + 5, 2) - 1,
            .tm_mday = number(text + 8, 2),
            .tm_hour = number(text + 11, 2),
            .tm_min = number(text + 14, 2),
            .tm_sec = number(text + 17, 2),
        };
        ns = fraction(&at);
        fits = exists(&t) && zone(at, &offset) == 0;
    }
    if (!fits)
        return err_set(err, ERR_INVALID, "\"%.60s\" is not a time such as 2006-01-02T15:04:05Z",
                       text);
    *ret_s = (int64_t)timegm(&t) - offset;
    *ret_ns = ns;
    return 0;
}

int time_parse(const char *text, int64_t *ret_us, Err *err) {
    int64_t s, ns;
    if (read_time(text, &s, &ns, err) < 0)
        return -1;
    *ret_us = s * 1000000 + ns / 1000;
    return 0;
}

int time_parse_nano(const char *text, int64_t *ret_ns, Err *err) {
    int64_t s, ns, whole;
    if (read_time(text, &s, &ns, err) < 0)
        return -1;
    if (__builtin_mul_overflow(s, INT64_C(1000000000), &whole) ||
        __builtin_add_overflow(whole, ns, &whole))
        return err_set(err, ERR_INVALID, "\"%.60s\" is not between the years 1678 and 2262", text);
    *ret_ns = whole;
    return 0;
}

void time_format_nano(int64_t ns, char text[TIME_TEXT]) {
    int64_t us = ns / 1000;
    int rest = (int)(ns % 1000), micro;
    struct tm t;
    if (rest < 0) {
        rest += 1000;
        us--;
    }
    split(us, &t, &micro);
    int n = put_date(&t, text);
    if (micro || rest) {
        n += snprintf(text + n, TIME_TEXT - (size_t)n, ".%06d%03d", micro, rest);
        while (text[n - 1] == '0')
            n--;
    }
    snprintf(text + n, TIME_TEXT - (size_t)n, "Z");
}

/* --- durations --- */

typedef struct Unit {
    const char *name;
    double size;
} Unit;

/* A number and its unit; moves on. -1: neither, or too large. */
static int quantity(const char **at, const Unit *units, double *ret) {
    double n = 0, scale = 0;
    int digits = 0;
    for (; digit(**at) || (**at == '.' && scale == 0); (*at)++) {
        if (**at == '.') {
            scale = 1;
        } else {
            n = n * 10 + (**at - '0');
            scale *= 10;
            digits++;
        }
    }
    if (digits == 0 || n > 1e15)
        return -1;
    size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (const Unit *unit = units; unit->name; unit++) {
        if (strlen(unit->name) == length && strncmp(unit->name, *at, length) == 0) {
            *at += length;
            *ret = n / (scale > 0 ? scale : 1) * unit->size;
            return 0;
        }
    }
    return -1;
}

int duration_parse(const char *text, int64_t *ret_ms, Err *err) {
    static const Unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    double sum = 0, part;
    const char *at = text;
    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return 0;
    }
    do {
        if (quantity(&at, units, &part) < 0)
            return err_set(err, ERR_INVALID,
                           "\"%.60s\" is not a duration such as 300ms, 10s or 1h30m", text);
        sum += part;
    } while (*at);
    if (sum > 1e14)
        return err_set(err, ERR_INVALID, "\"%.60s\" is too long a duration", text);
    *ret_ms = (int64_t)(sum + 0.5);
    return 0;
}

void duration_format_go(int64_t ms, char text[DURATION_TEXT]) {
    ms = ms < 0 ? 0 : ms;
    long long h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60, rest = ms % 1000;
    char seconds[16];
    int digits = rest % 10 ? 3 : rest % 100 ? 2 : 1; /* no zeros at the end */
    if (rest)
        snprintf(seconds, sizeof(seconds), "%lld.%0*lld", s, digits,
                 rest / (digits == 3   ? 1
                         : digits == 2 ? 10
                                       : 100));
    else
        snprintf(seconds, sizeof(seconds), "%lld", s);
    if (h)
        snprintf(text, DURATION_TEXT, "%lldh%lldm%ss", h, m, seconds);
    else if (m)
        snprintf(text, DURATION_TEXT, "%lldm%ss", m, seconds);
    else if (s == 0 && rest)
        snprintf(text, DURATION_TEXT, "%lldms", rest);
    else
        snprintf(text, DURATION_TEXT, "%ss", seconds);
}

void duration_format_short(int64_t ms, char text[DURATION_TEXT]) {
    ms = ms < 0 ? 0 : ms;
    long long s = ms / 1000;
    if (ms < 1000)
        snprintf(text, DURATION_TEXT, "%lldms", (long long)ms);
    else if (s < 10)
        snprintf(text, DURATION_TEXT, "%lld.%llds", s, (long long)(ms / 100 % 10));
    else if (s < 60)
        snprintf(text, DURATION_TEXT, "%llds", s);
    else if (s < 3600)
        snprintf(text, DURATION_TEXT, "%lldm%llds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, DURATION_TEXT, "%lldh%lldm", s / 3600, s / 60 % 60);
    else
        snprintf(text, DURATION_TEXT, "%lldd%lldh", s / 86400, s / 3600 % 24);
}

/* --- sizes --- */

int size_parse(const char *text, int64_t *ret_bytes, Err *err) {
    static const Unit units[] = {{"", 1},          {"B", 1},         {"kB", 1e3},
                                 {"MB", 1e6},      {"GB", 1e9},      {"KiB", 1 << 10},
                                 {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1099511627776.0},
                                 {NULL, 0}};
    double bytes;
    const char *at = text;
    if (quantity(&at, units, &bytes) < 0 || *at || bytes > 9e18 || bytes != (double)(int64_t)bytes)
        return err_set(err, ERR_INVALID, "\"%.60s\" is not a size such as 64MiB, 512KiB or 1000",
                       text);
    *ret_bytes = (int64_t)bytes;
    return 0;
}

void size_format(int64_t bytes, char text[DURATION_TEXT]) {
    static const char *const names[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && unit + 1 < COUNT(names)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, DURATION_TEXT, "%lld%s", (long long)bytes, names[unit]);
}
