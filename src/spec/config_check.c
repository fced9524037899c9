/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/config_check.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "spec/port.h"
#include "spec/replicas.h"

const char *service_key_path(const Source *source, const Service *service, const char *key) {
    return arena_printf(source->arena, "services.%s%s%s", service->name, *key ? "." : "", key);
}

static bool has_job(const Service *service) {
    return has(service, "build") || service->type == SERVICE_JOB;
}

/* --- commands --- */

static bool blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == 0;
}

void config_check_command(const Source *source, const Service *service, const char *key,
                          const Command *command) {
    if (command->script && blank(command->script))
        PROBLEM(source, service, key, NULL, "the command is empty");
    else if (!command->script && command->argv.n == 0)
        PROBLEM(source, service, key, "name the program first", "the list is empty");
    else if (!command->script && blank(command->argv.at[0]))
        PROBLEM(source, service, key, NULL, "the name of the program is empty");
}

static void check_commands(const Source *source, const Service *service) {
    static const char *const of_command[] = {"ends_session", "ready", "live",
                                             "restart",      "stop",  "linger"};
    if (has(service, "build"))
        config_check_command(source, service, "build", &service->build);
    if (has(service, "command"))
        config_check_command(source, service, "command", &service->command);
    if (service->shell.n == 0 || blank(service->shell.at[0]))
        PROBLEM(source, service, "shell", "the default is [sh, -c]", "the list names no program");
    if (has(service, "command")) {
        if (service->type == SERVICE_JOB && has(service, "build"))
            PROBLEM(source, service, "build",
                    "do both in `command`, or make the build a job of its own and depend on it",
                    "a job has one command, here are `build` and `command`");
        return;
    }
    if (service->type == SERVICE_JOB) {
        PROBLEM(source, service, "type",
                has(service, "build") ? "rename `build` to `command`" : NULL,
                "a job needs a `command`");
        return;
    }
    size_t n = has(service, "build") ? 4 : COUNT(of_command); /* `stop` and `linger` suit a build */
    for (size_t i = 0; i < n; i++)
        if (has(service, of_command[i]))
            PROBLEM(source, service, of_command[i], "add a `command`, or remove this key",
                    "`%s` is given, but there is no `command` that it could be about",
                    of_command[i]);
}

static void check_job_keys(const Source *source, const Service *service) {
    if (has(service, "success_exit_codes") && !has_job(service) &&
        service->restart.policy == RESTART_ALWAYS)
        PROBLEM(source, service, "success_exit_codes", "remove it, or use `restart: on-failure`",
                "a server that is always started again never succeeds");
    if (service->success_exit_codes.n == 0)
        PROBLEM(source, service, "success_exit_codes", "name at least one code, such as [0]",
                "without any code it could never succeed");
    if (has(service, "timeout") && !has_job(service))
        PROBLEM(source, service, "timeout",
                "use `ready: {deadline: ...}` for the time it has to become ready",
                "only a job has a timeout; a server is expected to keep running");
    if (service->type == SERVICE_JOB && service->restart.policy == RESTART_ALWAYS)
        PROBLEM(source, service, "restart", "use on-failure, or make it a server",
                "a job that is always started again never completes");
}

static void check_restart(const Source *source, const Service *service) {
    const Restart *restart = &service->restart;
    if (restart->delay_ms > restart->max_delay_ms)
        PROBLEM(source, service, "restart.max_delay", "make it at least as long as `delay`",
                "`max_delay` is shorter than `delay`");
}

/* --- ready, live --- */

/* One of the two probes of a service: "ready" or "live". */
typedef struct ProbeAt {
    const Source *source;
    const Service *service;
    const char *key;
    const Probe *probe;
} ProbeAt;

static const char *probe_key(const ProbeAt *at, const char *member) {
    return arena_printf(at->source->arena, "%s.%s", at->key, member);
}

static void check_probe_kind(const ProbeAt *at) {
    static const char *const kinds[] = {"http", "tcp", "exec", "log"};
    char given[64] = "";
    size_t n = 0;
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (schema_has(&type_probe, at->probe, kinds[i])) {
            size_t len = strlen(given);
            snprintf(given + len, sizeof(given) - len, "%s%s", n++ ? " and " : "", kinds[i]);
        }
    if (n == 0)
        PROBLEM(at->source, at->service, at->key, "add one of http, tcp, exec or log",
                "it is not said how to know that it is %s", at->key);
    else if (n > 1)
        PROBLEM(at->source, at->service, at->key, "keep one of them",
                "one probe is allowed, here are %s", given);
}

static void check_probe_port(const ProbeAt *at, const char *kind, const Port *port) {
    if (schema_has(&type_probe, at->probe, kind) && !port_given(port) &&
        !port_given(&at->service->port))
        PROBLEM(at->source, at->service, probe_key(at, kind),
                "add `port`, here or to the service itself", "it is not said which port to ask");
}

