/* SPDX-License-Identifier: Apache-2.0 */
/* Step and its kin: what a backend runs. Fields have the names of Woodpecker's backend types;
 * sessions, probes and hooks are steps too. */
#pragma once

#include "data/schema.h"

typedef enum StepType {
    STEP_COMMANDS,
    STEP_CLONE,
    STEP_SERVICE,
    STEP_PLUGIN,
    STEP_CACHE,
    STEP_PROCESS, /* ours: entrypoint is executed as it is, in working_dir (absolute), with exactly
                     this environment */
} StepType;

typedef enum StepFailure { FAILURE_FAIL, FAILURE_IGNORE, FAILURE_CANCEL } StepFailure;

typedef struct HostAlias {
    const char *name, *ip;
} HostAlias;
typedef struct StepNetwork {
    const char *name;
    StrList aliases;
} StepNetwork;
typedef struct StepPort {
    int64_t number;
    const char *protocol;
} StepPort;
typedef struct RegistryAuth {
    const char *username, *password;
} RegistryAuth;

/* What one backend alone understands, by its name; and `timeout`, which all do. */
typedef struct TholeOptions {
    bool on_cancel; /* after a cancel it runs all the same, if it asked for failure */
} TholeOptions;
typedef struct DockerOptions {
    const char *user;
} DockerOptions;
typedef struct BackendOptions {
    int64_t timeout_ms; /* of the step; 0: none */
    TholeOptions thole;
    DockerOptions docker;
    const struct Value *kubernetes; /* as it was written; NULL: absent */
} BackendOptions;

/* What only local processes have; the values of the client that created the session or workflow. */
typedef struct ProcessLimit {
    int resource;
    uint64_t soft, hard;
} ProcessLimit;
typedef struct ProcessSetup {
    uint32_t umask;
    int32_t nice;
    const ProcessLimit *limits;
    size_t limit_n;
    StrMap inherited; /* steps of workflows: the environment below their own */
} ProcessSetup;

/* A listening socket that a process is given (LISTEN_FDS); lent. */
typedef struct StepSocket {
    const char *name; /* without ':' */
    int fd;
} StepSocket;

typedef struct Step {
    const char *name;
    int64_t org_id;
    const char *uuid;
    StepType type;
    const char *image;
    bool pull, detach, privileged;
    const char *working_dir, *workspace_base;
    StrMap environment;
    StrMap secret_mapping;
    StrList entrypoint, commands;
    struct {
        HostAlias *at;
        size_t n;
    } extra_hosts;
    StrList volumes, tmpfs, devices;
    struct {
        StepNetwork *at;
        size_t n;
    } networks;
    StrList dns, dns_search;
    bool on_failure, on_success;
    StepFailure failure;
    RegistryAuth auth_config;
    const char *network_mode;
    struct {
        StepPort *at;
        size_t n;
    } ports;
    BackendOptions backend_options;
    StrMap workflow_labels;
    const char *container_name_scheme;
    StrList depends_on;
    /* ours */
    StrList secrets; /* values to mask in its log */
    int64_t log_max; /* bytes kept; 0: all */
    bool linger, no_log;
    bool tty;        /* its 0, 1 and 2 are a terminal of its own; what it writes is stream 1 */
    bool stdin_open; /* its 0 is a pipe: input_step. Without either it reads nothing */
    struct {
        StepSocket *at;
        size_t n;
    } sockets;          /* its 3, 4, ... */
    bool capture;       /* its stdout also goes, whole and unmasked, to a 0600 file: capture_step */
    int32_t end_signal; /* for what is left of its tree when it ends */
    uint32_t end_grace_ms;
    /* by policy so far, and in a row: kept in the run record, for the next server */
    uint32_t restarts;
    uint32_t attempt;
    const char *cause; /* what is to be known of how it came to be; NULL, "": nothing */
    const char *title; /* what `ps` shows for its pin */
    ProcessSetup process;
} Step;
