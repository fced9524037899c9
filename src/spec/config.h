/* SPDX-License-Identifier: Apache-2.0 */
/* thole.yaml as plain structs. config_load() reads, checks and resolves one file; everything in a
 * Config lives in its arena and never changes afterwards: a reload builds another Config (a
 * "generation") and swaps it. The descriptor tables in config.c are the only list of keys:
 * decoding, defaults, bounds, overlays, `thole config`, the reference page and the JSON Schema all
 * come from them. */
#pragma once

#include "spec/environment_config.h"

typedef struct Report Report;

typedef enum ServiceType { SERVICE_SERVER, SERVICE_JOB } ServiceType;
typedef enum RestartPolicy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS } RestartPolicy;
typedef enum DepCondition {
    DEP_DEFAULT,
    DEP_STARTED,
    DEP_READY,
    DEP_COMPLETED,
    DEP_ENDED
} DepCondition;
typedef enum EndsSession { ENDS_NEVER, ENDS_ON_FAILURE, ENDS_ALWAYS } EndsSession;
typedef enum ProbeScheme { PROBE_HTTP, PROBE_HTTPS } ProbeScheme;
typedef enum PortPass { PASS_NUMBER, PASS_FD } PortPass;
typedef enum OnChange { CHANGE_DEFAULT, CHANGE_RESTART, CHANGE_REBUILD, CHANGE_SIGNAL } OnChange;
typedef enum TriggerMode { TRIGGER_AUTO, TRIGGER_MANUAL } TriggerMode;

/* A string is for the shell, a list is executed as it is. Empty argv: absent. */
typedef struct Command {
    const char *script; /* NULL if it was a list */
    StrList argv;       /* after resolution: the shell's argv with the script, or the list */
} Command;

typedef struct DependsOn {
    uint64_t set;
    const char *name;       /* key: a resource */
    DepCondition condition; /* DEP_DEFAULT: not written */
    bool restart;           /* follow when it is started again */
} DependsOn;

/* A port as the file says it. All zero: not said. */
typedef struct Port {
    int64_t number;   /* 0: as `text` says */
    const char *text; /* "auto" (of a service), a template (of a probe); NULL */
} Port;

typedef struct NamedPort {
    const char *name; /* key */
    Port port;
} NamedPort;

typedef struct HttpProbe {
    uint64_t set;
    const char *path; /* "/" */
    Port port;        /* not said: the service's own */
    ProbeScheme scheme;
    StrMap headers;
    int64_t status;   /* 0: 200 to 399 */
    const char *host; /* "localhost": every address it has is tried */
} HttpProbe;

typedef struct TcpProbe {
    uint64_t set;
    Port port; /* not said: the service's own */
    const char *host;
} TcpProbe;

typedef struct LogProbe {
    const char *match; /* POSIX extended regular expression, checked when loaded */
} LogProbe;

typedef enum ProbeKind {
    PROBE_NONE,
    PROBE_KIND_HTTP,
    PROBE_KIND_TCP,
    PROBE_KIND_EXEC,
    PROBE_KIND_LOG
} ProbeKind;

typedef struct Probe {
    uint64_t set;   /* presence bits */
    ProbeKind kind; /* which one of the four; set by config_load */
    HttpProbe http;
    TcpProbe tcp;
    Command exec;
    LogProbe log;
    int64_t period_ms;         /* 1s */
    int64_t timeout_ms;        /* 1s */
    int64_t success_threshold; /* 1 */
    int64_t failure_threshold; /* 3 */
    int64_t deadline_ms;       /* 0: none. Not ready after this long: the run has failed */
} Probe;

typedef struct Restart {
    uint64_t set;
    RestartPolicy policy;   /* on-failure */
    int64_t delay_ms;       /* 500ms */
    int64_t max_delay_ms;   /* 30s */
    int64_t max_restarts;   /* 10 in a row; 0: no limit */
    int64_t reset_after_ms; /* 60s of life forgets the row */
} Restart;

typedef struct Stop {
    uint64_t set;
    int64_t signal;   /* TERM */
    int64_t grace_ms; /* 10s */
    Command command;  /* instead of the signal */
} Stop;

