/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of process-compose.yaml (1.122), and what becomes of it here. */
#include "spec/foreign/process_compose.h"

#include <string.h>
#include <strings.h>

SCHEMA_DECLARE(t_pc_bool, bool);
SCHEMA_DECLARE(t_pc_any, const Value *);
SCHEMA_DECLARE(t_pc_words, StrList);
SCHEMA_DECLARE(t_pc_condition, PcCondition);
SCHEMA_DECLARE(t_pc_restart, PcRestart);
SCHEMA_DECLARE(t_pc_dependency, PcDependency);
SCHEMA_DECLARE(t_pc_dependencies, PcDependency);
SCHEMA_DECLARE(t_pc_exec, PcExec);
SCHEMA_DECLARE(t_pc_watch_path, PcWatchPath);
SCHEMA_DECLARE(t_pc_watch_paths, PcWatchPath);
SCHEMA_DECLARE(t_pc_codes, int64_t);
SCHEMA_DECLARE(t_pc_processes, PcProcess);

/* As Go's YAML reads a value that is to be a boolean: also the words of YAML 1.1. */
static int decode_bool(Decoder *d, const Value *v, void *ret) {
    static const char *const words[][3] = {{"y", "yes", "on"}, {"n", "no", "off"}};
    const char *text = value_str(v);
    for (size_t i = 0; text && i < 2 * COUNT(words[0]); i++)
        if (strcasecmp(text, words[i / COUNT(words[0])][i % COUNT(words[0])]) == 0) {
            *(bool *)ret = i < COUNT(words[0]);
            return 0;
        }
    if (!value_is(v, VALUE_BOOL))
        return decode_problem(
            d, v, NULL, text ? "expected true or false, got \"%.40s\"" : "expected true or false%s",
            text ? text : "");
    *(bool *)ret = v->boolean;
    return 0;
}

static int keep(Decoder *d, const Value *v, void *ret) {
    *(const Value **)ret = v;
    return 0;
}

const Type t_pc_bool = {.kind = TYPE_CUSTOM,
                        .name = "boolean",
                        .size = sizeof(bool),
                        .align = _Alignof(bool),
                        .expected = "true or false",
                        .decode = decode_bool};
const Type t_pc_any = {.kind = TYPE_CUSTOM,
                       .name = "anything",
                       .size = sizeof(Value *),
                       .align = _Alignof(Value *),
                       .expected = "anything",
                       .decode = keep};
const Type t_pc_words = {.kind = TYPE_STRINGS,
                         .name = "list of strings",
                         .size = sizeof(StrList),
                         .align = _Alignof(StrList),
                         .scalar = "",
                         .expected = "a string or a list of strings"};

static const EnumName conditions[] = {
    {PC_STARTED, "process_started"},     {PC_HEALTHY, "process_healthy"},
    {PC_COMPLETED, "process_completed"}, {PC_SUCCEEDED, "process_completed_successfully"},
    {PC_LOG_READY, "process_log_ready"}, {0}};
SCHEMA_ENUM(t_pc_condition, PcCondition, "condition", conditions);

static const EnumName restarts[] = {{PC_NO, "no"},
                                    {PC_ALWAYS, "always"},
                                    {PC_ON_FAILURE, "on_failure"},
                                    {PC_EXIT_ON_FAILURE, "exit_on_failure"},
                                    {0}};
SCHEMA_ENUM(t_pc_restart, PcRestart, "restart", restarts);

static const Field dependency_fields[] = {
    FIELD(PcDependency, name, "name", t_string, .flags = FIELD_KEY),
    FIELD(PcDependency, condition, "condition", t_pc_condition),
};
SCHEMA_STRUCT(t_pc_dependency, PcDependency, "depends_on", dependency_fields);
SCHEMA_MAP(t_pc_dependencies, t_pc_dependency);

static const Field availability_fields[] = {
    FIELD_SET(PcAvailability),
    FIELD(PcAvailability, restart, "restart", t_pc_restart),
    FIELD(PcAvailability, backoff_seconds, "backoff_seconds", t_int, .min = 0, .max = INT32_MAX),
    FIELD(PcAvailability, max_restarts, "max_restarts", t_int, .min = 0, .max = INT32_MAX),
    FIELD(PcAvailability, exit_on_end, "exit_on_end", t_pc_bool),
    FIELD(PcAvailability, exit_on_skipped, "exit_on_skipped", t_pc_bool),
};
SCHEMA_STRUCT(type_pc_availability, PcAvailability, "availability", availability_fields);

