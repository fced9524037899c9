/* SPDX-License-Identifier: Apache-2.0 */
/* The Session and Target objects as the API serves them (tilt.dev/v1alpha1 Session, and what
 * we add beside it). Plain values; the engine fills them, session.c encodes them. Times are
 * wall-clock microseconds, 0: absent (JSON null). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/process.h"

typedef struct JsonWriter JsonWriter;

typedef enum TargetType { TARGET_JOB, TARGET_SERVER } TargetType;

/* Exactly one of the four, or none: {} is "inactive" (never asked for, or stopped). */
typedef enum TargetPhase {
    PHASE_NONE,
    PHASE_WAITING,
    PHASE_ACTIVE,
    PHASE_TERMINATED,
    PHASE_DISABLED
} TargetPhase;

typedef enum Tristate { UNKNOWN = -1, NO = 0, YES = 1 } Tristate;

typedef struct TargetState {
    TargetPhase phase;
    /* waiting */
    const char *wait_reason;
    const char *const *waiting_on; /* names of targets */
    size_t waiting_on_n;
    int64_t trigger_us;
    /* active, terminated */
    uint32_t run;
    int32_t pid;
    uint32_t restarts;
    int64_t start_us;
    bool ready;
    int64_t last_ready_us;
    /* terminated */
    int64_t finish_us;
    const char *error;        /* NULL: it succeeded */
    const char *grace_status; /* "", "Tolerated", "Exceeded" */
    int exit_code;            /* -1: none (a signal, or unknown) */
    int signal;               /* 0: none */
    Tristate oom_killed;
} TargetState;

/* A process that a run has left running because its service says `linger`. */
typedef struct Helper {
    uint32_t run;
    int64_t pid;
    char command[PROCESS_COMMAND];
} Helper;

#define TARGET_FILE "tiltfile:update" /* the target that is the config file itself */

typedef struct TargetStatus {
    const char *name;     /* "api:serve" */
    const char *resource; /* "api"; "(Tiltfile)" for the file's own target */
    TargetType type;
    TargetState state;
    const char *message;   /* why, in one sentence; NULL: nothing to say */
    const Helper *helpers; /* by run */
    size_t helper_n;
} TargetStatus;

typedef struct SessionSpec {
    const char *tiltfile_path;
    const char *exit_condition; /* "manual" | "ci" */
    int64_t ci_timeout_ms, ci_readiness_timeout_ms, ci_grace_ms, ci_soak_ms;
} SessionSpec;

typedef struct SessionStatus {
    int64_t pid;
    int64_t start_us;
    const TargetStatus *targets; /* in byte order of their names */
    size_t target_n;
    bool done;
    const char *error;   /* NULL: none */
    bool late;           /* ... which is that a timeout has passed: `reason` is "Timeout" */
    const char *culprit; /* the target whose failure that is; NULL: none */
    const char *slug;    /* what `project` is the beginning of */
    const char *session; /* name of `--session`; NULL: it has none */
} SessionStatus;

void session_encode_spec(const SessionSpec *spec, JsonWriter *out);
void session_encode_status(const SessionStatus *status, JsonWriter *out);
void target_encode_state(const TargetState *state, JsonWriter *out);
/* The member `helpers`, if there are any. */
void target_encode_helpers(const TargetStatus *status, JsonWriter *out);
void target_encode_status(const TargetStatus *status, JsonWriter *out);

const char *target_type_name(TargetType type);
/* "none" "waiting" "active" "terminated" "disabled" */
const char *target_phase_name(TargetPhase phase);
