/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine itself reads and writes below runs/: the numbers of runs, and the mark that a
 * server once was ready. A session's directory holds runs/<target>/<n>/ (the backend's), <n> from
 * 1. */
#pragma once

#include "base/clock.h"
#include "data/schema.h"
#include "engine/targets/helpers.h"
#include "plan/plan.h"

enum { RUNS_KEPT = 10 };

/* The directory of a run. Returns owned. */
char *run_files_dir(const char *session_dir, const char *target, uint32_t run);

/* The newest run's number on disk; 0: none. */
uint32_t run_files_newest(const char *session_dir, const char *target);
/* The numbers on disk in order; returns how many, at most `max`. */
uint32_t run_files_list(const char *session_dir, const char *target, uint32_t *ret, uint32_t max);
/* Names of the targets that have a directory in `runs`. */
StrList run_files_targets(const char *runs, Arena *arena);
typedef struct RunsKept {
    uint32_t newest;
    int64_t max_bytes; /* 0: no cap */
    /* runs that have left some stay as well: their pins log there; NULL: none has */
    const Helpers *helpers;
} RunsKept;

/* Of the runs before the newest: the oldest go first, until at most RUNS_KEPT are left, and the
 * logs of all together take no more than `max_bytes`; of the last that has room the oldest segments
 * go. The newest stays as it is, and of the newest on disk the last segment does. Returns the bytes
 * of those before the newest that are left. */
int64_t run_files_retain(const char *session_dir, const char *target, const RunsKept *keep);
/* A run that was never asked of the backend: its number is taken all the same. */
void run_files_void(const char *session_dir, const char *target, uint32_t run);

/* ... and that is how it failed: the next server is not to try it anew. */
typedef struct RunRefusal {
    int64_t ended_us;
    uint32_t attempt, restarts; /* as TargetFacts had them */
    char why[FACTS_TEXT];
} RunRefusal;
void run_files_refuse(const char *session_dir, const char *target, uint32_t run,
                      const RunRefusal *refusal);
bool run_files_refused(const char *session_dir, const char *target, uint32_t run, RunRefusal *ret);
void run_files_mark_ready(const char *session_dir, const char *target, uint32_t run, Moment when);
/* When a run was asked for, of a target that follows others; written before anything is asked of
 * the backend. */
void run_files_mark_asked(const char *session_dir, const char *target, uint32_t run, Moment when);
Moment run_files_asked(const char *session_dir, const char *target, uint32_t run);
/* The hooks that are to be run when a run has ended, a name a line. NULL: none. Returns owned. */
void run_files_mark_hooks(const char *session_dir, const char *target, uint32_t run,
                          const char *names);
char *run_files_hooks(const char *session_dir, const char *target, uint32_t run);
/* wall_us 0: it never was. */
Moment run_files_ready(const char *session_dir, const char *target, uint32_t run);
