/* SPDX-License-Identifier: Apache-2.0 */
/* What is left at backends of tasks that nobody knows any more. It is found, and removed, by its
 * labels alone; of the backend where sessions run it is a directory of ours, and what runs
 * there, also when the directory is gone. */
#pragma once

#include "engine/backends/backend_pool.h"
#include "engine/engine.h"

/* Whose is what is left of a task? One meaning for what is swept, listed, and removed. */
typedef enum TaskOwner {
    TASK_ORPHAN, /* nobody's: of no task that we know, or of a workflow that is over */
    TASK_LIVES,  /* of a session, up or down, or of a workflow that is not over, or is kept */
    TASK_UNREAD, /* there is a record that cannot be read: it may be of a newer server. Removed only
                    by whoever says so */
} TaskOwner;
TaskOwner task_owner(Engine *engine, const char *task);
/* Likewise, by the name of its directory: on the backend where sessions run that is the task. */
TaskOwner directory_owner(Engine *engine, const char *name);

/* Directories of workflows that were never begun, or cannot be read; in `arena`. */
Leftovers orphan_directories(Engine *engine, Arena *arena);

typedef struct OrphanAsk {
    BackendWish wish;
    const char *task; /* as the leftover has it */
    bool unread;      /* also one whose record cannot be read */
} OrphanAsk;
/* Destroys all that is left of a task. ERR_CONFLICT: it lives, or is unread; ERR_NOT_FOUND: there
 * is nothing. */
Op *orphan_remove(Engine *engine, const OrphanAsk *ask, OpFn fn, void *arg);

/* After a server before was killed: what is left of orphans is destroyed, where
 * workflows of ours run or may have run. Later, by itself. */
void orphans_sweep(Engine *engine);
void orphans_free(Engine *engine);
