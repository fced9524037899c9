/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a run when somebody died: server, rail or pin. The order of looking is what makes
 * the answer exact: the exit record first, then who it is, then the claim, then its pin. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/cgroup.h"
#include "backend/local/failure.h"
#include "backend/local/inside.h"
#include "backend/local/launch_file.h"
#include "backend/local/pin_socket.h"
#include "backend/local/records.h"
#include "backend/local/survivors.h"
#include "base/boot.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/vec.h"

enum {
    SEEK_POLL_MS = 5,
    SEEK_MS = 5000,  /* a pin that lives but cannot be reached is given up */
    WORD_MS = 1000,  /* one that was reached is not waited for any longer */
    SWEEP_MS = 3000, /* how long the rail may take to end the orphans of a pin */
    KILL_POLL_MS = 5,
    KILL_MS = 2000, /* then what is left is named */
};

static void lose(Run *run, LostHow how);
static void look(Run *run);

/* ---- Seeking ---- */

static void on_look_again(void *arg) {
    Run *run = arg;
    run->timer = timer_free(run->timer);
    look(run);
}

static void look_again(Run *run) {
    timer_free(run->timer);
    run->timer = timer_new(run->local->base.loop, SEEK_POLL_MS, on_look_again, run);
}

/* What is on disk cannot be read. If that is for want of descriptors or the like, it may be in a
 * moment. */
static void cannot_look(Run *run, const Err *err) {
    bool early = loop_now_ms(run->local->base.loop) - run->since_ms < SEEK_MS;
    if (err->kind == ERR_UNAVAILABLE && early)
        look_again(run);
    else
        run_give_up(run, err);
}

static void wait_for_word(Run *run);

/* Its pin was reached, and says nothing: it is stopped, or starved. While it lives, so does its
 * run; what it has to say comes later. */
static void on_silence(void *arg) {
    Run *run = arg;
    WireEnded ended;
    RunRecord record;
    Err err;
    run->timer = timer_free(run->timer);
    if (records_exit(run->dir, &ended, &err) > 0)
        run_ended(run, &ended);
    else if (records_run(run->dir, &record, &err) > 0 && records_pin_lives(run->dir, &record))
        run_set_state(run, RUN_RUNNING);
    else
        wait_for_word(run);
}

static void wait_for_word(Run *run) {
    timer_free(run->timer);
    run->timer = timer_new(run->local->base.loop, WORD_MS, on_silence, run);
}

static bool attach(Run *run) {
    char name[128];
    WireHead hello = {WIRE_ATTACH, sizeof hello};
    if (!run->id[0])
        return false;
    pin_socket_pin_name(run->id, name, sizeof name);
    Err ignored;
    int fd = pin_socket_connect(name, &ignored);
    if (fd < 0)
        return false;
    run_attach(run, fd);
    if (run_tell(run, &hello, sizeof hello) == 0) {
        wait_for_word(run);
        return true;
    }
    run_hang_up(run); /* it would never answer */
    return false;
}

/* Its pin does not answer. It may be starting, or about to exit; if it is no more, the run is
 * lost. */
static void unanswered(Run *run, bool pin_lives, LostHow how) {
    WireEnded ended;
    Err err = {0};
    bool early = loop_now_ms(run->local->base.loop) - run->since_ms < SEEK_MS;
    if (pin_lives && early) {
        look_again(run);
        return;
    }
    int there = records_exit(run->dir, &ended, &err);
    if (there > 0) {
        run_ended(run, &ended);
    } else if (there < 0) {
        cannot_look(run, &err);
    } else if (pin_lives) {
        err_set(&err, ERR_UNAVAILABLE, "the pin of %s lives but does not answer", run->dir);
        run_give_up(run, &err);
    } else {
        lose(run, how);
    }
}

static void take_record(Run *run, const RunRecord *record) {
    snprintf(run->id, sizeof run->id, "%s", record->id);
    snprintf(run->now.cause, sizeof run->now.cause, "%s", record->cause);
    run->now.pid = record->pid;
    run->now.restarts = record->restarts;
    run->now.attempt = record->attempt;
}

