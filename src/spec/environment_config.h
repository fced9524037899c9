/* SPDX-License-Identifier: Apache-2.0 */
/* What thole.yaml says of environments: the keys of previewctl.yaml. Members of Config and Service;
 * their tables are in environment_config.c. Commands are texts for `sh -c`, kept as they are
 * written: no template is expanded in them. */
#pragma once

#include "data/schema.h"

/* A hook: a string, or a map {command, allow_cache, timeout}. NULL: not set. */
typedef struct EnvironmentHook {
    uint64_t set;
    const char *command; /* never of blanks alone */
    bool allow_cache;    /* false: it runs each time */
    int64_t timeout_ms;  /* 0: none */
} EnvironmentHook;

typedef struct SshConfig {
    const char *proxy_command, *user, *user_command, *identity_file, *root;
} SshConfig;

typedef struct ComputeConfig {
    uint64_t set;
    EnvironmentHook create, destroy;
    StrList outputs; /* what `create` must print */
    SshConfig ssh;
} ComputeConfig;

/* A thing that hooks provision for each environment: a database, a bucket, an account. */
typedef struct ProvisionedService {
    uint64_t set;
    const char *name; /* key */
    StrList outputs;  /* what `seed` and `reset` must print; never empty */
    EnvironmentHook init, seed, reset, destroy;
    int64_t line;
} ProvisionedService;

typedef struct ProvisionerConfig {
    uint64_t set;
    EnvironmentHook before, after;
    ComputeConfig compute;
    struct {
        ProvisionedService *at;
        size_t n;
    } services; /* in name order */
} ProvisionerConfig;

/* A service of the compose file. */
typedef struct InfraService {
    const char *name;    /* key */
    const char *image;   /* "": it is built */
    int64_t port;        /* of the host, the first one; 0: it publishes none */
    const char *env_var; /* "REDIS_PORT" of "${REDIS_PORT:-6379}:6379"; "" */
} InfraService;

typedef struct InfrastructureConfig {
    uint64_t set;
    const char *compose_file; /* absolute after resolution; NULL: there is no infrastructure */
    struct {
        InfraService *at;
        size_t n;
    } services; /* read from it; in name order */
} InfrastructureConfig;

typedef struct RunnerProxy {
    uint64_t set;
    bool enabled;
    const char *domain, *type;
} RunnerProxy;

typedef struct RunnerCompose {
    uint64_t set;
    StrList autostart;
    const char *image;
    RunnerProxy proxy;
} RunnerCompose;

typedef struct RunnerConfig {
    uint64_t set;
    EnvironmentHook before, build, deploy, after, destroy;
    RunnerCompose compose;
} RunnerConfig;

typedef struct ProxyTarget {
    const char *service;
} ProxyTarget;

/* Of a service: what its generated proxy passes on. */
typedef struct ProxyRule {
    const char *path, *target_path; /* NULL: as `path` */
    ProxyTarget to;
} ProxyRule;

SCHEMA_DECLARE(type_hook, EnvironmentHook);
SCHEMA_DECLARE(type_compute, ComputeConfig);
SCHEMA_DECLARE(type_provisioned, ProvisionedService);
SCHEMA_DECLARE(type_provisioner, ProvisionerConfig);
SCHEMA_DECLARE(type_infrastructure, InfrastructureConfig);
SCHEMA_DECLARE(type_runner, RunnerConfig);
SCHEMA_DECLARE(type_proxy_rule, ProxyRule);

static inline bool hook_given(const EnvironmentHook *hook) {
    return hook->command != NULL;
}