/* What is looked at, and what is done when it changes. */
typedef struct Watch {
    uint64_t set;
    StrList paths;       /* globs; empty: nothing is watched */
    StrList ignore;      /* as lines of .gitignore */
    int64_t debounce_ms; /* 200ms */
    OnChange on_change;  /* CHANGE_DEFAULT: rebuild what has a build, else restart */
    int64_t signal;      /* HUP */
} Watch;

/* When a job is run. `cron` or `interval`; neither: it has no schedule. */
typedef struct Schedule {
    uint64_t set;
    const char *cron;
    int64_t interval_ms;  /* 0: none */
    const char *timezone; /* NULL: the machine's */
    bool on_start;
} Schedule;

/* Commands around each run. */
typedef struct Hooks {
    uint64_t set;
    Command before, after, on_failure;
    int64_t timeout_ms; /* 1m, of each */
} Hooks;

enum { LOCKS_MAX = 100 }; /* of a service */

typedef struct Service {
    /* What the graph asks of every service: side by side, because a file may have 10,000. */
    const char *name; /* key */
    ServiceType type;
    bool auto_start; /* key `auto` */
    struct {
        DependsOn *at;
        size_t n;
    } depends_on;
    Command build;   /* <name>:update */
    Command command; /* <name>:serve, or with type job <name>:update */
    StrList locks;
    Probe ready, live;

    uint64_t set; /* presence bits: schema_has(&type_service, s, "restart") */
    const char *description;
    const char *path; /* absolute after resolution */
    StrList shell;    /* [sh, -c] */
    StrMap env; /* after resolution: env_from and env of the project, then of the service, merged */
    StrList env_from;
    Port port;
    struct {
        NamedPort *at;
        size_t n;
    } ports;
    PortPass pass;
    bool lazy; /* started by the first connection */
    Restart restart;
    bool restart_written; /* the file says how: then `ci` restarts too */
    bool enabled, linger, tty, stdin_open;
    Watch watch;
    TriggerMode trigger;
    StrList inputs, outputs; /* globs */
    int64_t replicas;        /* 1 */
    Schedule schedule;
    Hooks hooks;
    struct {
        int64_t *at;
        size_t n;
    } success_exit_codes; /* [0]; of a server only what is written counts */
    EndsSession ends_session;
    Stop stop;
    int64_t timeout_ms; /* jobs; 0: none */
    StrList secrets;    /* names of variables whose values are masked */
    StrMap labels;
    StrList needs;        /* what else depends_on named: of provisioner and infrastructure */
    const char *env_file; /* what an environment writes for it; relative to `path`; ".env.local" */
    const char *start;    /* in a generated compose file; kept, not used yet */
    struct {
        ProxyRule *at;
        size_t n;
    } proxy;
    bool leaving; /* the file has it no more; it goes once nothing of it runs */
    int64_t line; /* where the service begins, for messages */
} Service;

typedef struct CiConfig {
    uint64_t set;
    int64_t timeout_ms;           /* 30m; 0: none */
    int64_t readiness_timeout_ms; /* 5m; 0: none */
    int64_t grace_ms;             /* 0s */
    int64_t soak_ms;              /* 0s */
} CiConfig;

typedef struct LogsConfig {
    uint64_t set;
    int64_t max_size; /* 64MiB per target; 0: no cap */
} LogsConfig;

typedef struct Config {
    uint64_t set;
    int64_t format;   /* of what we stored; config_encode knows it */
    int64_t version;  /* 1 */
    const char *name; /* default: the directory's name */
    const char *file; /* absolute, links resolved */
    const char *root; /* its directory */
    StrList files;    /* what it was read from: the file itself first, `.env` files, … */
    StrList digests; /* of each of the files as it was read: SHA-256 in hex; "": it was not there */
    const char *slug; /* config_slug */
    StrMap vars;      /* for templates */
    StrMap env;       /* after resolution: env_from, then env */
    StrList env_from;
    int64_t parallelism; /* 0: default (CPUs, at least 4) */
    CiConfig ci;
    LogsConfig logs;
    struct {
        Service *at;
        size_t n;
    } services; /* in name order */
    ProvisionerConfig provisioner;
    InfrastructureConfig infrastructure;
    RunnerConfig runner;
    const char *mode; /* whose overlay was laid over it; "": none was asked for */
    StrList warnings; /* kept for `thole vet`: e.g. nothing to run */
} Config;

