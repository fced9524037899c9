/* SPDX-License-Identifier: Apache-2.0 */
/* A machine for tests of the local backend: a state directory, the real rail and real pins. */
#pragma once

#include "backend/local/inside.h"
#include "unit/backend/conformance.h"

/* Whom the tests kill. */
pid_t world_rail(World *world);               /* pid of the rail; waits until there is one */
pid_t world_pin(World *world, StepId id);     /* of a run's pin, by its record */
char *world_run_dir(World *world, StepId id); /* in the world's arena */
bool process_lives(pid_t pid);                /* and is no zombie */
size_t processes_of(const char *stamp);       /* live ones whose environment holds the text */

const Step *script_step(World *world, const char *name, const char *script); /* sh -c */

void run_begin(World *world, StepId id, const Step *step, Heard *heard); /* asks */
void run_begin_now(World *world, StepId id, const Step *step); /* and waits until it runs */
void run_resume(World *world, StepId id, Heard *heard);        /* and waits */
/* What all its processes have in their environment. */
const char *run_stamp(World *world, StepId id);