static const Field exec_fields[] = {
    FIELD(PcExec, command, "command", t_string),
    FIELD(PcExec, working_dir, "working_dir", t_string),
};
SCHEMA_STRUCT(t_pc_exec, PcExec, "exec", exec_fields);

static const Field http_fields[] = {
    FIELD_SET(PcHttp),
    FIELD(PcHttp, host, "host", t_string),
    FIELD(PcHttp, path, "path", t_string),
    FIELD(PcHttp, scheme, "scheme", t_string),
    FIELD(PcHttp, port, "port", t_string),
    FIELD(PcHttp, num_port, "num_port", t_int),
    FIELD(PcHttp, headers, "headers", t_env),
    FIELD(PcHttp, status_code, "status_code", t_int, .dflt = "200"),
};
SCHEMA_STRUCT(type_pc_http, PcHttp, "http_get", http_fields);

static const Field probe_fields[] = {
    FIELD_SET(PcProbe),
    FIELD(PcProbe, exec, "exec", t_pc_exec),
    FIELD(PcProbe, http_get, "http_get", type_pc_http),
    FIELD(PcProbe, initial_delay_seconds, "initial_delay_seconds", t_int, .min = 0,
          .max = INT32_MAX),
    FIELD(PcProbe, period_seconds, "period_seconds", t_int, .min = 0, .max = INT32_MAX),
    FIELD(PcProbe, timeout_seconds, "timeout_seconds", t_int, .min = 0, .max = INT32_MAX),
    FIELD(PcProbe, success_threshold, "success_threshold", t_int, .min = 0, .max = 1000),
    FIELD(PcProbe, failure_threshold, "failure_threshold", t_int, .min = 0, .max = 1000),
};
SCHEMA_STRUCT(type_pc_probe, PcProbe, "probe", probe_fields);

static const Field shutdown_fields[] = {
    FIELD_SET(PcShutdown),
    FIELD(PcShutdown, command, "command", t_string),
    FIELD(PcShutdown, timeout_seconds, "timeout_seconds", t_int, .min = 0, .max = INT32_MAX),
    FIELD(PcShutdown, signal, "signal", t_int, .min = 0, .max = 64),
    FIELD(PcShutdown, parent_only, "parent_only", t_pc_bool),
    FIELD(PcShutdown, send_keys, "send_keys", t_pc_any),
};
SCHEMA_STRUCT(type_pc_shutdown, PcShutdown, "shutdown", shutdown_fields);

static const Field schedule_fields[] = {
    FIELD_SET(PcSchedule),
    FIELD(PcSchedule, cron, "cron", t_string),
    FIELD(PcSchedule, timezone, "timezone", t_string),
    FIELD(PcSchedule, interval_ms, "interval", t_duration),
    FIELD(PcSchedule, run_on_start, "run_on_start", t_pc_bool),
    FIELD(PcSchedule, max_concurrent, "max_concurrent", t_int, .dflt = "1"),
};
SCHEMA_STRUCT(type_pc_schedule, PcSchedule, "schedule", schedule_fields);

static const Field watch_path_fields[] = {
    FIELD(PcWatchPath, path, "path", t_string),
    FIELD(PcWatchPath, include, "include", t_pc_words),
    FIELD(PcWatchPath, exclude, "exclude", t_pc_words),
};
SCHEMA_STRUCT(t_pc_watch_path, PcWatchPath, "watch path", watch_path_fields, .scalar = "path");
SCHEMA_LIST(t_pc_watch_paths, t_pc_watch_path);

static const Field watch_fields[] = {
    FIELD_SET(PcWatch),
    FIELD_LIST(PcWatch, paths, "paths", t_pc_watch_paths),
    FIELD(PcWatch, cascade, "cascade", t_pc_bool),
    FIELD(PcWatch, debounce_ms, "debounce", t_duration, .dflt = "300ms"),
    FIELD(PcWatch, max_entries, "max_entries", t_int),
    FIELD(PcWatch, buffer_size, "buffer_size", t_int),
    FIELD(PcWatch, disable_default_excludes, "disable_default_excludes", t_pc_bool),
};
SCHEMA_STRUCT(type_pc_watch, PcWatch, "watch", watch_fields);

SCHEMA_LIST(t_pc_codes, t_int);

