/* SPDX-License-Identifier: Apache-2.0 */
#include "base/zone.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"

#define ZONE_DIR  "/usr/share/zoneinfo"
#define ZONE_HERE "/etc/localtime"

enum {
    ZONE_BYTES = 1 << 20,
    HEAD_BYTES = 44,
    TYPE_BYTES = 6,
    MAX_TYPES = 256,
    DAY = 24 * 3600,
    MAX_OFFSET = 26 * 3600,
    MAX_RULE_HOURS = 167,
};

/* ---- the calendar ---- */

static bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970 to the first of January. */
static int64_t year_start(int64_t year) {
    int64_t y = year - 1;
    return 365 * (year - 1970) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
           (y / 400 - 1969 / 400);
}

static int64_t year_of(int64_t seconds) {
    int64_t day = seconds / DAY - (seconds % DAY < 0);
    int64_t year = 1970 + day / 366;
    while (year_start(year + 1) <= day)
        year++;
    while (year_start(year) > day)
        year--;
    return year;
}

/* ---- the rule at the end: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

typedef struct Text {
    const char *at;
    Arena *arena;
} Text;

static bool take_name(Text *t, const char **ret) {
    const char *from = t->at;
    if (*from == '<') {
        size_t n = strcspn(++from, ">");
        t->at = from + n + 1;
        *ret = arena_strndup(t->arena, from, n);
        return from[n] == '>' && n > 0;
    }
    while (isalpha((unsigned char)*t->at))
        t->at++;
    *ret = arena_strndup(t->arena, from, (size_t)(t->at - from));
    return t->at - from >= 3;
}

static bool take_number(Text *t, int max, int *ret) {
    int n = 0;
    const char *from = t->at;
    for (; isdigit((unsigned char)*t->at) && n <= max; t->at++)
        n = n * 10 + (*t->at - '0');
    *ret = n;
    return t->at > from && n <= max;
}

/* "2", "-1:30", "+24:00:00" */
static bool take_time(Text *t, int32_t *ret) {
    int sign = *t->at == '-' ? -1 : 1, hours, part, seconds = 0;
    if (*t->at == '-' || *t->at == '+')
        t->at++;
    if (!take_number(t, MAX_RULE_HOURS, &hours))
        return false;
    seconds = hours * 3600;
    for (int unit = 60; unit >= 1 && *t->at == ':'; unit /= 60) {
        t->at++;
        if (!take_number(t, 59, &part))
            return false;
        seconds += part * unit;
    }
    *ret = sign * seconds;
    return true;
}

static bool take_month_day(Text *t, ZoneDay *day) {
    if (!take_number(t, 12, &day->month) || *t->at++ != '.' || !take_number(t, 5, &day->week) ||
        *t->at++ != '.' || !take_number(t, 6, &day->day))
        return false;
    return day->month >= 1 && day->week >= 1;
}

static bool take_day(Text *t, ZoneDay *day) {
    *day = (ZoneDay){.time = 2 * 3600};
    if (*t->at++ != ',')
        return false;
    if (*t->at == 'M' || *t->at == 'J')
        day->kind = *t->at++;
    bool good = day->kind == 'M' ? take_month_day(t, day) : take_number(t, 365, &day->day);
    if (!good || (day->kind == 'J' && day->day < 1))
        return false;
    if (*t->at != '/')
        return true;
    t->at++;
    return take_time(t, &day->time);
}

static bool parse_rule(const char *text, Arena *arena, Zone *zone) {
    Text t = {text, arena};
    int32_t west;
    if (!take_name(&t, &zone->standard.name) || !take_time(&t, &west) || west > MAX_OFFSET ||
        west < -MAX_OFFSET)
        return false;
    zone->standard.offset = -west;
    zone->has_rule = true;
    if (!*t.at)
        return true;
    zone->summer = (ZoneType){.offset = -west + 3600, .dst = true};
    zone->has_dst = true;
    if (!take_name(&t, &zone->summer.name))
        return false;
    if (*t.at != ',') {
        if (!take_time(&t, &west) || west > MAX_OFFSET || west < -MAX_OFFSET)
            return false;
        zone->summer.offset = -west;
    }
    return take_day(&t, &zone->begin) && take_day(&t, &zone->end) && !*t.at;
}