static void check_probe(const Source *source, const Service *service, const char *key,
                        const Probe *probe) {
    ProbeAt at = {source, service, key, probe};
    if (!has(service, key))
        return;
    if (service->type == SERVICE_JOB) {
        PROBLEM(source, service, key, "remove it, or remove `type: job`",
                "a job is never %s: it completes", key);
        return;
    }
    check_probe_kind(&at);
    check_probe_port(&at, "http", &probe->http.port);
    check_probe_port(&at, "tcp", &probe->tcp.port);
    if (schema_has(&type_probe, probe, "exec"))
        config_check_command(source, service, probe_key(&at, "exec"), &probe->exec);
}

/* --- depends_on --- */

/* Before replicas are expanded: one of them is the service that has them. */
static const Service *dependency(const Config *config, const char *name) {
    const Service *service = config_service(config, name);
    return service ? service : replicas_base(config, name);
}

static void unknown_service(const Config *config, const Source *source, const char *path,
                            const char *name) {
    const ProvisionerConfig *p = &config->provisioner;
    const InfrastructureConfig *infra = &config->infrastructure;
    size_t n = 0, most = config->services.n + p->services.n + infra->services.n;
    const char **names = arena_alloc(source->arena, (most + 1) * sizeof(*names));
    for (size_t i = 0; i < config->services.n; i++)
        names[n++] = config->services.at[i].name;
    for (size_t i = 0; i < p->services.n; i++)
        names[n++] = p->services.at[i].name;
    for (size_t i = 0; i < infra->services.n; i++)
        names[n++] = infra->services.at[i].name;
    const char *near = str_suggest(name, names, n);
    source_problem(source, path,
                   near ? arena_printf(source->arena, "did you mean %s?", near) : NULL,
                   "there is no service \"%s\"", name);
}

/* Can the other service ever be what is waited for? */
static void check_condition(const Source *source, const char *path, const DependsOn *dep,
                            const Service *other) {
    bool job = has_job(other);
    bool server = other->type == SERVICE_SERVER && has(other, "command");
    if (dep->condition == DEP_DEFAULT)
        return;
    if (!job && !server)
        source_problem(source, path, "leave the condition out: it stands for what it depends on",
                       "%s runs nothing itself", dep->name);
    else if (dep->condition == DEP_COMPLETED && !job && !has(other, "success_exit_codes"))
        source_problem(source, path, "use ready, started or ended, or say `type: job` there",
                       "%s is a server, which never completes", dep->name);
    else if (dep->condition == DEP_READY && !server)
        source_problem(source, path, "use completed",
                       "%s is a job, which completes and is never ready", dep->name);
}

/* Not a service, but of the provisioner or the infrastructure; or it may be, where the compose file
 * was not read. */
