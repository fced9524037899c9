/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/alarm.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/xalloc.h"
#include "loop/loop_inside.h"

enum { LOOK_MS = 60 * 1000 };

struct Alarm {
    Loop *loop;
    LoopFn fn;
    void *arg;
    Timer *timer;      /* of a scripted loop, or where there is no timerfd */
    int fd, step_fd;   /* -1: none */
    Poll *poll, *step; /* step: a test sets the clock */
};

static void on_timer(void *arg) {
    Alarm *alarm = arg;
    alarm->fn(alarm->arg);
}

/* Rung, or (ECANCELED) the clock was set: it is to be set anew. */
static void on_poll(void *arg, int events) {
    Alarm *alarm = arg;
    char bytes[512]; /* of a timer eight, of a step more */
    while (read(alarm->fd, bytes, sizeof(bytes)) > 0)
        ;
    while (alarm->step_fd >= 0 && read(alarm->step_fd, bytes, sizeof(bytes)) > 0)
        ;
    alarm->fn(alarm->arg);
}

static void open_timer(Alarm *alarm) {
    alarm->fd = sys_timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (alarm->fd < 0)
        return;
    alarm->poll = poll_new(alarm->loop, alarm->fd, POLL_READ, on_poll, alarm);
    alarm->step_fd = sys_clock_watch();
    if (alarm->step_fd >= 0)
        alarm->step = poll_new(alarm->loop, alarm->step_fd, POLL_READ, on_poll, alarm);
}

Alarm *alarm_new(Loop *loop, LoopFn fn, void *arg) {
    Alarm *alarm = xcalloc(1, sizeof(*alarm));
    *alarm = (Alarm){.loop = loop, .fn = fn, .arg = arg, .fd = -1, .step_fd = -1};
    alarm->timer = timer_idle(loop, on_timer, alarm);
    if (!loop->scripted)
        open_timer(alarm);
    return alarm;
}

Alarm *alarm_free(Alarm *alarm) {
    if (!alarm)
        return NULL;
    timer_free(alarm->timer);
    poll_free(alarm->poll);
    poll_free(alarm->step);
    if (alarm->fd >= 0)
        close(alarm->fd);
    if (alarm->step_fd >= 0)
        close(alarm->step_fd);
    free(alarm);
    return NULL;
}

static bool set_timerfd(const Alarm *alarm, int64_t wall_us) {
    int64_t us = wall_us ? wall_us - sys_clock_step(CLOCK_REALTIME) : 0;
    struct itimerspec when = {.it_value = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}};
    if (wall_us && us <= 0)
        when.it_value = (struct timespec){.tv_nsec = 1};
    return alarm->fd >= 0 &&
           sys_timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when) == 0;
}

void alarm_set(Alarm *alarm, int64_t wall_us) {
    timer_clear(alarm->timer);
    if (set_timerfd(alarm, wall_us) || !wall_us)
        return;
    int64_t left_us = wall_us - loop_wall_us(alarm->loop);
    int64_t ms = left_us > 0 ? (left_us + 999) / 1000 : 0;
    timer_set(alarm->timer, alarm->loop->scripted || ms < LOOK_MS ? ms : LOOK_MS);
}
