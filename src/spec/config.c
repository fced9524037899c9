/* SPDX-License-Identifier: Apache-2.0 */
/* The tables: every key of thole.yaml is named here, once. */
#include "spec/config.h"

#include "spec/names.h"
#include "spec/port.h"
#include "spec/signals.h"

/* --- shorthands and enums --- */

SCHEMA_DECLARE(t_shell_or_list, Command);
SCHEMA_DECLARE(t_files, StrList);
SCHEMA_DECLARE(t_globs, StrList);
SCHEMA_DECLARE(t_labels, StrMap);
SCHEMA_DECLARE(t_service_type, ServiceType);
SCHEMA_DECLARE(t_restart_policy, RestartPolicy);
SCHEMA_DECLARE(t_condition, DepCondition);
SCHEMA_DECLARE(t_ends, EndsSession);
SCHEMA_DECLARE(t_scheme, ProbeScheme);
SCHEMA_DECLARE(t_probe_kind, ProbeKind);
SCHEMA_DECLARE(t_pass, PortPass);
SCHEMA_DECLARE(t_on_change, OnChange);
SCHEMA_DECLARE(t_trigger, TriggerMode);
SCHEMA_DECLARE(t_named_port, NamedPort);
SCHEMA_DECLARE(t_ports, NamedPort);
SCHEMA_DECLARE(t_tcp, TcpProbe);
SCHEMA_DECLARE(t_log, LogProbe);
SCHEMA_DECLARE(t_dependencies, DependsOn);
SCHEMA_DECLARE(t_codes, int64_t);
SCHEMA_DECLARE(t_ci, CiConfig);
SCHEMA_DECLARE(t_logs, LogsConfig);
SCHEMA_DECLARE(t_services, Service);
SCHEMA_DECLARE(t_proxy_rules, ProxyRule);

const Type t_files = {.kind = TYPE_STRINGS,
                      .name = "list of files",
                      .size = sizeof(StrList),
                      .align = _Alignof(StrList),
                      .scalar = "",
                      .expected = "a list of files"};
const Type t_globs = {.kind = TYPE_STRINGS,
                      .name = "list of globs",
                      .size = sizeof(StrList),
                      .align = _Alignof(StrList),
                      .scalar = "",
                      .expected = "a list of globs"};
const Type t_labels = {.kind = TYPE_STRING_MAP,
                       .name = "map or list of labels",
                       .size = sizeof(StrMap),
                       .align = _Alignof(StrMap),
                       .keys = true,
                       .expected = "a map or a list of labels"};

static const EnumName service_types[] = {{SERVICE_SERVER, "server"}, {SERVICE_JOB, "job"}, {0}};
SCHEMA_ENUM(t_service_type, ServiceType, "type", service_types);

static const EnumName restart_policies[] = {
    {RESTART_NEVER, "never"}, {RESTART_ON_FAILURE, "on-failure"}, {RESTART_ALWAYS, "always"}, {0}};
SCHEMA_ENUM(t_restart_policy, RestartPolicy, "policy", restart_policies);

static const EnumName conditions[] = {{DEP_STARTED, "started"},
                                      {DEP_READY, "ready"},
                                      {DEP_COMPLETED, "completed"},
                                      {DEP_ENDED, "ended"},
                                      {0}};
SCHEMA_ENUM(t_condition, DepCondition, "condition", conditions);

static const EnumName ends[] = {
    {ENDS_NEVER, "never"}, {ENDS_ON_FAILURE, "on-failure"}, {ENDS_ALWAYS, "always"}, {0}};
SCHEMA_ENUM(t_ends, EndsSession, "ends_session", ends);

static const EnumName schemes[] = {{PROBE_HTTP, "http"}, {PROBE_HTTPS, "https"}, {0}};
SCHEMA_ENUM(t_scheme, ProbeScheme, "scheme", schemes);

static const EnumName probe_kinds[] = {{PROBE_NONE, "none"},    {PROBE_KIND_HTTP, "http"},
                                       {PROBE_KIND_TCP, "tcp"}, {PROBE_KIND_EXEC, "exec"},
                                       {PROBE_KIND_LOG, "log"}, {0}};
