/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions: minute, hour, day of month, month, day of week. Each field is `*`, a number, a
 * range `a-b`, a list of them with commas, and a step behind `/`; months and days of the week also
 * by their first three letters, Sunday is 0 or 7. Or one of @yearly @annually @monthly @weekly
 * @daily @midnight @hourly. If both days are restricted (do not begin with `*`), one is enough. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct Cron {
    /* bit n: the field may be n */
    uint64_t minutes;
    uint32_t hours, days; /* of the month */
    uint16_t months;
    uint8_t weekdays;
    bool any_day, any_weekday; /* their field begins with `*` */
} Cron;

/* One sentence in err says which field is wrong and how. A time that never comes (the 30th of
 * February) is wrong as well. */
MUST int cron_parse(const char *text, Cron *ret, Err *err);
/* Does it name hours of the day, or come in every hour? */
bool cron_every_hour(const Cron *cron);
bool cron_matches_day(const Cron *cron, int month, int day, int weekday);
