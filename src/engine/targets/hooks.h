/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of a target's runs: steps of their own beside it ("api:serve.before"), numbered from 1
 * each, whose record says for which run they are. A hook is run once for a run, also if the server
 * dies meanwhile: what was to be run is written into the directory of the run, and whether it was,
 * its own directory says. */
#pragma once

#include "backend/backend.h"
#include "plan/plan.h"

typedef struct Target Target;

typedef struct TargetHooks {
    Hook running;
    uint32_t newest[HOOKS]; /* runs of each */
    Op *op, *destroy;
    Timer *timer; /* of its timeout */
    bool late, stopped;
} TargetHooks;

/* Its run is about to start. False: there is no `before`; true: target_begun() or target_refused()
 * follows, when it has ended. */
bool hooks_before(Target *target);
/* The plan wants it. */
void hooks_start(Target *target, Hook hook);
/* The one that runs is to end; kill: at once. */
void hooks_stop(Target *target, bool kill);
bool hooks_running(const Target *target);
void hooks_free(Target *target);
/* Older runs of them go, as those of targets do. */
void hooks_tidy(Target *target);

/* What may be owed when this run is over is written down. */
void hooks_mark(Target *target);
/* Adoption: its newest run may still wait for its `before`. If not, target_look_up() looks at the
 * run itself. */
void hooks_look_up(Target *target);
/* Adoption, when the run has ended: which of its hooks have been run? */
void hooks_restore(Target *target);
/* ... of a run that was refused: nobody wrote down what it would owe. */
void hooks_restore_refused(Target *target);

/* "api:serve.before". Returns owned. */
char *hooks_name(const Target *target, Hook hook);