SCHEMA_ENUM(t_probe_kind, ProbeKind, "probe", probe_kinds);

static const EnumName passes[] = {{PASS_NUMBER, "number"}, {PASS_FD, "fd"}, {0}};
SCHEMA_ENUM(t_pass, PortPass, "pass", passes);

static const EnumName changes[] = {
    {CHANGE_RESTART, "restart"}, {CHANGE_REBUILD, "rebuild"}, {CHANGE_SIGNAL, "signal"}, {0}};
SCHEMA_ENUM(t_on_change, OnChange, "on_change", changes);

static const EnumName triggers[] = {{TRIGGER_AUTO, "auto"}, {TRIGGER_MANUAL, "manual"}, {0}};
SCHEMA_ENUM(t_trigger, TriggerMode, "trigger", triggers);

static const Field command_fields[] = {
    FIELD(Command, script, "script", t_string, .doc = "run by the shell"),
    FIELD(Command, argv, "argv", t_strings, .doc = "program and arguments"),
};
SCHEMA_STRUCT(t_shell_or_list, Command, "command", command_fields, .scalar = "script",
              .list = "argv", .only_short = true,
              .expected = "a command: a string for the shell, or a list to execute");

/* --- ready --- */

static const Field http_fields[] = {
    FIELD_SET(HttpProbe),
    FIELD(HttpProbe, path, "path", t_string, .dflt = "/", .check = check_url_path,
          .doc = "what to ask for, with its query"),
    FIELD(HttpProbe, port, "port", t_probe_port, .flags = FIELD_OPTIONAL,
          .doc = "the TCP port it listens on; default: the service's own `port`"),
    FIELD(HttpProbe, scheme, "scheme", t_scheme, .dflt = "http",
          .doc = "with `https` the certificate is not checked"),
    FIELD(HttpProbe, headers, "headers", t_env, .check = check_header, .doc = "headers to send"),
    FIELD(HttpProbe, status, "status", t_int, .min = 100, .max = 599, .flags = FIELD_OPTIONAL,
          .doc = "the one status that counts as ready; otherwise 200 to 399"),
    FIELD(HttpProbe, host, "host", t_string, .dflt = "localhost", .min = 1, .check = check_host,
          .doc = "every address the name has is tried"),
};
SCHEMA_STRUCT(type_http, HttpProbe, "HTTP probe", http_fields, .scalar = "port");

static const Field tcp_fields[] = {
    FIELD_SET(TcpProbe),
    FIELD(TcpProbe, port, "port", t_probe_port, .flags = FIELD_OPTIONAL,
          .doc = "the port that must accept a connection; default: the service's own `port`"),
    FIELD(TcpProbe, host, "host", t_string, .dflt = "localhost", .min = 1, .check = check_host,
          .doc = "every address the name has is tried"),
};
SCHEMA_STRUCT(t_tcp, TcpProbe, "TCP probe", tcp_fields, .scalar = "port");

static const Field log_fields[] = {
    FIELD(LogProbe, match, "match", t_string, .flags = FIELD_REQUIRED, .min = 1,
          .doc = "POSIX extended regular expression; a line of the log must match"),
};
SCHEMA_STRUCT(t_log, LogProbe, "log probe", log_fields, .scalar = "match");

