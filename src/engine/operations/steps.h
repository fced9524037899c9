/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of step is, by the noun that it is about. */
#pragma once

#include "engine/environments/environment_look.h"
#include "engine/environments/environments_inside.h"

/* steps_compute.c */
extern const StepDoer create_compute_doer, check_loss_doer, destroy_compute_doer;
/* steps_copy.c */
extern const StepDoer copy_files_doer;
/* What it has brought into the worktree of `entry`, whose strings it lends: for compute_loss(). */
void steps_brought(const EnvironmentEntry *entry, Arena *arena, ComputeAsk *ask);
/* steps_infra.c */
extern const StepDoer start_infra_doer, stop_infra_doer;
/* steps_ports.c */
extern const StepDoer allocate_ports_doer;
/* steps_files.c */
extern const StepDoer build_manifest_doer, write_manifest_doer, generate_env_doer, cleanup_env_doer;
/* The files that a step of this kind writes. */
MUST int steps_see_files(const Operation *operation, LifecycleKind kind, SeenEnvironment *seen,
                         Arena *arena, Err *err);
/* steps_services.c */
extern const StepDoer start_services_doer, stop_services_doer;
/* What sessions that are down have left, with the logs of what they ran. */
MUST int steps_purge_sessions(const Operation *operation, Err *err);
/* steps_state.c */
extern const StepDoer remove_state_doer;