static void found_record(Run *run, const RunRecord *record) {
    take_record(run, record);
    run->now.started_us = record->started_us;
    run->now.started_boot_ms = records_started_boot_ms(record);
    if (!records_same_boot(record))
        lose(run, LOST_BOOT);
    else if (records_are_copied(run->dir, record))
        lose(run, LOST_COPY);
    else if (!attach(run))
        unanswered(run, records_pin_lives(run->dir, record), LOST_PIN);
}

static bool is_pin(pid_t pid) {
    ProcStat stat;
    return pid > 0 && proc_stat(pid, &stat) == 0 && stat.state != 'Z' &&
           strcmp(stat.name, "thole-pin") == 0;
}

/* A launch without a claim: whoever makes the claim decides. */
static void decide(Run *run, bool launched) {
    Err err = {0};
    int won = launched ? records_void(run->dir, &err) : 1;
    if (won < 0) {
        cannot_look(run, &err);
    } else if (won == 0) {
        look_again(run);
    } else {
        launch_remove(run->dir);
        run_set_state(run, RUN_VOID);
    }
}

static void found_claim(Run *run) {
    Claim claim;
    Launch *launch = NULL;
    Err err = {0};
    if (records_claim(run->dir, &claim, &err) < 0 || launch_read(run->dir, &launch, &err) < 0) {
        cannot_look(run, &err);
        return;
    }
    if (launch) {
        snprintf(run->id, sizeof run->id, "%s", launch_string(launch, launch->id_at));
        run->now.restarts = launch->restarts;
        run->now.attempt = launch->attempt;
    }
    if (claim.kind == CLAIM_NONE)
        decide(run, launch != NULL);
    else if (claim.kind == CLAIM_VOID)
        run_set_state(run, RUN_VOID);
    else if (is_pin(claim.pin) && pin_holds_another(run->dir, claim.pin))
        lose(run, LOST_COPY);
    else if (!attach(run))
        unanswered(run, is_pin(claim.pin), LOST_START);
    free(launch);
}

static void look(Run *run) {
    WireEnded ended;
    RunRecord record = {0};
    Err err = {0};
    int over = records_exit(run->dir, &ended, &err);
    int known = over < 0 ? -1 : records_run(run->dir, &record, &err);
    if (known < 0) {
        cannot_look(run, &err);
    } else if (over) {
        take_record(run, &record);
        if (ended.lingering && !records_are_copied(run->dir, &record))
            attach(run); /* to those that are left; they may have gone too */
        run_ended(run, &ended);
    } else if (known) {
        found_record(run, &record);
    } else {
        found_claim(run);
    }
}

void run_seek(Run *run) {
    if (run->state != RUN_SEEKING)
        run_set_state(run, RUN_SEEKING);
    look(run);
}

void run_pin_gone(Run *run) {
    Claim claim;
    Err err = {0};
    int claimed = run->state == RUN_ASKED ? records_claim(run->dir, &claim, &err) : 1;
    if (claimed != 0) {
        run_seek(run);
    } else if (run->asked_again) {
        err_set(&err, ERR_UNAVAILABLE, "the pin ended before it had claimed the run");
        run_fail_start(run, &err);
    } else { /* the request died with the rail, or the pin before it claimed: nobody has it */
        run->asked_again = true;
        list_append(&run->local->queue, &run->queued);
        local_flush(run->local);
    }
}

/* ---- Losing ---- */

static void name_left(void *arg, const Survivor *survivor, bool killed) {
    Run *run = arg;
    size_t n = strlen(run->left_names);
    snprintf(run->left_names + n, sizeof run->left_names - n, "%s%d (%s, uid %u)", n ? ", " : "",
             survivor->pid, survivor->name, survivor->uid);
    run->left++;
    (void)killed; /* the next look tells */
}

