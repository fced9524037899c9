/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <string.h>

#include "plan/schedule.h"

/* A cron expression that is taken has a next time, which fits, and one after that. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[300];
    Cron cron;
    Err err = {.kind = ERR_NONE};
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (cron_parse(text, &cron, &err) < 0) {
        if (!err.msg[0])
            __builtin_trap(); /* refused without saying why */
        return 0;
    }
    ScheduleRule rule = {.cron = cron, .zone = {.has_rule = true, .standard = {.name = "UTC"}}};
    int64_t now = INT64_C(1800000000000000), next = schedule_next(&rule, now);
    if (next <= now || schedule_next(&rule, next) <= next)
        __builtin_trap();
    return 0;
}