static const Field probe_fields[] = {
    FIELD_SET(Probe),
    FIELD(Probe, kind, "kind", t_probe_kind, .flags = FIELD_INTERNAL),
    FIELD(Probe, http, "http", type_http, .flags = FIELD_OPTIONAL, .aka = "http_get httpGet url",
          .doc = "ready when this URL answers"),
    FIELD(Probe, tcp, "tcp", t_tcp, .flags = FIELD_OPTIONAL, .aka = "tcp_socket tcpSocket port",
          .doc = "ready when this port accepts a connection"),
    FIELD(Probe, exec, "exec", t_shell_or_list, .flags = FIELD_OPTIONAL, .aka = "command test cmd",
          .doc = "ready when this command exits with 0"),
    FIELD(Probe, log, "log", t_log, .flags = FIELD_OPTIONAL, .aka = "ready_log_line log_line",
          .doc = "ready when the service has logged this"),
    FIELD(Probe, period_ms, "period", t_duration, .dflt = "1s", .min = 10, .max = INT64_MAX,
          .aka = "interval period_seconds",
          .doc = "time between two probes; until first ready they come at once, then after 50ms, "
                 "doubling up to this"),
    FIELD(Probe, timeout_ms, "timeout", t_duration, .dflt = "1s", .min = 1, .max = INT64_MAX,
          .doc = "a probe that takes longer has failed"),
    FIELD(Probe, success_threshold, "success_threshold", t_int, .dflt = "1", .min = 1, .max = 1000,
          .doc = "successes in a row that make it ready"),
    FIELD(Probe, failure_threshold, "failure_threshold", t_int, .dflt = "3", .min = 1, .max = 1000,
          .aka = "retries", .doc = "failures in a row that make it unready"),
    FIELD(Probe, deadline_ms, "deadline", t_duration, .dflt = "0s", .aka = "start_period",
          .doc = "not ready after this long: the run has failed; 0: no limit"),
};
SCHEMA_STRUCT(type_probe, Probe, "ready", probe_fields,
              .expected = "a map with one of http, tcp, exec or log");

/* --- restart, stop, depends_on --- */

static const Field restart_fields[] = {
    FIELD_SET(Restart),
    FIELD(Restart, policy, "policy", t_restart_policy, .dflt = "on-failure",
          .doc =
              "when to start it again; a server has failed whenever it exits unasked, with 0 too"),
    FIELD(Restart, delay_ms, "delay", t_duration, .dflt = "500ms", .aka = "backoff initial_delay",
          .doc = "before the first restart; it doubles with each, with jitter"),
    FIELD(Restart, max_delay_ms, "max_delay", t_duration, .dflt = "30s",
          .doc = "the longest delay"),
    FIELD(Restart, max_restarts, "max_restarts", t_int, .dflt = "10", .min = 0, .max = INT64_MAX,
          .aka = "max_attempts", .doc = "restarts in a row before it is given up; 0: no limit"),
    FIELD(Restart, reset_after_ms, "reset_after", t_duration, .dflt = "60s", .aka = "window",
          .doc = "a run that lived this long begins a new row"),
};
SCHEMA_STRUCT(type_restart, Restart, "restart", restart_fields, .scalar = "policy",
              .expected = "never, on-failure, always, or a map of keys");

static const Field stop_fields[] = {
    FIELD_SET(Stop),
    FIELD(Stop, signal, "signal", t_signal, .dflt = "TERM",
          .doc = "the signal that asks it to stop"),
    FIELD(Stop, grace_ms, "grace", t_duration, .dflt = "10s",
          .aka = "timeout grace_period stop_grace_period",
          .doc = "how long it may take before it is killed"),
    FIELD(Stop, command, "command", t_shell_or_list, .flags = FIELD_OPTIONAL,
          .doc = "run to stop it, instead of the signal"),
};
SCHEMA_STRUCT(type_stop, Stop, "stop", stop_fields, .scalar = "signal");

static const Field dependency_fields[] = {
    FIELD_SET(DependsOn),
    FIELD(DependsOn, name, "name", t_string, .flags = FIELD_KEY),
    FIELD(DependsOn, condition, "condition", t_condition, .flags = FIELD_OPTIONAL,
          .doc = "`started`: its program runs; `ready`: its probe says so; `completed`: the job "
                 "has succeeded; `ended`: it runs no more, however it ended. "
                 "Default: a job has completed, a server is ready"),
    FIELD(DependsOn, restart, "restart", t_bool, .dflt = "false", .flags = FIELD_OPTIONAL,
          .doc = "`true`: when a new run of it is what was waited for, this is restarted"),
};
SCHEMA_STRUCT(type_dependency, DependsOn, "dependency", dependency_fields, .scalar = "condition");
SCHEMA_MAP(t_dependencies, type_dependency, .keys = true);
SCHEMA_LIST(t_codes, t_int);
SCHEMA_LIST(t_proxy_rules, type_proxy_rule);

