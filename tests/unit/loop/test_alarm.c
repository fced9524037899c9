/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm rings at its time, and also where the kernel has no timer for it. */
#include "harness/test.h"

#include <sys/resource.h>

#include "loop/alarm.h"

static void count(void *arg) {
    ++*(int *)arg;
}

static void check_rings(Loop *loop, Alarm *alarm, const int *rung) {
    int64_t at_us = loop_wall_us(loop) + 30000;
    alarm_set(alarm, at_us);
    while (!*rung)
        loop_turn(loop, -1);
    CHECK(loop_wall_us(loop) >= at_us);
    CHECK_EQ(*rung, 1);
    alarm_set(alarm, 1); /* long past */
    while (*rung < 2)
        loop_turn(loop, -1);
}

TEST(it_rings_at_its_time)
{
    int rung = 0;
    Loop *loop = loop_new();
    Alarm *alarm = alarm_new(loop, count, &rung);
    check_rings(loop, alarm, &rung);
    alarm_free(alarm);
    loop_free(loop);
}

TEST(it_rings_where_no_more_files_can_be_opened)
{
    int rung = 0;
    Loop *loop = loop_new();
    struct rlimit all, none = {0};
    getrlimit(RLIMIT_NOFILE, &all);
    none.rlim_max = all.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    Alarm *alarm = alarm_new(loop, count, &rung);
    setrlimit(RLIMIT_NOFILE, &all);
    check_rings(loop, alarm, &rung);
    alarm_free(alarm);
    loop_free(loop);
}
