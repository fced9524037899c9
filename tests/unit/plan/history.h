/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, written by hand: a YAML file with the events of a session and what its targets
 * show, for the tests of chain and timeline. Times are seconds since the session began.
 *
 *     now: 12.5
 *     down: true
 *     targets:
 *       - {name: api:serve, phase: waiting, reason: waiting-for-dep, on: [db:serve], message: …,
 *          start: 3}
 *     events:
 *       - {t: 0, kind: session, reason: Created, message: …}
 *       - {t: 1, target: api:serve, run: 1, kind: started}
 */
#pragma once

#include "base/arena.h"
#include "spec/event.h"
#include "spec/session.h"

typedef struct Value Value;

typedef struct History {
    const Value *file;
    int64_t now_us;
    bool down;
    TargetStatus *statuses;
    size_t status_n;
    EventList events;
} History;

/* Ends the test when it cannot be read. */
void history_read(const char *path, Arena *arena, History *ret);
/* Compares the text with the file, or writes it (THOLE_UPDATE=1). */
void history_check(const char *path, const char *text);
/* The cases of tests/golden/history: their paths, without ".yaml". Returns how many. */
size_t history_cases(const char **ret, size_t max, Arena *arena);