static const Field process_fields[] = {
    FIELD_SET(PcProcess),
    FIELD(PcProcess, name, "name", t_string, .flags = FIELD_KEY),
    FIELD(PcProcess, command, "command", t_string),
    FIELD(PcProcess, entrypoint, "entrypoint", t_strings),
    FIELD(PcProcess, extends, "extends", t_string),
    FIELD(PcProcess, description, "description", t_string),
    FIELD(PcProcess, working_dir, "working_dir", t_string),
    FIELD(PcProcess, disabled, "disabled", t_pc_bool),
    FIELD(PcProcess, is_disabled, "is_disabled", t_string),
    FIELD(PcProcess, namespace, "namespace", t_pc_words),
    FIELD(PcProcess, replicas, "replicas", t_int, .min = 0, .max = 100),
    FIELD(PcProcess, environment, "environment", t_env),
    FIELD(PcProcess, env_file, "env_file", t_pc_words),
    FIELD(PcProcess, is_dotenv_disabled, "is_dotenv_disabled", t_pc_bool),
    FIELD(PcProcess, vars, "vars", t_env),
    FIELD(PcProcess, is_template_disabled, "is_template_disabled", t_pc_bool),
    FIELD_LIST(PcProcess, depends_on, "depends_on", t_pc_dependencies),
    FIELD(PcProcess, availability, "availability", type_pc_availability),
    FIELD_LIST(PcProcess, success_exit_codes, "success_exit_codes", t_pc_codes, .min = 0,
               .max = 255),
    FIELD(PcProcess, readiness_probe, "readiness_probe", type_pc_probe),
    FIELD(PcProcess, liveness_probe, "liveness_probe", type_pc_probe),
    FIELD(PcProcess, ready_log_line, "ready_log_line", t_string),
    FIELD(PcProcess, shutdown, "shutdown", type_pc_shutdown),
    FIELD(PcProcess, is_daemon, "is_daemon", t_pc_bool),
    FIELD(PcProcess, launch_timeout_seconds, "launch_timeout_seconds", t_int),
    FIELD(PcProcess, is_foreground, "is_foreground", t_pc_bool),
    FIELD(PcProcess, is_tty, "is_tty", t_pc_bool),
    FIELD(PcProcess, is_interactive, "is_interactive", t_pc_bool),
    FIELD(PcProcess, is_elevated, "is_elevated", t_pc_bool),
    FIELD(PcProcess, log_location, "log_location", t_string),
    FIELD(PcProcess, truncate_log, "truncate_log", t_pc_bool),
    FIELD(PcProcess, log_configuration, "log_configuration", t_pc_any),
    FIELD(PcProcess, disable_ansi_colors, "disable_ansi_colors", t_pc_any),
    FIELD(PcProcess, schedule, "schedule", type_pc_schedule),
    FIELD(PcProcess, watch, "watch", type_pc_watch),
    FIELD(PcProcess, mcp, "mcp", t_pc_any),
    FIELD(PcProcess, monitor_for, "monitor_for", t_pc_any),
    FIELD(PcProcess, monitor_silence_threshold, "monitor_silence_threshold", t_pc_any),
    FIELD(PcProcess, args, "args", t_pc_any),
    FIELD(PcProcess, executable, "executable", t_pc_any),
    FIELD(PcProcess, original_config, "original_config", t_pc_any),
    FIELD(PcProcess, replica_num, "replica_num", t_pc_any),
    FIELD(PcProcess, replica_name, "replica_name", t_pc_any),
    FIELD(PcProcess, launch_state, "launch_state", t_pc_any),
    FIELD_AT(PcProcess),
};
SCHEMA_STRUCT(type_pc_process, PcProcess, "process", process_fields);
SCHEMA_MAP(t_pc_processes, type_pc_process);

static const Field shell_fields[] = {
    FIELD_SET(PcShell),
    FIELD(PcShell, command, "shell_command", t_string),
    FIELD(PcShell, argument, "shell_argument", t_string),
    FIELD(PcShell, elevated_command, "elevated_shell_command", t_pc_any),
    FIELD(PcShell, elevated_argument, "elevated_shell_argument", t_pc_any),
};
SCHEMA_STRUCT(type_pc_shell, PcShell, "shell", shell_fields);

