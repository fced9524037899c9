/* SPDX-License-Identifier: Apache-2.0 */
/* Adoption: what a former server has left is looked up (engine_adopt is in engine.h). */
#pragma once

#include "engine/targets/run_files.h"
#include "engine/targets/target.h"

/* Asks for its newest run; one of those things that its session waited for is known. */
void target_look_up(Target *target);
void target_looked_up(Target *target);
/* Its newest run was refused before it began: told as it was then, but for what has followed
 * since. */
void target_was_refused(Target *target, const RunRefusal *refusal);
/* What its newest run was is known: a wish for another that its former server had heard counts. */
void target_ask_queued(Target *target);
