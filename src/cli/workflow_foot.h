/* SPDX-License-Identifier: Apache-2.0 */
/* The foot of the screen below what a workflow writes: the steps that are under way, for how long,
 * and what one waits for that is being started. Whoever is told only of its beginning and its end
 * has to ask for that: once when it has been under way for a second, and each second until it
 * runs. */
#pragma once

#include "base/vec.h"
#include "cli/prefix.h"
#include "cli/progress.h"
#include "data/value.h"

/* In whoever knows the step; zeroed at first. */
typedef struct FootStep {
    const char *uuid, *name; /* lent */
    const char *state;       /* a literal */
    char *why;               /* owned; NULL: none */
    int64_t since_ms;
    size_t place; /* in WorkflowFoot.live, plus one; 0: it is not under way */
    bool service; /* a cancel leaves it alone */
    bool unsure;  /* it was begun; nobody has said that it runs */
} FootStep;

typedef struct WorkflowFoot {
    Progress progress;
    const Prefix *prefix; /* names are cut as there */
    const char *task;
    VEC(FootStep *) live;
    int64_t idle_ms; /* since when there are none */
    int64_t ask_ms;  /* not before; 0: nothing is to be asked */
    bool set_up;
} WorkflowFoot;

void workflow_foot_init(WorkflowFoot *foot, const char *task, const Prefix *prefix, bool color);
void workflow_foot_deinit(WorkflowFoot *foot);
/* `state`: a literal, of an event. */
void workflow_foot_take(WorkflowFoot *foot, FootStep *step, const char *state);
void workflow_foot_set_up(WorkflowFoot *foot);
/* It is cancelled: what runs is being stopped. */
void workflow_foot_cancel(WorkflowFoot *foot);
/* Is it time to ask for the workflow? Then the answer (NULL: there was none) is for the next. */
bool workflow_foot_asks(WorkflowFoot *foot);
void workflow_foot_hear(WorkflowFoot *foot, const Value *workflow);
void workflow_foot_draw(WorkflowFoot *foot);
int workflow_foot_timeout(const WorkflowFoot *foot); /* until one of both is due; -1: none */