static const Field project_fields[] = {
    FIELD_SET(PcProject),
    FIELD(PcProject, version, "version", t_string),
    FIELD(PcProject, name, "name", t_string),
    FIELD(PcProject, environment, "environment", t_env),
    FIELD(PcProject, env_cmds, "env_cmds", t_env),
    FIELD(PcProject, vars, "vars", t_env),
    FIELD_LIST(PcProject, processes, "processes", t_pc_processes),
    FIELD(PcProject, shell, "shell", type_pc_shell),
    FIELD(PcProject, log_location, "log_location", t_string),
    FIELD(PcProject, log_level, "log_level", t_pc_any),
    FIELD(PcProject, log_length, "log_length", t_pc_any),
    FIELD(PcProject, log_format, "log_format", t_pc_any),
    FIELD(PcProject, log_configuration, "log_configuration", t_pc_any),
    FIELD(PcProject, is_strict, "is_strict", t_pc_bool),
    FIELD(PcProject, disable_env_expansion, "disable_env_expansion", t_pc_bool),
    FIELD(PcProject, is_tui_disabled, "is_tui_disabled", t_pc_any),
    FIELD(PcProject, ordered_shutdown, "ordered_shutdown", t_pc_bool),
    FIELD(PcProject, extends, "extends", t_string),
    FIELD(PcProject, mcp_server, "mcp_server", t_pc_any),
    FIELD(PcProject, file_names, "file_names", t_pc_any),
    FIELD(PcProject, env_file_names, "env_file_names", t_pc_any),
    FIELD(PcProject, dot_env_vars, "dot_env_vars", t_pc_any),
};
SCHEMA_STRUCT(type_pc_project, PcProject, "process-compose.yaml", project_fields);

#define PROJECT(name, fate, why) \
    { &type_pc_project, name, fate, why }
#define PROCESS(name, fate, why) \
    { &type_pc_process, name, fate, why }

const PcKey pc_keys[] = {
    PROJECT("version", PC_SILENT, "of process-compose, for people"),
    PROJECT("log_level", PC_SILENT, "of process-compose's own log"),
    PROJECT("log_length", PC_SILENT, "all that `logs.max_size` allows is kept"),
    PROJECT("log_format", PC_SILENT, "of process-compose's own log"),
    PROJECT("log_configuration", PC_IGNORED,
            "thole keeps what the processes write as it is: `thole logs`"),
    PROJECT("is_tui_disabled", PC_SILENT, "there is none"),
    PROJECT("ordered_shutdown", PC_SILENT, "stopping is always in reverse order of dependence"),
    PROJECT("mcp_server", PC_REFUSED, "remove it; `thole api` speaks with thole's own API"),
    PROJECT("file_names", PC_SILENT, "internal"),
    PROJECT("env_file_names", PC_SILENT, "internal"),
    PROJECT("dot_env_vars", PC_SILENT, "internal"),
    {&type_pc_shell, "elevated_shell_command", PC_SILENT, "of is_elevated, which is refused"},
    {&type_pc_shell, "elevated_shell_argument", PC_SILENT, "of is_elevated, which is refused"},
    PROCESS("is_elevated", PC_REFUSED,
            "write the `sudo` into the command, where whoever reads it sees it"),
    PROCESS("log_configuration", PC_IGNORED,
            "thole keeps what the process writes as it is: `thole logs NAME`"),
    PROCESS("disable_ansi_colors", PC_IGNORED,
            "set NO_COLOR in `environment` if the program knows it"),
    PROCESS("launch_timeout_seconds", PC_SILENT, "a daemon is waited for by its probe"),
    PROCESS("monitor_for", PC_IGNORED, "`thole logs -f NAME` shows what it writes"),
    PROCESS("monitor_silence_threshold", PC_SILENT, "of monitor_for"),
    PROCESS("args", PC_SILENT, "internal"),
    PROCESS("executable", PC_SILENT, "internal"),
    PROCESS("original_config", PC_SILENT, "internal"),
    PROCESS("replica_num", PC_SILENT, "internal"),
    PROCESS("replica_name", PC_SILENT, "internal"),
    PROCESS("launch_state", PC_SILENT, "internal"),
    PROCESS("mcp", PC_REFUSED, "remove it, or make the process one that people start"),
    {&type_pc_shutdown, "parent_only", PC_REFUSED,
     "remove it: a stop asks all that is below the process, so that nothing is left"},
    {&type_pc_shutdown, "send_keys", PC_REFUSED, "use `shutdown.command` with `thole send-keys`"},
    {&type_pc_watch, "max_entries", PC_SILENT, "there is no such limit"},
    {&type_pc_watch, "buffer_size", PC_SILENT, "of Windows"},
    {&type_pc_watch, "disable_default_excludes", PC_REFUSED,
     "remove it: what .gitignore names, .git and the droppings of editors never count"},
    {0},
};

const PcKey *pc_key(const Type *type, const char *name) {
    for (const PcKey *key = pc_keys; key->type; key++)
        if (key->type == type && strcmp(key->name, name) == 0)
            return key;
    return NULL;
}
