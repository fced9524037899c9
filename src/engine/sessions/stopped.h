/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that are down: nothing of them is alive, only their files are left. Read from disk when
 * asked for. */
#pragma once

#include "base/arena.h"
#include "data/json.h"

enum { SESSION_FORMAT = 1 }; /* of session.json */

typedef struct StoppedSession {
    const char *slug, *uid, *file, *error; /* error "": none */
    const char *name;                      /* of `--session`, or NULL */
    bool ci, done, late;
    bool helpers; /* runs of it may have left some */
    int64_t created_us, started_us, ci_timeout_ms, ci_readiness_timeout_ms;
} StoppedSession;

typedef struct StoppedList {
    StoppedSession *at; /* in byte order of their slugs */
    size_t n;
} StoppedList;

/* Those in <state_dir>/sessions. What cannot be read, or is of a newer format, is left out. */
void stopped_list(const char *state_dir, Arena *arena, StoppedList *ret);
/* One of them. -1: there is none of that name. */
MUST int stopped_find(const char *state_dir, const char *slug, Arena *arena, StoppedSession *ret);
/* Is there none of a config file that is `path`, or lies below it, but those that are down? The
 * directory may be another server's. What cannot be read may be one that is not. */
bool stopped_all_below(const char *state_dir, const char *path);
/* Is there one that is not down? What cannot be read is none. */
bool stopped_any_runs_below(const char *state_dir, const char *path);
/* As a Session object, with the annotation thole.dev/stopped. */
void stopped_encode(const StoppedSession *session, JsonWriter *out);
/* Removes its files, and the state file of its project. */
MUST int stopped_purge(const char *state_dir, const char *slug, Err *err);
/* Likewise all whose config file is `path`, or lies below it. */
MUST int stopped_purge_below(const char *state_dir, const char *path, Err *err);
/* Could this be the name of a session? (A name from outside never leaves the directory.) */
bool is_slug(const char *text);