SCHEMA_DECLARE(type_config, Config); /* the whole file; docs and schema are generated from here */
SCHEMA_DECLARE(type_service, Service);
SCHEMA_DECLARE(type_probe, Probe);
SCHEMA_DECLARE(type_dependency, DependsOn);
SCHEMA_DECLARE(type_restart, Restart);
SCHEMA_DECLARE(type_http, HttpProbe);
SCHEMA_DECLARE(type_stop, Stop);
SCHEMA_DECLARE(type_watch, Watch);
SCHEMA_DECLARE(type_schedule, Schedule);
SCHEMA_DECLARE(type_hooks, Hooks);

typedef struct EnvironmentEntry EnvironmentEntry;

/* What a file is read for. */
typedef struct ConfigAsk {
    const char *file;     /* absolute */
    const StrMap *client; /* environment of whoever asks; files of other tools name variables of it,
                             for `thole vet` secrets are looked up in it; NULL: not known */
    /* Whose overlay is laid over it: thole.<mode>.yaml beside thole.yaml, where there is one. NULL:
     * none is, as for a session outside of environments. */
    const char *mode;
    /* For an environment and its lifecycle: the compose file is read too, and references to what
     * only an environment has stay in the texts. */
    bool environment;
    /* For a session in this one: its ports are those of the services, and what only it knows stands
     * in the texts. It need not live longer. NULL: there is none; then a text of a service that
     * needs one, and that its env_file does not replace, is a problem. */
    const EnvironmentEntry *entry;
} ConfigAsk;

/* Reads and resolves a file. Every problem found goes to `report`; returns NULL if there was one
 * that stops. The Config and all it points to live in `arena`. Blocking file reads. */
MUST const Config *config_load(const ConfigAsk *ask, Arena *arena, Report *report);

/* For `thole vet` and `thole config`: reads the file alone, then with each overlay that lies beside
 * it, and also warns of secrets that neither the file nor the environment ask->client has. It is
 * valid if there are no errors then. Returns what a session of ask->entry has; without one, the
 * file without overlay, for an environment. NULL: that cannot be said; it can be where only the
 * overlay of another mode is broken. */
MUST const Config *config_review(const ConfigAsk *ask, Arena *arena, Report *report);

/* A file of another tool in the words of thole.yaml, without any default; to `keep`: `.env` files
 * are named, not copied. NULL: it is one of ours, or reported. Blocking file reads. */
MUST const Value *config_translate(const char *file, const StrMap *client, bool keep, Arena *arena,
                                   Report *report);

/* config_load() of text that was read already (`file` names it in messages and gives the root). */
MUST const Config *config_parse(const char *file, const char *text, size_t size, Arena *arena,
                                Report *report);

/* Has it a job, a server? With neither it is a group, which stands for what it depends on. */
bool service_has_job(const Service *service);
bool service_has_server(const Service *service);

/* Is this a file of previewctl, by its name: previewctl.yaml and its kin? */
bool config_of_previewctl(const char *file);
/* Does it say anything of environments, or is it of previewctl? Then a service without `port`
 * has one in each of them. */
bool config_has_environments(const Config *config);
/* Do all services have this of the project? `up` gives it to them in an environment, too: it is in
 * none of their env files. */
bool config_has_env(const Config *config, const StrPair *pair);

const Service *config_service(const Config *config, const char *name);

/* `name-<6 hex of SHA-256(file)>` by the rule of devrig's identity (lower case, runs of other
 * bytes are one '-', 24 bytes, ...). */
const char *config_slug(const char *name, const char *file, Arena *arena);

/* Encodes the resolved config for `thole config` and spec.<gen>.json; secrets' values masked when
 * `mask`. */
void config_encode(const Config *config, bool mask, JsonWriter *out);
/* Reads back what config_encode wrote unmasked (spec.<gen>.json). */
MUST const Config *config_decode(const char *json, size_t size, Arena *arena, Err *err);
