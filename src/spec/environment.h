/* SPDX-License-Identifier: Apache-2.0 */
/* An environment as it is kept: an isolated copy of a project for a branch, what was done to make
 * it, and by whom. The JSON is previewctl's (`State`, version 1), names and all; what it does not
 * know is below one key, `thole`. Unknown keys of newer versions are kept as they are.
 *
 * Times are nanoseconds since 1970, 0 for Go's zero time. */
#pragma once

#include "base/report.h"
#include "data/schema.h"

enum { ENVIRONMENT_STATE_VERSION = 1 };

typedef enum EnvironmentStatus {
    ENVIRONMENT_CREATING,
    ENVIRONMENT_PROVISIONED,
    ENVIRONMENT_RUNNING,
    ENVIRONMENT_STOPPED,
    ENVIRONMENT_ERROR,
    ENVIRONMENT_DELETING, /* ours: `error` in previewctl's JSON */
} EnvironmentStatus;

typedef enum CheckpointStatus {
    CHECKPOINT_STARTED, /* ours: left out of previewctl's JSON */
    CHECKPOINT_COMPLETED,
    CHECKPOINT_FAILED,
    CHECKPOINT_INVALIDATED,
} CheckpointStatus;

/* The record that one step of the lifecycle was done: previewctl's StepRecord. */
typedef struct Checkpoint {
    const char *name; /* key: "seed_db" */
    CheckpointStatus status;
    int64_t started_ns, finished_ns, duration_ms;
    const char *machine;
    const char *error;    /* NULL */
    const Value *outputs; /* a map; NULL: none */
    /* ours */
    const char *reason; /* of what kind `error` is: err_reason(); NULL: not known */
    const char *inputs; /* SHA-256 in hex of what it was made from; NULL: not known */
    int64_t run;        /* of its command; 0: none */
    /* Who began it: the id of a state directory, and which of the operations there on this
     * environment. A machine's name and clock would not do: both may be those of another. NULL, 0:
     * not known */
    const char *server;
    int64_t operation;
    const Value *unknown;
} Checkpoint;

typedef struct AuditEntry {
    int64_t time_ns;
    const char *step;
    /* executed, skipped, verified, verify_failed, invalidated, failed; ours: started, created,
     * deleted, stopped, status, imported, value_set, value_unset, ... */
    const char *action;
    const char *machine;
    int64_t duration_ms;         /* 0: left out */
    const char *message, *error; /* NULL */
    const char *user;            /* ours; NULL */
    const Value *unknown;
} AuditEntry;

/* How what runs is reached. What is not known is NULL. */
typedef struct ComputeAccess {
    const char *type; /* "local", "ssh" */
    const char *path; /* local: the worktree */
    const char *host, *user;
    const char *root; /* ssh: the directory there; `path` of the JSON */
    bool managed;     /* made by us, and ours to remove */
    const Value *unknown;
} ComputeAccess;

typedef struct EnvironmentPort {
    const char *name; /* key: of a service, or of one in the compose file */
    int64_t port;
} EnvironmentPort;

typedef struct EnvironmentPorts {
    EnvironmentPort *at; /* by name */
    size_t n;
} EnvironmentPorts;

typedef struct ProvisionedOutputs {
    const char *service; /* key */
    StrMap values;
} ProvisionedOutputs;

typedef struct EnvironmentOutputs {
    ProvisionedOutputs *at; /* by service */
    size_t n;
} EnvironmentOutputs;

typedef struct Checkpoints {
    Checkpoint *at; /* by name */
    size_t n;
} Checkpoints;

typedef struct AuditLog {
    AuditEntry *at; /* oldest first */
    size_t n;
} AuditLog;

/* previewctl's EnvironmentEntry. Everything lives in one arena. */
typedef struct EnvironmentEntry {
    const char *name;
    const char *mode; /* a free string; "": as "local" */
    const char *branch;
    EnvironmentStatus status;
    int64_t created_ns, updated_ns;
    EnvironmentPorts ports;
    EnvironmentOutputs outputs; /* provisionerOutputs */
    ComputeAccess *compute;     /* NULL: none yet */
    StrMap values;              /* `env` of its JSON: key-values of the environment, its store */
    StrList enabled_services;
    Checkpoints steps;
    AuditLog audit;
    /* ours */
    const char *uid;
    const char *base;        /* the branch was made from this; NULL */
    int64_t expires_ns;      /* by its --ttl; 0: never */
    const char *failed_step; /* of status error; NULL */
    const char *error;       /* why, one sentence; NULL */
    const Value *unknown;    /* keys that we do not know: a map, or NULL */
} EnvironmentEntry;

