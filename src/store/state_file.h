/* SPDX-License-Identifier: Apache-2.0 */
/* The project state file: <project>/.thole/state.json, what people, scripts and other tools read to
 * know what runs.
 *
 * It is derived (the truth is elsewhere) and written by the server alone: under a lock of its own
 * (state.lock), to a temporary file that is synced and renamed, with the one before kept as
 * state.json.prev. Its shape is that of devrig's state.json, and theirs can be read: optional keys
 * may be absent or null. What we add are further keys. Keys that we do not know, and the tables of
 * things that are not ours yet (docker, compose_services, ...), are kept as they are.
 *
 * A directory is one file's: `.thole/` for thole.yaml, `.thole/<slug>/` for another file or a
 * further session. `.thole/.gitignore` keeps all of it out of git, the link `logs` leads to the
 * runs of the session. Everything here blocks: for a Worker. */
#pragma once

#include "data/schema.h"

typedef struct OptInt { /* null or absent: not set */
    bool set;
    int64_t n;
} OptInt;
SCHEMA_DECLARE(type_opt_int, OptInt);

typedef struct ServiceState {
    const char *name; /* key */
    int64_t pid;      /* of the newest run; 0 until there was one */
    OptInt start_time_ms, port;
    bool port_auto;
    const char *protocol, *phase;
    OptInt exit_code; /* of the newest run that ended; 128 + n after a signal */
    /* ours */
    const char *reason;  /* why it is in that phase */
    OptInt run, attempt; /* of restarts in a row */
    const char *next_at; /* backoff: when it is tried again */
    /* field 22 of /proc/<pid>/stat: with boot_id what start_time_ms cannot be, exact */
    OptInt start_ticks;
} ServiceState;

typedef struct ProjectState {
    const char *slug, *config_path, *started_at;
    struct {
        ServiceState *at;
        size_t n;
    } services;                    /* in byte order of their names */
    OptInt pid, pid_start_time_ms; /* of the server; not set: nothing runs any more */
    /* ours */
    OptInt format;
    const char *boot_id; /* that start_ticks count from */
} ProjectState;
SCHEMA_DECLARE(type_service_state, ServiceState);
SCHEMA_DECLARE(type_project_state, ProjectState);

enum { STATE_FORMAT = 1 };

/* Where the state of a config file (an absolute path) is. file_slug: its directory's name unless it
 * is the project's usual file; session_slug: of a further session, or NULL. Returns owned. */
char *state_dir_of(const char *config_file, const char *file_slug, const char *session_slug);

/* What is there; NULL if it is absent, empty, broken or of a newer format. Lives in `arena`. */
const ProjectState *state_load(const char *dir, Arena *arena);

/* Writes it, and makes the directory if the project's is there. `logs`: what the link leads to, or
 * NULL. 1: what was there is broken; it is kept as state.json.broken. -1: ERR_CONFLICT another
 * holds the lock, ERR_UNAVAILABLE it is of a newer format and left as it is, .... */
MUST int state_save(const char *dir, const ProjectState *state, const char *logs, Err *err);

/* Removes what state_save has made, and the directory if nothing else is in it. What is not there
 * is fine. */
MUST int state_remove(const char *dir, Err *err);
