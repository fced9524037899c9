/* SPDX-License-Identifier: Apache-2.0 */
/* What a pin does next. Each function is one step: it looks at the facts, acts, and names the step
 * that follows; its own name means "wait", until a fact changes or `due`. */
#include "pin/pin.h"
#include "base/sys.h"

PinStep pin_fail(Pin *p, RunStage stage, int error) {
    p->ended.end = RUN_END_FAILED;
    p->ended.stage = stage;
    p->ended.code = error;
    p->may_linger = false;
    return PIN_KILL;
}

/* The group's number is ours until the leader is reaped. What is stopped cannot act on a signal. */
static void signal_group(const Pin *p, int signal) {
    if (p->pid == 0 || p->reaped)
        return;
    sys_kill(-p->pid, signal);
    sys_kill(-p->pid, SIGCONT);
}

static int signal_tree(Pin *p, int signal, WireSurvivors *left) {
    pid_t group = p->may_linger && p->stop_asked ? p->pid : 0;
    TreeSignal how = {.signal = signal, .self = p->self, .left = left, .group = group};
    how.at_sight = left && group == 0 && !p->fresh && p->alive == 0; /* seen, and not hit */
    int alive = tree_signal(p->start.tree, &how);
    if (p->dead && signal != 0 && alive > (int)p->ended.killed)
        p->ended.killed = (uint32_t)alive;
    return alive;
}

/* Is all gone that has to go? With linger, helpers need not: once a stop is asked for, those are
 * whatever is left when the leader's group is gone. If nobody is counted they are just ending. */
static bool tree_gone(Pin *p) {
    bool over = p->pid == 0 || p->dead;
    if (!over || !p->may_linger || !tree_has_child())
        return over && !tree_has_child();
    if (p->stop_asked && signal_tree(p, 0, NULL) != 0)
        return false;
    int alive = tree_signal(p->start.tree, &(TreeSignal){.self = p->self});
    p->ended.lingering = alive > 0 ? (uint32_t)alive : 0;
    return p->lingers = alive != 0;
}

void pin_stop(Pin *p, int signal, int64_t kill_at) {
    if (p->step == PIN_GRACE && !p->dead && signal != p->stop_signal)
        signal_group(p, signal);
    if (signal == SIGKILL || !p->stop_asked || kill_at < p->stop_at)
        p->stop_at = signal == SIGKILL ? 0 : kill_at;
    p->stop_asked = true;
    p->stop_signal = signal;
    p->step = p->step == PIN_STUCK ? PIN_KILL : p->step;
}

static PinStep step_exec(Pin *p, int64_t now) {
    p->due = p->stop_asked ? p->stop_at : 0;
    if (!p->exec_known)
        return p->stop_asked && p->stop_at <= now ? PIN_KILL : PIN_EXEC;
    if (p->failure.stage != RUN_STAGE_NONE)
        return pin_fail(p, p->failure.stage, p->failure.error);
    pin_owe(p, NEWS_STARTED);
    return PIN_RUN;
}

static PinStep step_run(Pin *p, int64_t now) {
    if (tree_gone(p))
        return PIN_DRAIN;
    if (!p->stop_asked && (!p->dead || p->may_linger))
        return p->due = p->dead ? now + PIN_ROUND_MS : 0, PIN_RUN;
    if (p->stop_asked)
        signal_group(p, p->stop_signal);
    else
        pin_stop(p, p->rest_signal, now + p->rest_grace_ms);
    return PIN_GRACE;
}

/* When the leader is gone, what is left of its tree is told as well, once. */
static PinStep step_grace(Pin *p, int64_t now) {
    if (tree_gone(p))
        return PIN_DRAIN;
    if (p->stop_at <= now)
        return PIN_KILL;
    if (p->dead && !p->rest_told)
        signal_tree(p, p->rest_signal, NULL);
    p->rest_told = p->dead;
    p->due = p->dead && p->may_linger ? now + PIN_ROUND_MS : p->stop_at;
    return PIN_GRACE;
}

static int kill_round(Pin *p) {
    int fd = p->may_linger ? -1 : sys_openat(p->leaf, "cgroup.kill", O_WRONLY | O_CLOEXEC, 0);
    (void)!sys_write(fd, "1", 1); /* without a leaf this does no harm */
    close(fd);
    p->killed = true;
    p->survivors = WIRE(WIRE_SURVIVORS, WireSurvivors);
    signal_group(p, SIGKILL);
    return signal_tree(p, SIGKILL, &p->survivors);
}