typedef struct EnvironmentState {
    int64_t version;
    struct {
        EnvironmentEntry *at;
        size_t n;
    } environments; /* by name */
    const Value *unknown;
} EnvironmentState;

typedef enum EntryForm {
    ENTRY_STORED, /* with all of ours, as a store keeps it; times are in UTC */
    ENTRY_SEED,   /* for previewctl: only its words; ours below the key `thole` */
    ENTRY_SHOWN,  /* likewise, but values of outputs and key-values are masked */
} EntryForm;

/* What is unknown goes along, what stood below `thole` below `thole`. A started checkpoint is left
 * out of ENTRY_SEED and ENTRY_SHOWN, `deleting` is `error` there; and ENTRY_SHOWN says below
 * `thole` what its status is. */
void entry_encode(const EnvironmentEntry *entry, EntryForm form, JsonWriter *out);
/* Of either form. Lives in `arena` with all it points to, `v` included (it is copied). -1: a
 * problem was reported. `name`: of the key it stands under; an entry without a name has that. What
 * is no name of an environment is refused. */
MUST int entry_decode(const Value *v, const char *name, Arena *arena, Report *report,
                      EnvironmentEntry *ret);

/* The members of the JSON of `thole env export`, of an object that was begun; and all of it back.
 * `file` is where problems are said to be. A version that we do not know is refused. */
void state_encode(const EnvironmentState *state, EntryForm form, JsonWriter *out);
MUST int state_decode(const Value *v, const char *file, Arena *arena, Report *report,
                      EnvironmentState *ret);

void checkpoint_encode(const Checkpoint *checkpoint, EntryForm form, JsonWriter *out);
MUST int checkpoint_decode(const Value *v, Arena *arena, Report *report, Checkpoint *ret);
void audit_encode(const AuditEntry *entry, JsonWriter *out);
MUST int audit_decode(const Value *v, Arena *arena, Report *report, AuditEntry *ret);

const char *environment_status_name(EnvironmentStatus status); /* "running" */
MUST int environment_status_parse(const char *text, EnvironmentStatus *ret);
const char *checkpoint_status_name(CheckpointStatus status);
MUST int checkpoint_status_parse(const char *text, CheckpointStatus *ret);

Checkpoint *entry_checkpoint(const EnvironmentEntry *entry, const char *step); /* NULL: none */
/* An output of start_services, and of a runner_deploy that has left something running: the server
 * that has started it, as holder of the lease. */
#define SERVICES_SERVER "server"
bool step_keeps_server(const char *step); /* start_services, runner_deploy */
/* Who has started its services last, or else what its deploy has left: Checkpoint.server, or of a
 * record without one that output. NULL: nobody, or it is not known. */
const char *entry_server(const EnvironmentEntry *entry);
/* Its record says completed. */
bool entry_completed(const EnvironmentEntry *entry, const char *step);
/* In the place of the one of the same name. Strings are the caller's. */
void entry_set_checkpoint(EnvironmentEntry *entry, const Checkpoint *checkpoint, Arena *arena);
int64_t entry_port(const EnvironmentEntry *entry, const char *name); /* 0: it has none */
/* What a named port of a service is called there: "web.admin". */
const char *entry_port_name(const char *service, const char *port, Arena *arena);
const StrMap *entry_outputs(const EnvironmentEntry *entry, const char *service); /* NULL: none */
/* Sorted in; in the place of what was there. */
void entry_set_outputs(EnvironmentEntry *entry, const char *service, const StrMap *values,
                       Arena *arena);
/* Do both give the same for templates: ports, outputs, key-values? */
bool entry_gives_same(const EnvironmentEntry *a, const EnvironmentEntry *b);
/* "": it has none yet. */
const char *entry_path(const EnvironmentEntry *entry);
/* Where the project is in it: the directory of its config file, whose repository may begin above
 * it; or that of another machine. "": not known yet. */
const char *entry_root(const EnvironmentEntry *entry);