/* When the day comes in that year: local seconds. */
static int64_t rule_moment(const ZoneDay *day, int64_t year) {
    int64_t days = year_start(year);
    if (day->kind == 0) {
        days += day->day;
    } else if (day->kind == 'J') { /* the 29th of February is not counted */
        days += day->day - 1 + (is_leap(year) && day->day >= 60);
    } else {
        for (int m = 1; m < day->month; m++)
            days += month_days(year, m);
        int64_t first = ((days + 4) % 7 + 7) % 7; /* the 1st of January 1970 was a Thursday */
        int64_t in = (day->day - first + 7) % 7 + 7 * (day->week - 1);
        if (in >= month_days(year, day->month))
            in -= 7;
        days += in;
    }
    return days * DAY + day->time;
}

static const ZoneType *by_rule(const Zone *zone, int64_t utc) {
    if (!zone->has_dst)
        return &zone->standard;
    int64_t year = year_of(utc + zone->standard.offset);
    int64_t begin = rule_moment(&zone->begin, year) - zone->standard.offset;
    int64_t end = rule_moment(&zone->end, year) - zone->summer.offset;
    bool summer = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
    return summer ? &zone->summer : &zone->standard;
}

/* ---- the file ---- */

typedef struct Head {
    char version;
    uint32_t utc_flags, wall_flags, leaps, times, types, chars;
} Head;