static bool is_beside(const Config *config, const char *name) {
    const InfrastructureConfig *infra = &config->infrastructure;
    for (size_t i = 0; i < config->provisioner.services.n; i++)
        if (strcmp(config->provisioner.services.at[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < infra->services.n; i++)
        if (strcmp(infra->services.at[i].name, name) == 0)
            return true;
    return infra->compose_file && !infra->services.at;
}

static void check_beside(const Source *source, const char *path, const DependsOn *dep) {
    if (dep->condition != DEP_DEFAULT || dep->restart)
        source_problem(source, path, "name it alone",
                       "%s is no service: it is there before any service is started", dep->name);
}

static void check_dependencies(const Config *config, const Source *source, const Service *service) {
    for (size_t i = 0; i < service->depends_on.n; i++) {
        const DependsOn *dep = &service->depends_on.at[i];
        const char *path = service_key_path(
            source, service, arena_printf(source->arena, "depends_on.%s", dep->name));
        const Service *other = dependency(config, dep->name);
        if (other == service)
            source_problem(source, path, "remove it", "%s depends on itself", service->name);
        else if (!other && is_beside(config, dep->name))
            check_beside(source, path, dep);
        else if (!other)
            unknown_service(config, source, path, dep->name);
        else
            check_condition(source, path, dep, other);
    }
}

/* --- cycles --- */

/* A walk down depends_on: the services from the start to where we are, and the next dependency of
 * each. */
typedef struct Walk {
    const Config *config;
    const Source *source;
    unsigned char *seen; /* per service: 0 not yet, 1 on the path, 2 done */
    size_t *path, *next;
    size_t depth;
} Walk;

static void report_cycle(const Walk *w, size_t back_to) {
    const Service *services = w->config->services.at;
    size_t from = w->depth - 1;
    while (w->path[from] != back_to)
        from--;
    const char *text = services[w->path[from]].name;
    for (size_t i = from + 1; i < w->depth; i++)
        text = arena_printf(w->source->arena, "%s -> %s", text, services[w->path[i]].name);
    const Service *last = &services[w->path[w->depth - 1]];
    const char *name = services[back_to].name;
    const char *key = arena_printf(w->source->arena, "depends_on.%s", name);
    PROBLEM(w->source, last, key, "one of them must not wait for the next",
            "these wait for each other: %s -> %s", text, name);
}

static void walk_from(Walk *w, size_t start) {
    const Service *services = w->config->services.at;
    w->path[0] = start;
    w->next[0] = 0;
    w->depth = 1;
    w->seen[start] = 1;
    while (w->depth > 0) {
        const Service *here = &services[w->path[w->depth - 1]];
        size_t i = w->next[w->depth - 1]++;
        if (i == here->depends_on.n) {
            w->seen[w->path[--w->depth]] = 2;
            continue;
        }
        const Service *other = dependency(w->config, here->depends_on.at[i].name);
        if (!other || other == here)
            continue; /* told already */
        size_t to = (size_t)(other - services);
        if (w->seen[to] == 1)
            report_cycle(w, to);
        if (w->seen[to])
            continue;
        w->seen[to] = 1;
        w->path[w->depth] = to;
        w->next[w->depth++] = 0;
    }
}

static void check_cycles(const Config *config, const Source *source) {
    size_t n = config->services.n;
    Walk w = {
        .config = config,
        .source = source,
        .seen = arena_alloc(source->arena, n + 1),
        .path = arena_alloc(source->arena, (n + 1) * sizeof(size_t)),
        .next = arena_alloc(source->arena, (n + 1) * sizeof(size_t)),
    };
    for (size_t i = 0; i < n; i++)
        if (!w.seen[i])
            walk_from(&w, i);
}

void config_check_graph(const Config *config, const Source *source) {
    if (config->services.n * 2 + 1 > MAX_TARGETS)
        source_problem(source, "services", NULL, "%zu services are more than the limit of %d",
                       config->services.n, MAX_TARGETS / 2 - 1);
    for (size_t i = 0; i < config->services.n; i++)
        check_dependencies(config, source, &config->services.at[i]);
    check_cycles(config, source);
}

void config_split_dependencies(Config *config, Arena *arena) {
    for (size_t i = 0; i < config->services.n; i++) {
        Service *service = &config->services.at[i];
        size_t n = service->depends_on.n, kept = 0;
        service->needs = (StrList){.at = arena_alloc(arena, (n + 1) * sizeof(char *))};
        for (size_t k = 0; k < n; k++) {
            DependsOn *dep = &service->depends_on.at[k];
            if (dependency(config, dep->name))
                service->depends_on.at[kept++] = *dep;
            else
                service->needs.at[service->needs.n++] = dep->name;
        }
        service->depends_on.n = kept;
    }
}

void config_check_services(const Config *config, const Source *source) {
    bool anything = false;
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        check_commands(source, service);
        check_job_keys(source, service);
        check_restart(source, service);
        check_probe(source, service, "ready", &service->ready);
        check_probe(source, service, "live", &service->live);
        config_check_runs(source, service);
        config_check_watch(source, service);
        config_check_terminal(source, service);
        anything = anything || has(service, "command") || has(service, "build");
    }
    if (!anything && !config_has_environments(config))
        source_warning(source, "services", "add a service with a `command`", "nothing to run");
}

/* `path` is that of the name in the list, `value` what the file says; NULL: nothing. */
static void check_secret(const Source *source, const char *path, const char *name,
                         const char *value) {
    const char *hint = "give it a longer value, or do not list it";
    const char *given = source->review ? strmap_get(source->client, name) : NULL;
    if (value && strlen(value) < SECRET_MIN)
        source_problem(
            source, path, hint,
            "the value of %s has %zu bytes; under %d, masking it would hide ordinary text", name,
            strlen(value), SECRET_MIN);
    else if (!value && source->review && !given)
        source_warning(source, path,
                       "set it in env, in a file of env_from, or in the environment of `thole up`",
                       "%s is set nowhere, and the session will not start without it", name);
    else if (!value && given && strlen(given) < SECRET_MIN)
        source_warning(source, path, hint,
                       "the value of %s in the environment of this command has %zu bytes; under "
                       "%d, masking it would hide ordinary text, and the session will not start",
                       name, strlen(given), SECRET_MIN);
}

static void check_secrets(const Source *source, const Service *service, TemplateValues *values) {
    values->self = service->name;
    for (size_t i = 0; i < service->secrets.n; i++) {
        const char *name = service->secrets.at[i], *value = strmap_get(&service->env, name);
        if (value)
            value = template_render(value, TEMPLATE_STRICT, values, NULL, source->arena);
        check_secret(
            source,
            service_key_path(source, service, arena_printf(source->arena, "secrets[%zu]", i)), name,
            value);
    }
}

void config_check_secrets(const Config *config, const Source *source) {
    TemplateValues values = template_values_of(config, source->arena);
    for (size_t i = 0; i < config->services.n; i++)
        check_secrets(source, &config->services.at[i], &values);
}