static PinStep step_kill(Pin *p, int64_t now) {
    if (tree_gone(p))
        return PIN_DRAIN;
    if (p->step == PIN_STUCK || (!p->fresh && now < p->due))
        return p->step;
    int alive = kill_round(p);
    if (p->fresh || alive == 0 || alive != p->alive) /* 0: they are quicker than our look */
        p->limit = now + PIN_STUCK_MS;
    p->alive = alive;
    p->due = now + PIN_ROUND_MS;
    if (now < p->limit)
        return PIN_KILL;
    pin_owe(p, NEWS_SURVIVORS);
    return PIN_STUCK;
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

/* Exact where the kernel counted for us alone; a SIGKILL that was not ours may be the kernel's. */
static RunOom oom(const Pin *p) {
    char t[512];
    const char *line = strstr(record_read(p->leaf, "memory.events", t, sizeof(t)), "oom_kill ");
    if (line)
        return strncmp(line, "oom_kill 0\n", 11) != 0 ? RUN_OOM_YES : RUN_OOM_NO;
    bool unknown = p->ended.end == RUN_END_SIGNALED && p->ended.code == SIGKILL && !p->killed;
    return unknown ? RUN_OOM_UNKNOWN : RUN_OOM_NO;
}

/* Reaped here, after all else, because the leader's number is also its group's. */
static void reap_leader(Pin *p) {
    int status = 0;
    struct rusage usage = {0};
    WireEnded *e = &p->ended;
    bool waited = p->pid != 0 && wait4(p->pid, &status, 0, &usage) == p->pid;
    if (waited && e->end != RUN_END_FAILED) {
        e->end = WIFSIGNALED(status) ? RUN_END_SIGNALED : RUN_END_EXITED;
        e->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    p->reaped = true;
    e->started_us = e->end == RUN_END_FAILED ? 0 : p->started.started_us;
    e->ended_us = sys_wall_us();
    e->user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
    e->system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
    e->max_rss_kib = (uint64_t)usage.ru_maxrss;
    e->oom = oom(p);
}

/* Without a claim the run is nobody's: no record, and the launch file stays for whoever decides
 * about it. A record that cannot be written is tried again as long as its directory is there. */
static PinStep step_record(Pin *p, int64_t now) {
    struct stat dir = {.st_nlink = 1};
    if (!p->reaped)
        reap_leader(p);
    if (!p->lingers)
        log_close(&p->output.log);
    p->ended.log_size = p->output.log.size;
    if (p->claimed && record_exit(PIN_DIR, &p->ended, !p->lingers, p->start.buffer) < 0) {
        p->due = now + PIN_RETRY_MS;
        if (fstat(PIN_DIR, &dir) < 0 || dir.st_nlink > 0)
            return PIN_RECORD;
    }
    p->recorded = true;
    sys_point("reply");
    pin_owe(p, NEWS_ENDED);
    return p->lingers ? PIN_LINGER : PIN_LEAVE;
}

static PinStep step_linger(Pin *p, int64_t now) {
    p->stop_asked = p->stop_asked && !p->may_linger; /* else it was the leader's */
    if (!p->stop_asked && tree_has_child())
        return PIN_LINGER;
    p->lingers = p->rest_told = false;
    p->rest_signal = p->stop_signal;
    return p->stop_asked ? PIN_GRACE : PIN_DRAIN;
}

static PinStep step_leave(Pin *p, int64_t now) {
    bool told = pin_tell(p); /* first of all: somebody waits for it */
    if (p->fresh) {
        p->due = now + PIN_LEAVE_MS;
        log_close(&p->output.log);
        if (p->leaf >= 0)
            sys_unlinkat(PIN_CGROUP, p->start.id, AT_REMOVEDIR);
    }
    return !told && now < p->due ? PIN_LEAVE : PIN_GONE;
}

void pin_step(Pin *p, int64_t now) {
    static PinStep (*const steps[])(Pin *, int64_t) = {
        [PIN_EXEC] = step_exec,     [PIN_RUN] = step_run,       [PIN_GRACE] = step_grace,
        [PIN_KILL] = step_kill,     [PIN_STUCK] = step_kill,    [PIN_DRAIN] = step_drain,
        [PIN_RECORD] = step_record, [PIN_LINGER] = step_linger, [PIN_LEAVE] = step_leave,
    };
    PinStep before;
    do {
        before = p->step;
        p->fresh = p->entered != before;
        p->entered = before;
        p->due = p->fresh ? 0 : p->due;
        p->step = steps[before](p, now);
    } while (p->step != before && p->step != PIN_GONE);
}
