/* SPDX-License-Identifier: Apache-2.0 */
/* What is given to the backend: the Step of a run, a probe or a hook, out of the config. */
#pragma once

#include "engine/targets/target.h"

/* The Step of a target's next run, in `arena`. */
void step_build(const Target *target, Arena *arena, Step *ret);
/* What the service is for, not its build. */
bool step_is_main(const Target *target);
/* What ends its run instead of a signal, with NULL at the end; NULL: nothing does. */
const char *const *step_stop_command(const Target *target, Arena *arena);
/* The environment and directory its exec probe shares; the command is rendered. */
void step_build_probe(const Target *target, const Command *command, Arena *arena, Step *ret);
/* ... of one of its hooks, but for its name. */
void step_build_hook(const Target *target, Hook hook, const Command *command, Arena *arena,
                     Step *ret);
/* Names in `secrets` must be set and long enough. */
MUST int step_check_secrets(const Config *config, const StrMap *client_env, Err *err);
