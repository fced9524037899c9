/* SPDX-License-Identifier: Apache-2.0 */
/* process-compose.yaml as plain structs, with a table of its keys; what each key comes to here is
 * said once, in process_compose_keys.c. */
#pragma once

#include "spec/source.h"

typedef enum PcCondition {
    PC_CONDITION_NONE, /* not written */
    PC_STARTED,
    PC_HEALTHY,
    PC_COMPLETED,
    PC_SUCCEEDED,
    PC_LOG_READY
} PcCondition;

typedef enum PcRestart { PC_NO, PC_ALWAYS, PC_ON_FAILURE, PC_EXIT_ON_FAILURE } PcRestart;

typedef struct PcDependency {
    const char *name; /* key */
    PcCondition condition;
} PcDependency;

typedef struct PcAvailability {
    uint64_t set;
    PcRestart restart;
    int64_t backoff_seconds, max_restarts;
    bool exit_on_end, exit_on_skipped;
} PcAvailability;

typedef struct PcExec {
    const char *command, *working_dir;
} PcExec;

typedef struct PcHttp {
    uint64_t set;
    const char *host, *path, *scheme, *port;
    int64_t num_port, status_code;
    StrMap headers;
} PcHttp;

typedef struct PcProbe {
    uint64_t set;
    PcExec exec;
    PcHttp http_get;
    int64_t initial_delay_seconds, period_seconds, timeout_seconds, success_threshold,
        failure_threshold;
} PcProbe;

typedef struct PcShutdown {
    uint64_t set;
    const char *command;
    int64_t timeout_seconds, signal;
    bool parent_only;
    const Value *send_keys;
} PcShutdown;

typedef struct PcSchedule {
    uint64_t set;
    const char *cron, *timezone;
    int64_t interval_ms, max_concurrent;
    bool run_on_start;
} PcSchedule;

typedef struct PcWatchPath {
    const char *path;
    StrList include, exclude;
} PcWatchPath;

typedef struct PcWatch {
    uint64_t set;
    struct {
        PcWatchPath *at;
        size_t n;
    } paths;
    bool cascade, disable_default_excludes;
    int64_t debounce_ms, max_entries, buffer_size;
} PcWatch;

typedef struct PcProcess {
    uint64_t set;
    const char *name; /* key */
    const char *command;
    StrList entrypoint;
    const char *extends, *description, *working_dir;
    const char *is_disabled;
    bool disabled;
    StrList namespace;
    int64_t replicas;
    StrMap environment, vars;
    StrList env_file;
    bool is_dotenv_disabled, is_template_disabled;
    struct {
        PcDependency *at;
        size_t n;
    } depends_on;
    PcAvailability availability;
    struct {
        int64_t *at;
        size_t n;
    } success_exit_codes;
    PcProbe readiness_probe, liveness_probe;
    const char *ready_log_line;
    PcShutdown shutdown;
    bool is_daemon, is_foreground, is_tty, is_interactive, is_elevated;
    int64_t launch_timeout_seconds;
    const char *log_location;
    bool truncate_log;
    const Value *log_configuration, *disable_ansi_colors;
    PcSchedule schedule;
    PcWatch watch;
    const Value *mcp, *monitor_for, *monitor_silence_threshold;
    const Value *args, *executable, *original_config, *replica_num, *replica_name, *launch_state;
    int64_t line;
} PcProcess;

typedef struct PcShell {
    uint64_t set;
    const char *command, *argument;
    const Value *elevated_command, *elevated_argument;
} PcShell;

typedef struct PcProject {
    uint64_t set;
    const char *version, *name, *extends;
    StrMap environment, env_cmds, vars;
    PcShell shell;
    bool is_strict, disable_env_expansion, ordered_shutdown;
    const char *log_location;
    const Value *log_level, *log_length, *log_format, *log_configuration;
    const Value *is_tui_disabled, *mcp_server;
    const Value *file_names, *env_file_names, *dot_env_vars;
    struct {
        PcProcess *at;
        size_t n;
    } processes;
} PcProject;

SCHEMA_DECLARE(type_pc_project, PcProject);
SCHEMA_DECLARE(type_pc_process, PcProcess);
SCHEMA_DECLARE(type_pc_shell, PcShell);
SCHEMA_DECLARE(type_pc_availability, PcAvailability);
SCHEMA_DECLARE(type_pc_probe, PcProbe);
SCHEMA_DECLARE(type_pc_http, PcHttp);
SCHEMA_DECLARE(type_pc_shutdown, PcShutdown);
SCHEMA_DECLARE(type_pc_schedule, PcSchedule);
SCHEMA_DECLARE(type_pc_watch, PcWatch);

/* What becomes of a key. Every key that is not in the list works. */
typedef enum PcFate {
    PC_WORKS,
    PC_SILENT,  /* no meaning here, and nobody misses it: no word about it */
    PC_IGNORED, /* no meaning here: one warning */
    PC_REFUSED  /* it would mean something that we do not do: an error with the way out */
} PcFate;

typedef struct PcKey {
    const Type *type;
    const char *name;
    PcFate fate;
    const char *why; /* ignored: what there is instead; refused: the way out */
} PcKey;

/* NULL: it works. */
const PcKey *pc_key(const Type *type, const char *name);
/* All that do not simply work; ends with type NULL. */
extern const PcKey pc_keys[];

/* process_compose_read.c: one project of all its files. */
typedef struct PcFiles {
    Source *at; /* low to high: each `value` is that of one file */
    size_t n;
    size_t own; /* which of them is the file that was asked for */
    StrMap env; /* what ${…} and .env give: the client's environment over .env */
    StrMap dotenv;
    const char *dir;
} PcFiles;

/* Reads the file, what it extends, and its override; merges them; reports what is unknown or
 * refused. NULL: reported. */
const PcProject *pc_read(const Source *source, const char *text, size_t size, PcFiles *ret_files);

/* At `path`, in the file that says it last. Returns -1. */
int pc_problem(const PcFiles *files, const char *path, const char *hint, const char *format, ...)
    PRINTF(4, 5);
void pc_warning(const PcFiles *files, const char *path, const char *hint, const char *format, ...)
    PRINTF(4, 5);
/* Where the own file says it; line 0: another file does. */
Place pc_place(const PcFiles *files, const char *path);

/* process_compose.c: what it means in our language. NULL: reported. */
const Value *pc_translate(const PcProject *project, const PcFiles *files, const Source *source);
