/* SPDX-License-Identifier: Apache-2.0 */
/* What a pin does next. Each function is one step: it looks at the facts, acts, and names the step that follows; its own
 * name means "wait", until a fact changes or `due`. `fresh` is true the first time. */
#include "pin/launch.h"
#include "pin/pin.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool tree_gone(const Pin *p) {
    return (p->pid == 0 || p->dead) && !tree_has_child();
}

void pin_fail(Pin *p, RunStage stage, int error) {
    if (p->ended.end == RUN_END_FAILED)
        return;
    p->ended.end = RUN_END_FAILED;
    p->ended.stage = stage;
    p->ended.code = error;
}

/* The group's number is ours as long as the leader is not reaped. A stopped process cannot act on a signal. */
static void signal_group(const Pin *p, int signal) {
    if (p->reaped || p->pid == 0)
        return;
    sys_kill(-p->pid, signal);
    if (signal != SIGKILL)
        sys_kill(-p->pid, SIGCONT);
}

static int signal_tree(Pin *p, int signal, WireSurvivors *left) {
    TreeSignal how = {.signal = signal, .self = p->self, .left = left};
    int alive = tree_signal(p->start.tree, &how);
    if (p->dead && alive > (int)p->ended.killed && signal != 0)
        p->ended.killed = (uint32_t)alive;
    return alive;
}

void pin_stop(Pin *p, int signal, int64_t kill_at) {
    bool again = p->stop_asked && p->stop_signal == signal;
    if (signal == SIGKILL)
        kill_at = 0;
    if (!p->stop_asked || kill_at < p->stop_at)
        p->stop_at = kill_at;
    p->stop_asked = true;
    p->stop_signal = signal;
    if (p->step == PIN_GRACE && !again && !p->dead)
        signal_group(p, signal);
    if (p->step == PIN_STUCK)
        p->step = PIN_KILL;
}

/* Who still holds the way when the leader is gone: told once, to end. */
static void tell_rest(Pin *p) {
    if (p->rest_told)
        return;
    p->rest_told = true;
    signal_tree(p, p->rest_signal, NULL);
}

static PinStep step_exec(Pin *p, int64_t now) {
    p->due = p->stop_asked ? p->stop_at : 0;
    if (!p->exec_known)
        return p->stop_asked && p->stop_at <= now ? PIN_KILL : PIN_EXEC;
    if (p->failure.stage != RUN_STAGE_NONE) {
        pin_fail(p, p->failure.stage, p->failure.error);
        return PIN_KILL;
    }
    talk_owe(p, NEWS_STARTED);
    return PIN_RUN;
}

static PinStep step_run(Pin *p, int64_t now) {
    if (!p->dead && !p->stop_asked)
        return PIN_RUN;
    if (tree_gone(p))
        return PIN_DRAIN;
    if (p->stop_asked) {
        signal_group(p, p->stop_signal);
        return PIN_GRACE;
    }
    if (p->launch->flags & LAUNCH_LINGER) {
        int alive = signal_tree(p, 0, NULL);
        p->lingers = alive != 0;
        p->ended.lingering = alive > 0 ? (uint32_t)alive : 0;
        p->due = now + PIN_ROUND_MS; /* they are just ending */
        return p->lingers ? PIN_DRAIN : PIN_RUN;
    }
    pin_stop(p, p->rest_signal, now + p->launch->end_grace_ms);
    return PIN_GRACE;
}

static PinStep step_grace(Pin *p, int64_t now) {
    if (tree_gone(p))
        return PIN_DRAIN;
    if (p->stop_at <= now)
        return PIN_KILL;
    if (p->dead)
        tell_rest(p);
    p->due = p->stop_at;
    return PIN_GRACE;
}

