/* SPDX-License-Identifier: Apache-2.0 */
/* What the model check of the planner keeps beside the facts, and the random worlds it walks
 * through. */
#pragma once

#include "sim.h"

enum { TARGETS_MAX = 12, STEPS = 40 };

typedef struct Truth {
    Want want;
    bool owed;                      /* somebody asked for a run that has not been started */
    bool policy;                    /* ... or the restart policy promised one */
    int64_t due_min_ms, due_max_ms; /* of what the policy promised */
    bool ever_execed, ever_ready, ever_done; /* ever */
    bool build_ok;                           /* the newest run was a success */
    bool leaving;                            /* the backend was asked to end the newest run */
    bool late;                               /* ... because it took too long */
    bool unlive;          /* its liveness probe failed before it was asked to end */
    bool stuck;           /* ... and could not */
    bool retry;           /* ... but was asked to try again */
    bool ready;           /* the newest run was ready once */
    bool patient, forced; /* of what is owed */
    bool connected;       /* lazy: somebody has, since it was asked for */
    bool unwatched;       /* its files are not watched yet */
    bool looking, needed; /* at its inputs; they have changed */
    unsigned hooks;       /* bits: owed of the newest run */
    uint32_t run;
    int64_t row; /* restarts by policy in a row */
    int64_t exec_ms, asked_ms;
    int64_t begun, executed, readied,
        finished; /* the newest run, by the clock of the boot; 0: not */
} Truth;

typedef struct Model {
    Sim sim;
    Truth truth[TARGETS_MAX];
    uint64_t seed, random;
    int step;
    const char *event;
    size_t on;
} Model;

/* Below `sides`, from the seed. */
uint32_t model_dice(Model *m, uint32_t sides);
/* Services, their keys and dependencies; nothing is wanted yet. */
void model_random_world(Model *m);

/* ---- who follows whom, told from the truth alone ---- */

bool model_owes(const Model *m, size_t i); /* a run, to people or to the policy */
/* Should it be restarted because of another? */
bool model_due(const Model *m, size_t i);
/* What it follows, directly or not, is on its way to another run. */
bool model_stirs(const Model *m, size_t i);