/* --- ports, watch, schedule, hooks --- */

static const Field named_port_fields[] = {
    FIELD(NamedPort, name, "name", t_string, .flags = FIELD_KEY, .check = check_port_name),
    FIELD(NamedPort, port, "port", t_port, .flags = FIELD_REQUIRED,
          .doc = "a number, or `auto`: a free one is found"),
};
SCHEMA_STRUCT(t_named_port, NamedPort, "named port", named_port_fields, .scalar = "port",
              .only_short = true, .expected = "a port: a number or auto");
SCHEMA_MAP(t_ports, t_named_port);

static const Field watch_fields[] = {
    FIELD_SET(Watch),
    FIELD(Watch, paths, "paths", t_globs, .flags = FIELD_REQUIRED, .min = 1, .aka = "files",
          .doc = "globs; a directory means all that is below it"),
    FIELD(Watch, ignore, "ignore", t_globs, .min = 1, .aka = "exclude",
          .doc = "what does not count, as lines of a .gitignore"),
    FIELD(Watch, debounce_ms, "debounce", t_duration, .dflt = "200ms",
          .doc = "how long it must be quiet before something is done"),
    FIELD(Watch, on_change, "on_change", t_on_change, .flags = FIELD_OPTIONAL, .aka = "action",
          .doc = "`rebuild`: the build runs, then the server is replaced; `restart`: the server "
                 "is; `signal`: it gets `signal`. Default: rebuild what has a build or is a job, "
                 "else restart"),
    FIELD(Watch, signal, "signal", t_signal, .dflt = "HUP", .flags = FIELD_OPTIONAL,
          .doc = "for `on_change: signal`"),
};
SCHEMA_STRUCT(type_watch, Watch, "watch", watch_fields, .scalar = "paths", .list = "paths",
              .expected = "a list of globs, or a map of keys");

static const Field schedule_fields[] = {
    FIELD_SET(Schedule),
    FIELD(Schedule, cron, "cron", t_string, .flags = FIELD_OPTIONAL, .min = 1,
          .doc = "minute, hour, day of month, month, day of week; or @hourly, @daily, …"),
    FIELD(Schedule, interval_ms, "interval", t_duration, .flags = FIELD_OPTIONAL, .aka = "every",
          .min = 100, .max = (int64_t)366 * 24 * 3600 * 1000,
          .doc = "time from one start to the next"),
    FIELD(Schedule, timezone, "timezone", t_string, .flags = FIELD_OPTIONAL, .min = 1, .aka = "tz",
          .doc = "of `cron`, such as Europe/Berlin; default: the machine's"),
    FIELD(Schedule, on_start, "on_start", t_bool, .dflt = "false", .aka = "run_on_start",
          .doc = "`true`: it also runs when the session begins"),
};
SCHEMA_STRUCT(type_schedule, Schedule, "schedule", schedule_fields, .scalar = "cron",
              .expected = "a cron expression or a map of keys");

static const Field hooks_fields[] = {
    FIELD_SET(Hooks),
    FIELD(Hooks, before, "before", t_shell_or_list, .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .doc = "before each run; if it fails, that run has failed"),
    FIELD(Hooks, after, "after", t_shell_or_list, .flags = FIELD_OPTIONAL, .doc = "after each run"),
    FIELD(Hooks, on_failure, "on_failure", t_shell_or_list, .flags = FIELD_OPTIONAL,
          .doc = "after a run that has failed"),
    FIELD(Hooks, timeout_ms, "timeout", t_duration, .dflt = "1m",
          .doc = "a hook that takes longer is stopped and has failed; 0: no limit"),
};
SCHEMA_STRUCT(type_hooks, Hooks, "hooks", hooks_fields);

/* --- services --- */

