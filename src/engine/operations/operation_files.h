/* SPDX-License-Identifier: Apache-2.0 */
/* An operation on disk, environments/<project>/<name>/:
 *
 *   operation.json  what was asked, and by whom; written before anything is done, gone when it is
 *                   over. 0600: it has the environment of the client
 *   next.json       likewise: a delete that waits for the end of the other
 *   config.json     what the config file has said last, resolved; and how that is undone of which
 *                   it speaks no more
 *   events.jsonl    what happened to the steps, an event a line; the operations one after the other
 *                   (beyond MAX_EVENTS_BYTES the older half goes)
 *
 * Beside them the backend's runs/. */
#pragma once

#include "engine/operations/operation.h"
#include "spec/event_status.h"

#define OPERATION_FILE   "operation.json"
#define OPERATION_NEXT   "next.json"
#define OPERATION_EVENTS "events.jsonl"

struct OperationFile {
    int64_t number;
    int64_t begun_us; /* wall clock */
    bool canceled;    /* it ends as soon as it can */
    OperationDeaths deaths;
    OperationAsk ask;
};

MUST int operation_file_write(const Environment *environment, const char *name,
                              const OperationFile *file, Err *err);

/* In `arena`. ERR_NOT_FOUND: there is none. */
MUST int operation_file_read(const char *dir, const char *name, Arena *arena, OperationFile *ret,
                             Err *err);
void operation_file_remove(const Environment *environment, const char *name);

/* In the mode that it has: what its file says; of one that may, what it said last. ERR_INVALID,
 * with `report`. */
MUST int operation_read_config(Operation *operation, Report *report, Err *err);
/* The entry is known: of what the file names no more only that counts which was made for it. */
void operation_keep_undoing(Operation *operation);
/* To delete: is it known how all that was made for it is undone? ERR_CONFLICT names what is not; by
 * force it is passed over, and named at the end. */
MUST int operation_check_undoing(Operation *operation, Err *err);
/* For those that come after it: operation_config.c. */
MUST int operation_save_config(const Operation *operation, Err *err);

/* Before another begins: the file stays within its bounds. Who reads it loses nothing. */
void operation_trim_events(Environment *environment);
/* The number of the next operation: greater than that of all that events tell of. *ret_seq: the
 * number of the last event. What was read for this before is not read again. */
int64_t operation_next_number(Environment *environment, int64_t *ret_seq);
/* The step that events of that operation tell to have begun, and not to have ended; NULL: none. In
 * `arena`. */
const char *operation_last_step(const Environment *environment, int64_t number, Arena *arena);

/* Of the step that is being done, or of the whole. */
void operation_tell(Operation *operation, EventStatus status, const char *message,
                    const char *error);
/* What a server before has told of this operation: which of its steps, and its end. */
void operation_recall(Operation *operation);

/* Of the command of the step that is being done: behind `err`, how it ended, stands the last line
 * with anything in it that it has written to its stderr, as its log has it (masked), cut to 200
 * bytes; where git has died, what it died of before that. Returns -1. */
int operation_add_last_words(const Operation *operation, Err *err);
