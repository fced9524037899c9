/* SPDX-License-Identifier: Apache-2.0 */
/* What another reading of the config file means for each target. Pure: two configs in, a list
 * out. */
#pragma once

#include "plan/graph.h"

typedef enum ReloadAction {
    RELOAD_KEEP,    /* nothing about it has changed */
    RELOAD_UPDATE,  /* what has changed concerns no process: a label, a restart policy */
    RELOAD_RESTART, /* what it runs, or how, has changed: a fresh run */
    RELOAD_START,   /* it is new */
    RELOAD_STOP,    /* it is no longer there */
} ReloadAction;

typedef struct TargetChange {
    const char *target;
    ReloadAction action;
    const char *keys;    /* of RESTART and UPDATE: what has changed, "command, env.PORT" */
    const char *because; /* of RESTART and START: another reason than the file; NULL: none */
} TargetChange;

typedef struct ReloadPlan {
    TargetChange *at; /* in byte order of the targets; without tiltfile:update */
    size_t n;
    bool any; /* something is not KEEP, or what concerns the whole project has changed */
} ReloadPlan;

/* `now` may have no targets and no config: everything is new. Lives in `arena`, but shares names
 * with both. */
void reload_plan(const Graph *now, const Graph *next, Arena *arena, ReloadPlan *ret);

/* What follows (`restart: true`) something that is to be restarted or started is restarted too,
 * also over others. `follows` (next->n bytes): who would, as it is now. */
void reload_follow(const Graph *next, const unsigned char *follows, Arena *arena, ReloadPlan *plan);

/* "keep", "update", "restart", "start", "stop" */
const char *reload_action_name(ReloadAction action);
/* Why, in words: "command, env.PORT changed", "new in thole.yaml"; "" for KEEP. `file` is the
 * config file's name. */
const char *reload_why(const TargetChange *change, const char *file, Arena *arena);

/* All of it in one line: "thole.yaml changed: restart api:serve, db:serve; stop old:serve". */
const char *reload_summary(const ReloadPlan *plan, const char *file, Arena *arena);

/* `next`, and the services of `now` whose targets `stay` (now->n bytes) says are still there
 * although `next` has them no more: they are marked as leaving, run no more and are depended on by
 * nobody. A service that has changed its kind stays as it was, and *ret_again says that `next` must
 * be taken up again when it has gone. Lives in `arena`, but shares strings with both. */
const Config *reload_merge(const Graph *now, const Graph *next, const unsigned char *stay,
                           Arena *arena, bool *ret_again);