static const Field service_fields[] = {
    FIELD_SET(Service),
    FIELD(Service, name, "name", t_string, .flags = FIELD_KEY, .check = check_service_name),
    FIELD(Service, description, "description", t_string, .doc = "for people"),
    FIELD(Service, type, "type", t_service_type, .dflt = "server",
          .doc = "`server`: `command` runs for ever; `job`: it runs to its end"),
    FIELD(Service, path, "path", t_string, .dflt = ".", .min = 1, .flags = FIELD_RESTARTS,
          .aka = "cwd dir working_dir working_directory directory",
          .doc = "its working directory, inside the project"),
    FIELD(Service, build, "build", t_shell_or_list, .flags = FIELD_RESTARTS,
          .aka = "prepare update_cmd",
          .doc = "a job that must succeed before `command` starts: target `<name>:update`"),
    FIELD(Service, command, "command", t_shell_or_list, .flags = FIELD_RESTARTS,
          .aka = "cmd run serve serve_cmd entrypoint script shell_command",
          .doc = "what to run: a string is for the shell, a list is executed as it is. Target "
                 "`<name>:serve`, of a job "
                 "`<name>:update`"),
    FIELD(Service, shell, "shell", t_strings, .dflt = "[\"sh\", \"-c\"]", .flags = FIELD_RESTARTS,
          .doc = "what runs a command that is a string"),
    FIELD(Service, env, "env", t_env, .check = check_env_name, .flags = FIELD_RESTARTS,
          .aka = "environment", .doc = "environment variables"),
    FIELD(Service, env_from, "env_from", t_files, .min = 1, .aka = "env_files envfile dotenv",
          .doc = "`.env` files to read, in order; a later one wins, and `env` wins over them"),
    FIELD(Service, port, "port", t_port, .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .doc = "the port it listens on, a number or `auto`: a free one is found. It gets it as "
                 "PORT, the others as <SERVICE>_PORT"),
    FIELD_LIST(Service, ports, "ports", t_ports, .flags = FIELD_RESTARTS,
               .doc = "further ports, by name: PORT_<NAME>, <SERVICE>_PORT_<NAME>"),
    FIELD(Service, pass, "pass", t_pass, .dflt = "number", .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .doc = "`fd`: it gets its ports as listening sockets (LISTEN_FDS), which stay open when "
                 "it is restarted"),
    FIELD(Service, lazy, "lazy", t_bool, .dflt = "false", .flags = FIELD_OPTIONAL,
          .doc = "with `pass: fd`: it is started by the first connection"),
    FIELD_LIST(Service, depends_on, "depends_on", t_dependencies,
               .aka = "needs requires after deps resource_deps",
               .doc = "what must be there before it starts"),
    FIELD(Service, ready, "ready", type_probe, .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .aka = "healthcheck readiness_probe readinessProbe ready_check health probe",
          .doc = "how to know that a server is ready; without it, when it has started"),
    FIELD(Service, live, "live", type_probe, .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .aka = "liveness_probe livenessProbe liveness",
          .doc = "how to know that it still works; when this fails it is restarted"),
    FIELD(Service, restart, "restart", type_restart, .aka = "autorestart availability",
          .doc = "when to start it again"),
    FIELD(Service, restart_written, "restart_written", t_bool, .flags = FIELD_INTERNAL),
    FIELD_LIST(Service, success_exit_codes, "success_exit_codes", t_codes, .dflt = "[0]", .min = 0,
               .max = 255, .aka = "exit_codes success_codes",
               .doc = "exit codes with which a job has succeeded; a server that has any may end "
                      "with them"),
    FIELD(Service, ends_session, "ends_session", t_ends, .dflt = "never", .flags = FIELD_OPTIONAL,
          .aka = "exit_on_end",
          .doc = "when it has ended for good, the session ends too: `always`, or `on-failure`"),
    FIELD(Service, stop, "stop", type_stop, .aka = "shutdown", .doc = "how to stop it"),
    FIELD(Service, timeout_ms, "timeout", t_duration, .dflt = "0s",
          .doc = "a job that takes longer is stopped and has failed; 0: no limit"),
    FIELD(Service, secrets, "secrets", t_strings, .check = check_env_name, .flags = FIELD_RESTARTS,
          .doc = "names of environment variables whose values are masked in logs and output; at "
                 "least 4 bytes each"),
    FIELD(Service, auto_start, "auto", t_bool, .dflt = "true", .aka = "autostart auto_init",
          .doc = "`false`: starts only when asked for by name"),
    FIELD(
        Service, linger, "linger", t_bool, .dflt = "false",
        .doc =
            "`true`: helpers (what it leaves running when it ends by itself, or what has left its "
            "process group when it is stopped) live on, are listed, and end at `thole down "
            "--purge`"),
    FIELD(Service, enabled, "enabled", t_bool, .dflt = "true", .flags = FIELD_OPTIONAL,
          .aka = "disabled", .doc = "`false`: it is not run at all until `thole enable`"),
    FIELD(Service, watch, "watch", type_watch, .flags = FIELD_OPTIONAL,
          .doc = "files; when one changes it is run again"),
    FIELD(Service, trigger, "trigger", t_trigger, .dflt = "auto", .flags = FIELD_OPTIONAL,
          .aka = "trigger_mode",
          .doc = "`manual`: what `watch` sees is only told; `thole trigger` acts on it"),
    FIELD(Service, inputs, "inputs", t_globs, .min = 1, .aka = "sources deps",
          .doc = "files that a job reads: it is skipped if nothing has changed since its last "
                 "good run"),
    FIELD(Service, outputs, "outputs", t_globs, .min = 1, .aka = "generates",
          .doc = "files that a job makes: it is not skipped if one is missing"),
    FIELD(Service, locks, "locks", t_strings, .min = 1, .aka = "mutex concurrency_group",
          .doc = "names; jobs that share one never run together"),
    FIELD(Service, replicas, "replicas", t_int, .dflt = "1", .flags = FIELD_OPTIONAL, .min = 1,
          .max = 100, .aka = "scale", .doc = "how many of it run: `<name>-0`, `<name>-1`, …"),
    FIELD(Service, schedule, "schedule", type_schedule, .flags = FIELD_OPTIONAL, .aka = "cron",
          .doc = "when a job runs"),
    FIELD(Service, hooks, "hooks", type_hooks, .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .doc = "commands around each run"),
    FIELD(Service, tty, "tty", t_bool, .dflt = "false", .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .aka = "is_tty", .doc = "`true`: it runs in a terminal of its own, for `thole attach`"),
    FIELD(Service, stdin_open, "stdin", t_bool, .dflt = "false",
          .flags = FIELD_OPTIONAL | FIELD_RESTARTS, .aka = "stdin_open",
          .doc = "`true`: it can be written to, by `thole attach`"),
    FIELD(Service, labels, "labels", t_labels, .check = check_label,
          .doc = "for `-l`; a list gives names without values"),
    FIELD(Service, env_file, "env_file", t_string, .dflt = ".env.local", .min = 1,
          .flags = FIELD_OPTIONAL | FIELD_RESTARTS,
          .doc = "the file with its variables that an environment writes, relative to `path`; "
                 "outside of an environment it is read over `env`"),
    FIELD(Service, start, "start", t_string, .flags = FIELD_TEMPLATE, .min = 1,
          .doc = "its command in a generated compose file; used by a later version"),
    FIELD_LIST(Service, proxy, "proxy", t_proxy_rules,
               .doc = "what the generated proxy passes on to others; used by a later version"),
    FIELD(Service, needs, "needs", t_strings, .flags = FIELD_INTERNAL),
    FIELD(Service, leaving, "leaving", t_bool, .flags = FIELD_INTERNAL),
    FIELD_AT(Service),
};
SCHEMA_STRUCT(type_service, Service, "service", service_fields);
SCHEMA_MAP(t_services, type_service);

