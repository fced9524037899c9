/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/timeline_scale.h"

#include <stdio.h>

#include "base/attr.h"

int64_t scale_step_ms(int64_t range_ms, int64_t most) {
    enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
    static const int64_t steps[] = {
        1,           2,        5,          10,         20,          50,          100,
        200,         500,      SECOND,     2 * SECOND, 5 * SECOND,  10 * SECOND, 15 * SECOND,
        30 * SECOND, MINUTE,   2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
        HOUR,        2 * HOUR, 6 * HOUR,   12 * HOUR,  DAY};
    if (most < 1)
        most = 1;
    for (size_t i = 0; i < COUNT(steps); i++)
        if (range_ms / steps[i] <= most)
            return steps[i];
    int64_t days = range_ms / most / DAY + 1;
    return days * DAY;
}

void scale_label(int64_t ms, char text[DURATION_TEXT]) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (i + 1 < COUNT(units) && ms % units[i].ms != 0)
        i++;
    if (ms == 0)
        snprintf(text, DURATION_TEXT, "0");
    else if (units[i].ms == 1 && ms > 1000)
        snprintf(text, DURATION_TEXT, "%gs", (double)ms / 1000);
    else
        snprintf(text, DURATION_TEXT, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}
