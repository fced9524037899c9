/* SPDX-License-Identifier: Apache-2.0 */
/* What is left at backends of tasks that nobody knows any more. It is found, and removed, by its
 * labels alone; of the backend where sessions run it is a directory of ours, and what runs
 * there. */
#pragma once

#include "engine/backends/backend_pool.h"
#include "engine/engine.h"

/* Does a session, or a workflow that is not over or is kept, go by this name? */
bool task_lives(Engine *engine, const char *task);

/* Directories of workflows that were never begun, or cannot be read; in `arena`. */
Leftovers orphan_directories(Engine *engine, Arena *arena);

/* Destroys all that is left of a task. ERR_CONFLICT: it lives; ERR_NOT_FOUND: there is nothing. */
Op *orphan_remove(Engine *engine, const BackendWish *wish, const char *task, OpFn fn, void *arg);

/* After a server before was killed: what is left of tasks that no record knows is destroyed, where
 * workflows of ours run or may have run. Later, by itself. */
void orphans_sweep(Engine *engine);
void orphans_free(Engine *engine);
