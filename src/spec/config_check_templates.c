/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: every reference of the file names something that there is, and what comes of it has
 * the form that is wanted. */
#include <regex.h>
#include <string.h>

#include "base/str.h"
#include "spec/config_check.h"
#include "spec/names.h"
#include "spec/port.h"
#include "spec/replicas.h"

typedef struct Check {
    const Source *source;
    TemplateValues values;
    const char *base; /* "services.api." or "" */
    const char *key;  /* of the text that is looked at */
    size_t problems;
} Check;

static const char *path_of(const Check *c) {
    return arena_printf(c->source->arena, "%s%s", c->base, c->key);
}

static void on_problem(void *arg, const char *message, const char *hint) {
    Check *c = arg;
    c->problems++;
    source_problem(c->source, path_of(c), hint, "%s", message);
}

/* What comes of the text; NULL: it was told what is wrong with it. */
static const char *check_text(Check *c, const char *key, const char *text, TemplateMode mode) {
    size_t before = c->problems;
    c->key = key;
    const char *result = template_render(text, mode, &c->values, &(TemplateProblems){on_problem, c},
                                         c->source->arena);
    return c->problems == before ? result : NULL;
}

static void check_env(Check *c, const StrMap *env) {
    for (size_t i = 0; i < env->n; i++)
        if (strstr(env->at[i].value, "{{"))
            check_text(c, arena_printf(c->source->arena, "env.%s", env->at[i].name),
                       env->at[i].value, TEMPLATE_STRICT);
}

static void check_command(Check *c, const char *key, const Command *command) {
    if (command->script)
        check_text(c, key, command->script, TEMPLATE_LENIENT);
    for (size_t i = 0; !command->script && i < command->argv.n; i++)
        if (strstr(command->argv.at[i], "{{"))
            check_text(c, arena_printf(c->source->arena, "%s[%zu]", key, i), command->argv.at[i],
                       TEMPLATE_LENIENT);
}

/* ---- probes: also the form of what comes out ---- */

static void check_headers(Check *c, const char *key, const StrMap *headers) {
    for (size_t i = 0; i < headers->n; i++) {
        const char *at = arena_printf(c->source->arena, "%s.%s", key, headers->at[i].name);
        const char *value = check_text(c, at, headers->at[i].value, TEMPLATE_LENIENT);
        c->key = key;
        if (value && strpbrk(value, "\r\n"))
            source_problem(c->source, path_of(c), NULL, "the value of %s contains a line break",
                           headers->at[i].name);
    }
}

static void check_match(Check *c, const char *key, const char *text) {
    regex_t regex;
    char why[120];
    const char *match = check_text(c, key, text, TEMPLATE_LENIENT);
    int rc = match ? regcomp(&regex, match, REG_EXTENDED | REG_NOSUB) : 0;
    if (match && rc == 0)
        regfree(&regex);
    if (rc == 0)
        return;
    regerror(rc, &regex, why, sizeof(why));
    source_problem(c->source, path_of(c), "it is a POSIX extended regular expression",
                   "\"%s\" is no regular expression: %s", match, why);
}

static void check_port(Check *c, const char *key, const Port *port) {
    int64_t number;
    const char *text = port->text ? check_text(c, key, port->text, TEMPLATE_LENIENT) : NULL;
    if (text && number_parse(text, 1, UINT16_MAX, &number) < 0)
        source_problem(c->source, path_of(c), "a number from 1 to 65535 must come of it",
                       "\"%.40s\" is no port", text);
}

static void check_path(Check *c, const char *key, const char *text) {
    const char *path = strstr(text, "{{") ? check_text(c, key, text, TEMPLATE_LENIENT) : NULL;
    const char *wrong = path ? check_url_path(path) : NULL;
    if (wrong)
        source_problem(c->source, path_of(c), NULL, "\"%.60s\": %s", path, wrong);
}

static void check_probe(Check *c, const char *name, const Probe *probe) {
#define KEY(member) arena_printf(c->source->arena, "%s." member, name)
    check_command(c, KEY("exec"), &probe->exec);
    check_port(c, KEY("http.port"), &probe->http.port);
    check_port(c, KEY("tcp.port"), &probe->tcp.port);
    check_headers(c, KEY("http.headers"), &probe->http.headers);
    if (probe->http.path)
        check_path(c, KEY("http.path"), probe->http.path);
    if (probe->log.match)
        check_match(c, KEY("log.match"), probe->log.match);
#undef KEY
}

/* Where it is written: a replica is where all of them are. NULL: told at the first of them. */
static const char *written_as(const Check *c, const Service *service) {
    const Value *services = value_get(c->source->value, "services");
    size_t stem = replicas_stem(service->name, strlen(service->name));
    if (stem == 0 || value_get(services, service->name))
        return service->name;
    return strcmp(service->name + stem, "-0") == 0
               ? arena_strndup(c->source->arena, service->name, stem)
               : NULL;
}

static void check_service(Check *c, const Service *service) {
    const char *name = written_as(c, service);
    if (!name)
        return;
    c->base = arena_printf(c->source->arena, "services.%s.", name);
    c->values.self = service->name;
    check_env(c, &service->env);
    check_command(c, "build", &service->build);
    check_command(c, "command", &service->command);
    check_command(c, "stop.command", &service->stop.command);
    check_command(c, "hooks.before", &service->hooks.before);
    check_command(c, "hooks.after", &service->hooks.after);
    check_command(c, "hooks.on_failure", &service->hooks.on_failure);
    if (service->start)
        check_text(c, "start", service->start, TEMPLATE_LENIENT);
    if (schema_has(&type_service, service, "ready"))
        check_probe(c, "ready", &service->ready);
    if (schema_has(&type_service, service, "live"))
        check_probe(c, "live", &service->live);
}

static void check_ssh(Check *c, const SshConfig *ssh) {
    c->base = "provisioner.compute.ssh.";
    if (ssh->proxy_command)
        check_text(c, "proxy_command", ssh->proxy_command, TEMPLATE_LENIENT);
    if (ssh->user)
        check_text(c, "user", ssh->user, TEMPLATE_LENIENT);
    if (ssh->root)
        check_text(c, "root", ssh->root, TEMPLATE_LENIENT);
    c->base = "";
}

void config_check_templates(const Config *config, const Source *source) {
    Check c = {.source = source, .values = template_values_of(config, source->arena), .base = ""};
    check_env(&c, &config->env);
    check_ssh(&c, &config->provisioner.compute.ssh);
    for (size_t i = 0; i < config->services.n; i++)
        check_service(&c, &config->services.at[i]);
}
