/* SPDX-License-Identifier: Apache-2.0 */
/* From facts to events: what became of a target's runs, and what holds it back, each said once. */
#pragma once

#include "plan/plan.h"

typedef struct Session Session;
typedef struct Target Target;

/* What was recorded of a target, so that it is not again. */
typedef struct EventsSeen {
    uint32_t started, stopping, ended, unstopped; /* the newest run of which that was said */
    bool ready;
    Hold held;   /* for which it has not started; HOLD_NONE: nothing was said */
    uint32_t on; /* HOLD_DEP: hash of the name of the target that it was said to wait for */
} EventsSeen;

/* Records what the facts of a target say that was not said yet: after a fact of its run. */
void events_look(Target *target);
/* ... and that something holds it back, and why. */
void events_held(Target *target, const Verdict *verdict, const char *why);
/* A new server: reads what the one before has recorded of each target. */
void events_recall(Session *session);
