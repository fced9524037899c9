/* SPDX-License-Identifier: Apache-2.0 */
/* A session as its project's state file shows it (store/state_file.h). The file follows what
 * happens: written on the engine's worker at most every 250 ms while things change, never while
 * they do not, and once more at the end. Whatever is wrong with the project's directory (moved,
 * deleted, read-only) is said once and harms nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spec/config.h"

typedef struct Session Session;
typedef struct StateView StateView;

/* For a session that has its config. All below take NULL for "no file is kept". */
StateView *state_view_new(Session *session);
/* What was not written yet still will be. Returns NULL. */
StateView *state_view_free(StateView *view);
/* Something that the file shows may be different. */
void state_view_changed(StateView *view);
/* The session has another config than `former`. */
void state_view_move(StateView *view, const Config *former);
/* The newest run of a target has ended: its exit code outlives the facts. */
void state_view_ended(StateView *view, uint32_t target);
/* The session is down: writes the last state (purge: removes the file). True once that is done, or
 * has taken too long; until then the session is looked at again when it is (engine_changed). */
bool state_view_finish(StateView *view, bool purge);