static void kill_cgroup(const Pin *p) {
    int fd = p->leaf < 0 ? -1 : sys_openat(p->leaf, "cgroup.kill", O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sys_write(fd, "1", 1);
    close(fd);
}

static int kill_round(Pin *p) {
    p->killed = true;
    p->survivors = (WireSurvivors){.head = {WIRE_SURVIVORS, sizeof(WireSurvivors)}};
    signal_group(p, SIGKILL);
    if (!p->dead)
        sys_pidfd_send_signal(p->pidfd, SIGKILL);
    kill_cgroup(p);
    return signal_tree(p, SIGKILL, &p->survivors);
}

static PinStep step_kill(Pin *p, int64_t now) {
    if (tree_gone(p))
        return PIN_DRAIN;
    if (!p->fresh && now < p->due)
        return PIN_KILL;
    int alive = kill_round(p);
    if (p->fresh || alive != p->alive)
        p->limit = now + PIN_STUCK_MS;
    p->alive = alive;
    p->due = now + PIN_ROUND_MS;
    if (now < p->limit)
        return PIN_KILL;
    talk_owe(p, NEWS_SURVIVORS);
    return PIN_STUCK;
}

static PinStep step_stuck(Pin *p, int64_t now) {
    return tree_gone(p) ? PIN_DRAIN : PIN_STUCK;
}

static PinStep step_drain(Pin *p, int64_t now) {
    if (p->fresh)
        p->due = now + PIN_DRAIN_MS;
    output_read_waiting(&p->output, now);
    if (output_open(&p->output) && !p->lingers && now < p->due)
        return PIN_DRAIN;
    output_end(&p->output, p->lingers);
    return p->recorded ? PIN_LEAVE : PIN_RECORD;
}

static RunOom oom(const Pin *p) {
    char text[512];
    int fd = p->leaf < 0 ? -1 : sys_openat(p->leaf, "memory.events", O_RDONLY | O_CLOEXEC, 0);
    ssize_t size = fd < 0 ? -1 : sys_read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *kills = strstr(text, "oom_kill ");
    if (kills)
        return strtoul(kills + strlen("oom_kill "), NULL, 10) > 0 ? RUN_OOM_YES : RUN_OOM_NO;
    bool unknown = p->ended.end == RUN_END_SIGNALED && p->ended.code == SIGKILL && !p->killed;
    return unknown ? RUN_OOM_UNKNOWN : RUN_OOM_NO;
}

static uint64_t micros(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

/* The leader is reaped here, after all else, because its number is also its group's. */
static void reap_leader(Pin *p) {
    int status = 0;
    struct rusage usage = {0};
    WireEnded *e = &p->ended;
    if (p->pid != 0 && wait4(p->pid, &status, 0, &usage) == p->pid && e->end != RUN_END_FAILED) {
        e->end = WIFSIGNALED(status) ? RUN_END_SIGNALED : RUN_END_EXITED;
        e->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    p->reaped = true;
    e->started_us = e->end == RUN_END_FAILED ? 0 : p->started.started_us;
    e->ended_us = sys_wall_us();
    e->user_us = micros(usage.ru_utime);
    e->system_us = micros(usage.ru_stime);
    e->max_rss_kib = (uint64_t)usage.ru_maxrss;
    e->oom = oom(p);
}

static bool is_removed(int dir) {
    struct stat now;
    return fstat(dir, &now) == 0 && now.st_nlink == 0;
}

/* Without a claim the run is nobody's: no record, and the launch file stays for whoever decides about it. */
static PinStep step_record(Pin *p, int64_t now) {
    if (!p->reaped)
        reap_leader(p);
    if (!p->lingers)
        log_close(&p->output.log);
    p->ended.log_size = p->output.log.size;
    if (p->claimed && record_exit(p->start.dir, &p->ended, !p->lingers, p->start.buffer) < 0 &&
        !is_removed(p->start.dir)) {
        p->due = now + PIN_RETRY_MS;
        return PIN_RECORD;
    }
    p->recorded = true;
    if (p->claimed)
        sys_unlinkat(p->start.dir, RUN_LAUNCH, 0);
    sys_point("reply");
    talk_owe(p, NEWS_ENDED);
    return p->lingers ? PIN_LINGER : PIN_LEAVE;
}

static PinStep step_linger(Pin *p, int64_t now) {
    if (!p->stop_asked && tree_has_child())
        return PIN_LINGER;
    p->lingers = false;
    p->rest_signal = p->stop_signal;
    return p->stop_asked ? PIN_GRACE : PIN_DRAIN;
}

static PinStep step_leave(Pin *p, int64_t now) {
    if (p->fresh) {
        p->due = now + PIN_LEAVE_MS;
        log_close(&p->output.log);
        if (p->leaf >= 0)
            sys_unlinkat(p->start.cgroup, p->start.id, AT_REMOVEDIR);
    }
    talk_tell(p);
    uint32_t owed = 0;
    for (PinConn *c = p->conns; c < p->conns + PIN_CONNS_MAX; c++)
        owed |= c->owed;
    return owed != 0 && now < p->due ? PIN_LEAVE : PIN_GONE;
}

typedef PinStep (*StepFn)(Pin *p, int64_t now);

static const StepFn steps[] = {
    [PIN_EXEC] = step_exec,   [PIN_RUN] = step_run,       [PIN_GRACE] = step_grace,
    [PIN_KILL] = step_kill,   [PIN_STUCK] = step_stuck,   [PIN_DRAIN] = step_drain,
    [PIN_RECORD] = step_record, [PIN_LINGER] = step_linger, [PIN_LEAVE] = step_leave,
};

void pin_step(Pin *p, int64_t now) {
    PinStep before;
    do {
        before = p->step;
        p->fresh = p->entered != before;
        p->entered = before;
        p->due = p->fresh ? 0 : p->due;
        p->step = steps[before](p, now);
    } while (p->step != before && p->step != PIN_GONE);
}