static uint64_t big_endian(const unsigned char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static int read_head(const unsigned char *p, size_t size, Head *ret) {
    if (size < HEAD_BYTES || memcmp(p, "TZif", 4) != 0)
        return -1;
    ret->version = (char)p[4];
    uint32_t *counts[] = {&ret->utc_flags, &ret->wall_flags, &ret->leaps,
                          &ret->times,     &ret->types,      &ret->chars};
    for (size_t i = 0; i < COUNT(counts); i++) {
        *counts[i] = (uint32_t)big_endian(p + 20 + 4 * i, 4);
        if (*counts[i] > ZONE_BYTES)
            return -1;
    }
    return ret->types >= 1 && ret->types <= MAX_TYPES ? 0 : -1;
}

static size_t body_size(const Head *h, size_t width) {
    return h->times * (width + 1) + h->types * TYPE_BYTES + h->chars + h->leaps * (width + 4) +
           h->wall_flags + h->utc_flags;
}

static int read_types(const unsigned char *p, const Head *h, Arena *arena, Zone *ret) {
    const char *chars = (const char *)p + (size_t)h->types * TYPE_BYTES;
    ret->types = arena_alloc(arena, h->types * sizeof(*ret->types));
    ret->type_n = h->types;
    for (size_t i = 0; i < h->types; i++, p += TYPE_BYTES) {
        int32_t offset = (int32_t)big_endian(p, 4);
        if (p[5] >= h->chars || offset > MAX_OFFSET || offset < -MAX_OFFSET)
            return -1;
        const char *name = chars + p[5];
        ret->types[i] = (ZoneType){
            .offset = offset,
            .dst = p[4] != 0,
            .name = arena_strndup(arena, name, strnlen(name, h->chars - (size_t)p[5])),
        };
    }
    return 0;
}

static int read_body(const unsigned char *p, const Head *h, size_t width, Arena *arena, Zone *ret) {
    ret->n = h->times;
    ret->at = arena_alloc(arena, h->times * sizeof(*ret->at));
    ret->type = arena_alloc(arena, h->times);
    for (size_t i = 0; i < h->times; i++) {
        uint64_t v = big_endian(p + i * width, width);
        ret->at[i] = width == 4 ? (int32_t)v : (int64_t)v;
        ret->type[i] = p[h->times * width + i];
        if (ret->type[i] >= h->types || (i > 0 && ret->at[i] <= ret->at[i - 1]))
            return -1;
    }
    return read_types(p + h->times * (width + 1), h, arena, ret);
}

/* Behind the second body: "\n<rule>\n". */
static int read_footer(const unsigned char *p, size_t size, Arena *arena, Zone *ret) {
    if (size < 2 || p[0] != '\n')
        return -1;
    const unsigned char *end = memchr(p + 1, '\n', size - 1);
    if (!end)
        return -1;
    char *rule = arena_strndup(arena, (const char *)p + 1, (size_t)(end - p - 1));
    return !*rule || parse_rule(rule, arena, ret) ? 0 : -1;
}

static int parse(const unsigned char *p, size_t size, Arena *arena, Zone *ret) {
    Head head;
    if (read_head(p, size, &head) < 0)
        return -1;
    size_t first = HEAD_BYTES + body_size(&head, 4);
    if (first > size)
        return -1;
    if (head.version == '\0')
        return read_body(p + HEAD_BYTES, &head, 4, arena, ret);
    p += first; /* the same once more, with times of 64 bits */
    size -= first;
    if (read_head(p, size, &head) < 0 || HEAD_BYTES + body_size(&head, 8) > size ||
        read_body(p + HEAD_BYTES, &head, 8, arena, ret) < 0)
        return -1;
    size_t second = HEAD_BYTES + body_size(&head, 8);
    return read_footer(p + second, size - second, arena, ret);
}

int zone_parse(const void *bytes, size_t size, Arena *arena, Zone *ret, Err *err) {
    Zone zone = {0};
    if (parse(bytes, size, arena, &zone) < 0)
        return err_set(err, ERR_INVALID, "it is no file of time zones");
    *ret = zone;
    return 0;
}

static bool is_utc(const char *name) {
    static const char *const names[] = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static Zone utc_zone(void) {
    return (Zone){.has_rule = true, .standard = {.name = "UTC"}};
}

/* A name stays inside the directory. */
static bool is_name(const char *name) {
    return isalpha((unsigned char)*name) && strlen(name) < 128 && !strstr(name, "..") &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/")] == '\0';
}

int zone_load(const char *name, Arena *arena, Zone *ret, Err *err) {
    AUTO_FREE char *path = name ? path_join(ZONE_DIR, name) : xstrdup(ZONE_HERE);
    AUTO_FREE char *bytes = NULL;
    size_t size;
    Err why = {.kind = ERR_NONE};
    if (name && is_utc(name)) {
        *ret = utc_zone();
        return 0;
    }
    if (name && !is_name(name))
        return err_set(err, ERR_NOT_FOUND, "there is no time zone \"%.100s\"", name);
    if (file_read(path, ZONE_BYTES, &bytes, &size, &why) < 0) {
        if (!name) { /* a machine without a zone is in UTC */
            *ret = utc_zone();
            return 0;
        }
        return err_set(err, ERR_NOT_FOUND, "there is no time zone \"%.100s\"", name);
    }
    return zone_parse(bytes, size, arena, ret, err) < 0 ? err_in(err, "%s", path) : 0;
}

/* ---- asking ---- */

/* What holds before anything ever changes. */
static const ZoneType *first_type(const Zone *zone) {
    return zone->type_n ? &zone->types[0] : &zone->standard;
}

const ZoneType *zone_at(const Zone *zone, int64_t utc) {
    size_t low = 0, high = zone->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->at[middle] <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->n && zone->has_rule)
        return by_rule(zone, utc);
    return low == 0 ? first_type(zone) : &zone->types[zone->type[low - 1]];
}

int64_t zone_local(const Zone *zone, int64_t utc) {
    return utc + zone_at(zone, utc)->offset;
}

int64_t zone_utc(const Zone *zone, int64_t local) {
    int32_t before = zone_at(zone, local - 2 * DAY)->offset;
    int32_t after = zone_at(zone, local + 2 * DAY)->offset;
    int32_t most = before > after ? before : after, least = before > after ? after : before;
    int64_t low = local - most, high = local - least; /* it is in between, if it is */
    if (zone_local(zone, low) == local)
        return low;
    if (zone_local(zone, high) == local && zone_local(zone, high - 1) == local - 1)
        return high;
    while (low < high) { /* the first moment at which the wall shows that or more */
        int64_t middle = low + (high - low) / 2;
        if (zone_local(zone, middle) >= local)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