static void finish(Run *run) {
    Err err = {0};
    Loop *loop = run->local->base.loop;
    if (run->lost != LOST_BOOT && run->lost != LOST_COPY)
        survivors_of_others(rail_link_pid(run->local->rail), name_left, run);
    WireEnded ended = {
        .end = RUN_END_LOST, .code = (int32_t)run->lost, .started_us = run->now.started_us};
    ended.ended_us = loop_wall_us(loop);
    ended.killed = run->left;
    sys_point("lost");
    if (records_log_gap(run->dir, ended.ended_us, &ended.log_size, &err) < 0 ||
        records_write_exit(run->dir, &ended, &err) < 0)
        log_warn("%s", err.msg);
    launch_remove(run->dir);
    if (run->left)
        snprintf(run->now.error, sizeof run->now.error, "%s; still alive: %s",
                 lost_describe(run->lost), run->left_names);
    if (run->lost != LOST_COPY)
        cgroup_remove(run->local->cgroup, run->id);
    run->now.rebooted = run->lost == LOST_BOOT;
    run_ended(run, &ended);
}

static void on_sweep(void *arg);

static void sweep_soon(Local *local, int64_t ms) {
    if (!local->sweep_timer)
        local->sweep_timer = timer_new(local->base.loop, ms, on_sweep, local);
}

static void on_survivor(void *arg, const Survivor *survivor, bool killed) {
    Local *local = arg;
    Run *run;
    LIST_FOREACH (run, &local->all, link) {
        if (run->state == RUN_SWEEPING && strcmp(run->id, survivor->id) == 0)
            name_left(run, survivor, killed);
    }
}

/* One look at /proc for all runs that are being swept. */
static void on_sweep(void *arg) {
    Local *local = arg;
    VEC(const char *) ids = {0};
    Run *run;
    local->sweep_timer = timer_free(local->sweep_timer);
    LIST_FOREACH (run, &local->all, link) {
        if (run->state != RUN_SWEEPING || !run->swept)
            continue;
        run->left = 0;
        run->left_names[0] = '\0';
        VEC_PUSH(ids, run->id);
    }
    if (ids.n)
        survivors_kill(ids.at, ids.n, on_survivor, local);
    VEC_FREE(ids);
    bool more = false;
    LIST_FOREACH (run, &local->all, link) {
        if (run->state != RUN_SWEEPING || !run->swept)
            continue;
        if (run->left == 0 || loop_now_ms(local->base.loop) - run->since_ms > SWEEP_MS + KILL_MS)
            finish(run);
        else
            more = true;
    }
    if (more)
        sweep_soon(local, KILL_POLL_MS);
}

static void swept(Run *run) {
    run->swept = true;
    run->timer = timer_free(run->timer);
    sweep_soon(run->local, 0);
}

static void on_sweep_late(void *arg) {
    swept(arg);
}

/* The pin is no more and has left no exit record. What was below it is ended first: by its control
 * group, by the rail, which inherits orphans, and by their stamp. What a copy of the record tells
 * of is not ours to end. */
static void lose(Run *run, LostHow how) {
    Local *local = run->local;
    run_set_state(run, RUN_SWEEPING);
    run->lost = how;
    run->left = 0;
    if (how == LOST_BOOT || how == LOST_COPY) {
        finish(run);
        return;
    }
    cgroup_remove(local->cgroup, run->id);
    run->tag = ++local->last_tag;
    if (run->swept || !rail_link_sweep(local->rail, run->tag))
        swept(run);
    else
        run->timer = timer_new(local->base.loop, SWEEP_MS, on_sweep_late, run);
}

void local_pin_died(Local *local, const WirePinDied *died) {
    Run *run;
    LIST_FOREACH (run, &local->all, link) {
        if (strcmp(run->id, died->id) != 0)
            continue;
        run->swept = true;
        if (run->state == RUN_SWEEPING)
            swept(run);
        return;
    }
}

void local_swept(Local *local, uint64_t tag) {
    Run *run;
    LIST_FOREACH (run, &local->all, link) {
        if (run->state == RUN_SWEEPING && run->tag == tag) {
            swept(run);
            return;
        }
    }
}