/* --- the file --- */

static const Field ci_fields[] = {
    FIELD_SET(CiConfig),
    FIELD(CiConfig, timeout_ms, "timeout", t_duration, .dflt = "30m",
          .doc = "the session has failed if it is not done after this long; 0: no limit"),
    FIELD(CiConfig, readiness_timeout_ms, "readiness_timeout", t_duration, .dflt = "5m",
          .doc = "... or if a server that runs is not ready for this long; 0: no limit"),
    FIELD(CiConfig, grace_ms, "grace", t_duration, .dflt = "0s",
          .doc = "a server that fails within this time of its start is restarted by its policy; "
                 "any other failure ends the session"),
    FIELD(CiConfig, soak_ms, "soak", t_duration, .dflt = "0s",
          .doc = "everything must be well for this long before the session has succeeded"),
};
SCHEMA_STRUCT(t_ci, CiConfig, "ci", ci_fields);

static const Field logs_fields[] = {
    FIELD_SET(LogsConfig),
    FIELD(LogsConfig, max_size, "max_size", t_size, .dflt = "64MiB",
          .doc = "bytes kept of each target, of all its runs; the oldest go first, in pieces of "
                 "64KiB and more, so that a smaller cap than 128KiB is not kept to; 0: no cap"),
};
SCHEMA_STRUCT(t_logs, LogsConfig, "logs", logs_fields);

