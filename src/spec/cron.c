/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/cron.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"

enum { FIELDS = 5, FIELD_TEXT = 128 };

typedef struct CronField {
    const char *name;
    int min, max;
    const char *words; /* three letters each, for min and on */
} CronField;

static const CronField fields[FIELDS] = {
    {"minute", 0, 59, ""},
    {"hour", 0, 23, ""},
    {"day of month", 1, 31, ""},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of week", 0, 7, "sunmontuewedthufrisat"},
};

static int wrong(const CronField *field, const char *part, const char *why, Err *err) {
    return err_set(err, ERR_INVALID, "%s \"%.40s\": %s", field->name, part, why);
}

static int out_of_range(const CronField *field, const char *part, Err *err) {
    return err_set(err, ERR_INVALID, "%s \"%.40s\" is outside %d..%d", field->name, part,
                   field->min, field->max);
}

/* A number or a word; moves on. */
static int take_value(const CronField *field, const char **at, const char *part, int *ret,
                      Err *err) {
    const char *from = *at;
    if (isdigit((unsigned char)*from)) {
        int n = 0;
        for (; isdigit((unsigned char)**at); (*at)++)
            n = n < 1000 ? n * 10 + (**at - '0') : n;
        *ret = n;
        return n < field->min || n > field->max ? out_of_range(field, part, err) : 0;
    }
    for (size_t i = 0; i + 2 < strlen(field->words); i += 3)
        if (strncasecmp(from, field->words + i, 3) == 0 && !isalpha((unsigned char)from[3])) {
            *ret = field->min + (int)(i / 3);
            *at = from + 3;
            return 0;
        }
    return wrong(field, part,
                 *field->words ? "expected *, a number or a name of three letters"
                               : "expected * or a number",
                 err);
}

static int take_step(const CronField *field, const char **at, const char *part, int *ret,
                     Err *err) {
    int step = 0;
    const char *from = ++*at;
    for (; isdigit((unsigned char)**at) && step <= field->max; (*at)++)
        step = step * 10 + (**at - '0');
    *ret = step;
    if (*at == from || step < 1 || step > field->max)
        return wrong(field, part, "the step behind / is a number from 1 on, within the field", err);
    return 0;
}

/* One part of a list: "*", "5", "1-5", each with or without "/2". */
static int take_part(const CronField *field, const char *part, uint64_t *bits, Err *err) {
    const char *at = part;
    int from = field->min, to = field->max, step = 1;
    bool star = *at == '*';
    if (star) {
        at++;
        to -= field == &fields[4]; /* Sunday once */
    } else {
        if (take_value(field, &at, part, &from, err) < 0)
            return -1;
        to = from;
    }
    if (!star && *at == '-') {
        at++;
        if (take_value(field, &at, part, &to, err) < 0)
            return -1;
        if (field == &fields[4] && to == 0)
            to = 7; /* fri-sun */
        if (to < from)
            return wrong(field, part, "the range ends before it begins", err);
    } else if (!star && *at == '/') {
        to = field->max - (field == &fields[4]); /* 5/10: from 5 on */
    }
    if (*at == '/' && take_step(field, &at, part, &step, err) < 0)
        return -1;
    if (*at)
        return wrong(field, part, "expected a list of numbers and ranges", err);
    for (int i = from; i <= to; i += step)
        *bits |= (uint64_t)1 << i;
    return 0;
}

static int take_field(const CronField *field, const char *text, uint64_t *ret, Err *err) {
    char part[FIELD_TEXT];
    *ret = 0;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        if (n >= sizeof(part))
            return wrong(field, text, "it is too long", err);
        memcpy(part, at, n);
        part[n] = '\0';
        if (take_part(field, part, ret, err) < 0)
            return -1;
        at += n;
        if (!*at)
            return 0;
    }
}

/* ---- the whole ---- */

static const char *of_macro(const char *text) {
    static const struct {
        const char *name, *text;
    } macros[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
                  {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
                  {"@hourly", "0 * * * *"}};
    for (size_t i = 0; i < COUNT(macros); i++)
        if (strcasecmp(text, macros[i].name) == 0)
            return macros[i].text;
    return NULL;
}

static int refuse_macro(const char *text, Err *err) {
    if (str_starts(text, "@every"))
        return err_set(err, ERR_INVALID, "\"%.40s\": write `interval` for that", text);
    if (str_starts(text, "@reboot"))
        return err_set(err, ERR_INVALID, "\"%.40s\": write `on_start: true` for that", text);
    return err_set(err, ERR_INVALID,
                   "\"%.40s\" is unknown; there are @yearly, @monthly, @weekly, @daily and @hourly",
                   text);
}

/* Splits at blanks; more than five are counted. */
static size_t split(const char *text, char parts[FIELDS][FIELD_TEXT]) {
    size_t n = 0;
    for (const char *at = text + strspn(text, " \t"); *at; at += strspn(at, " \t"), n++) {
        size_t size = strcspn(at, " \t");
        if (n < FIELDS) {
            size_t kept = size < FIELD_TEXT - 1 ? size : FIELD_TEXT - 1;
            memcpy(parts[n], at, kept);
            parts[n][kept] = '\0';
        }
        at += size;
    }
    return n;
}

static int check_count(const char *text, size_t n, Err *err) {
    int64_t ms;
    if (n == FIELDS)
        return 0;
    if (n == FIELDS + 1)
        return err_set(err, ERR_INVALID,
                       "six fields; there are no seconds: minute, hour, day of month, month, day "
                       "of week");
    if (n == 1 && duration_parse(text, &ms, NULL) == 0)
        return err_set(err, ERR_INVALID, "\"%.40s\" is a duration; write `interval: %.40s`", text,
                       text);
    return err_set(err, ERR_INVALID,
                   "%zu field%s instead of 5: minute, hour, day of month, month, day of week", n,
                   n == 1 ? "" : "s");
}

/* Has any of its months such a day? */
static int check_ever(const Cron *cron, Err *err) {
    static const int longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool by_weekday = !cron->any_weekday && !cron->any_day;
    for (int m = 1; m <= 12; m++)
        for (int d = 1; d <= longest[m - 1]; d++)
            if (by_weekday || (cron->months >> m & 1 && cron->days >> d & 1))
                return 0;
    return err_set(err, ERR_INVALID, "it never comes: none of its months has such a day");
}

int cron_parse(const char *text, Cron *ret, Err *err) {
    char parts[FIELDS][FIELD_TEXT];
    uint64_t bits[FIELDS];
    if (*text == '@') {
        const char *meant = of_macro(text);
        return meant ? cron_parse(meant, ret, err) : refuse_macro(text, err);
    }
    if (check_count(text, split(text, parts), err) < 0)
        return -1;
    for (size_t i = 0; i < FIELDS; i++)
        if (take_field(&fields[i], parts[i], &bits[i], err) < 0)
            return -1;
    *ret = (Cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .weekdays = (uint8_t)((bits[4] & 0x7f) | bits[4] >> 7),
        .any_day = parts[2][0] == '*',
        .any_weekday = parts[4][0] == '*',
    };
    return check_ever(ret, err);
}

bool cron_every_hour(const Cron *cron) {
    return cron->hours == 0xffffff;
}

bool cron_matches_day(const Cron *cron, int month, int day, int weekday) {
    bool by_day = cron->days >> day & 1, by_weekday = cron->weekdays >> weekday & 1;
    if (!(cron->months >> month & 1))
        return false;
    return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}