static const Field config_fields[] = {
    FIELD_SET(Config),
    FIELD(Config, format, "format", t_int, .flags = FIELD_INTERNAL),
    FIELD(Config, version, "version", t_int, .flags = FIELD_REQUIRED,
          .doc = "the version of this language: 1"),
    FIELD(Config, name, "name", t_string, .min = 1, .max = 255,
          .doc = "of the project; default: the name of its directory"),
    FIELD(Config, file, "file", t_string, .flags = FIELD_INTERNAL),
    FIELD(Config, root, "root", t_string, .flags = FIELD_INTERNAL),
    FIELD(Config, files, "files", t_strings, .flags = FIELD_INTERNAL),
    FIELD(Config, digests, "digests", t_strings, .flags = FIELD_INTERNAL),
    FIELD(Config, slug, "slug", t_string, .flags = FIELD_INTERNAL),
    FIELD(Config, vars, "vars", t_env, .check = check_var_name,
          .doc = "values for templates: `{{vars.NAME}}`"),
    FIELD(Config, env, "env", t_env, .check = check_env_name, .aka = "environment",
          .doc = "environment variables of all services"),
    FIELD(Config, env_from, "env_from", t_files, .min = 1, .aka = "env_file envfile dotenv",
          .doc = "`.env` files to read, in order; `env` wins over them"),
    FIELD(Config, parallelism, "parallelism", t_int, .min = 1, .max = 10000,
          .flags = FIELD_OPTIONAL,
          .doc = "jobs that may run at once, of all sessions together; default: the number of "
                 "CPUs, at least 4"),
    FIELD(Config, ci, "ci", t_ci, .doc = "rules of `thole ci`"),
    FIELD(Config, logs, "logs", t_logs, .doc = "what is kept of logs"),
    FIELD_LIST(Config, services, "services", t_services, .aka = "processes procs resources",
               .doc = "what runs, by name: `[a-z0-9][a-z0-9_-]*`, at most 63 characters"),
    FIELD(Config, provisioner, "provisioner", type_provisioner, .flags = FIELD_OPTIONAL,
          .doc = "what `thole env` makes for each environment"),
    FIELD(Config, infrastructure, "infrastructure", type_infrastructure, .flags = FIELD_OPTIONAL,
          .aka = "infra", .doc = "containers that each environment has for itself"),
    FIELD(Config, runner, "runner", type_runner, .flags = FIELD_OPTIONAL,
          .doc = "what is done around the services of an environment"),
    FIELD(Config, mode, "mode", t_string, .flags = FIELD_INTERNAL),
    FIELD(Config, warnings, "warnings", t_strings, .flags = FIELD_INTERNAL),
};
SCHEMA_STRUCT(type_config, Config, "thole.yaml", config_fields);
