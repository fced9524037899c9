/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/template.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"
#include "spec/environment.h"
#include "spec/port.h"
#include "spec/template_inside.h"

enum { ANY_PORT = 20000 };

/* ---- the inside of a reference ---- */

static Reference split(const char *inside, size_t size, Arena *arena) {
    utf8_trim(&inside, &size);
    Reference ref = {.path = arena_strndup(arena, inside, size)};
    for (char *p = arena_strdup(arena, ref.path); p; ref.n++) {
        char *dot = strchr(p, '.');
        if (ref.n < TEMPLATE_PARTS_MAX)
            ref.part[ref.n] = p;
        if (dot)
            *dot++ = '\0';
        p = dot;
    }
    return ref;
}

/* ---- what it stands for ---- */

const char *template_problem(const Render *r, const Reference *ref, const char *hint,
                             const char *format, ...) {
    if (!r->problems)
        return NULL;
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(r->arena, format, args);
    va_end(args);
    const char *path = *ref->path ? ref->path : " "; /* "{{}}" would be no reference */
    r->problems->fn(r->problems->arg, arena_printf(r->arena, "{{%s}}: %s", path, why), hint);
    return NULL;
}

const char *template_hint(const Render *r, const char *word, const char *const *names, size_t n) {
    const char *near = str_suggest(word, names, n);
    return near ? arena_printf(r->arena, "did you mean %s?", near) : NULL;
}

static const char *no_port(const Render *r, const Reference *ref, const char *service,
                           const char *name) {
    size_t n, k = 0;
    const PortEntry *first = port_table_service(r->values->ports, service, &n);
    const char *whose = strcmp(ref->part[0], "self") == 0
                            ? "the service"
                            : arena_printf(r->arena, "services.%s", service);
    const char *replica = arena_printf(r->arena, "%s-0", service);
    if (!name && config_service(r->values->config, replica))
        return template_problem(
            r, ref,
            arena_printf(r->arena, "each replica has its own: services.%s.port, …", replica),
            "%s has no `port`", whose);
    if (!name)
        return template_problem(r, ref, "give it one: `port: auto`", "%s has no `port`", whose);
    const char **names = arena_alloc(r->arena, n * sizeof(*names));
    for (size_t i = 0; i < n; i++)
        if (*first[i].name)
            names[k++] = first[i].name;
    const char *hint = template_hint(r, name, names, k);
    return template_problem(r, ref, hint ? hint : "name it in its `ports`",
                            "%s has no port named \"%s\"", whose, name);
}

/* `part[from]` is "port", or "ports" with a name after it. */
static const char *port_of(const Render *r, const Reference *ref, const char *service,
                           size_t from) {
    bool one = ref->n == from + 1 && strcmp(ref->part[from], "port") == 0;
    bool named = ref->n == from + 2 && strcmp(ref->part[from], "ports") == 0;
    if (!one && !named)
        return from == 1 ? template_problem(r, ref, NULL, "expected self.port or self.ports.<name>")
                         : template_problem(
                               r, ref, NULL,
                               "expected services.<name>.port or services.<name>.ports.<name>");
    const char *name = named ? ref->part[from + 1] : NULL;
    const char *known = named ? entry_port_name(service, name, r->arena) : service;
    int64_t here = r->values->environment ? entry_port(r->values->environment, known) : 0;
    if (here)
        return arena_printf(r->arena, "%" PRId64, here);
    bool nameless = named && !*name; /* in the table that is `port` */
    const PortEntry *port =
        nameless ? NULL : port_table_find(r->values->ports, service, named ? name : "");
    if (port && port->number)
        return arena_printf(r->arena, "%" PRId64, port->number);
    bool some = port || (one && config_has_environments(r->values->config));
    return some ? template_nowhere(r, ref) : no_port(r, ref, service, name);
}

static const char *look_up_self(const Render *r, const Reference *ref) {
    if (!r->values->self)
        return template_problem(r, ref, "name the service: services.<name>.port",
                                "`self` is known only inside a service");
    return port_of(r, ref, r->values->self, 1);
}

static const char *look_up_service(const Render *r, const Reference *ref) {
    const Config *config = r->values->config;
    if (ref->n < 3)
        return template_problem(r, ref, NULL,
                                "expected services.<name>.port or services.<name>.ports.<name>");
    if (config_service(config, ref->part[1]))
        return port_of(r, ref, ref->part[1], 2);
    const char **names = arena_alloc(r->arena, config->services.n * sizeof(*names));
    for (size_t i = 0; i < config->services.n; i++)
        names[i] = config->services.at[i].name;
    return template_problem(r, ref, template_hint(r, ref->part[1], names, config->services.n),
                            "there is no service \"%s\"", ref->part[1]);
}

static const char *look_up_project(const Render *r, const Reference *ref) {
    if (ref->n == 2 && strcmp(ref->part[1], "name") == 0)
        return r->values->config->name;
    if (ref->n == 2 && strcmp(ref->part[1], "root") == 0)
        return r->values->config->root;
    return template_problem(r, ref, NULL, "expected project.name or project.root");
}

static const char *look_up_var(const Render *r, const Reference *ref) {
    const StrMap *vars = &r->values->config->vars;
    if (ref->n != 2)
        return template_problem(r, ref, NULL, "expected vars.<name>");
    const char *value = strmap_get(vars, ref->part[1]);
    if (value)
        return value;
    const char **names = arena_alloc(r->arena, vars->n * sizeof(*names));
    for (size_t i = 0; i < vars->n; i++)
        names[i] = vars->at[i].name;
    const char *hint = template_hint(r, ref->part[1], names, vars->n);
    return template_problem(r, ref, hint ? hint : "set it under `vars:`",
                            "there is no variable \"%s\"", ref->part[1]);
}

/* In the order of template_namespaces. */
static LookupFn namespace_of(const char *name) {
    static const LookupFn look_ups[TEMPLATE_NAMESPACES] = {
        look_up_self,         look_up_service,   look_up_project,
        look_up_var,          template_env_name, template_infrastructure,
        template_provisioner, template_store,    template_proxy};
    int i = template_namespace(name, strlen(name));
    return i < 0 ? NULL : look_ups[i];
}

static const char *unknown(const Render *r, const Reference *ref) {
    const char *near = str_suggest(ref->part[0], template_namespaces, TEMPLATE_NAMESPACES);
    return template_problem(
        r, ref,
        near ? arena_printf(r->arena, "did you mean %s?", near)
             : "there are self, services, infrastructure, provisioner, store, proxy, "
               "project, vars and env; a literal {{ is written {{{{",
        "unknown namespace \"%s\"", ref->part[0]);
}

/* ---- scanning ---- */

static bool needs_nothing(LookupFn look_up) {
    return look_up == look_up_self || look_up == look_up_service || look_up == look_up_project ||
           look_up == look_up_var;
}

static const char *value_of(const Render *r, const Reference *ref) {
    LookupFn look_up = namespace_of(ref->part[0]);
    if (r->place && (!look_up || needs_nothing(look_up)))
        return NULL;
    return look_up ? look_up(r, ref) : unknown(r, ref);
}

/* Puts what stands at `p`, rendered; returns how many bytes of the text that was. */
static size_t put_next(Render *r, const char *p, Buf *out) {
    size_t size = template_reference(&r->scan, p), more = template_escaped(&r->scan, p);
    if (more != SIZE_MAX) {
        buf_puts(out, r->place ? "{{{{" : "{{");
        buf_put(out, p + 4, more);
        return 4 + more;
    }
    if (!template_counts(&r->scan, p, size)) {
        buf_putc(out, *p);
        return 1;
    }
    Reference ref = split(p + 2, size - 4, r->arena);
    const char *value = value_of(r, &ref);
    if (value)
        buf_puts(out, r->place ? template_escape(value, r->scan.mode, r->arena) : value);
    else
        buf_put(out, p, size);
    return size;
}

static const char *render(Render r, const char *text) {
    Arena *arena = r.arena;
    const TemplateProblems *problems = r.problems;
    Buf out;
    buf_init(&out, MAX_RENDERED_BYTES);
    for (const char *p = text; *p && !out.failed;)
        p += put_next(&r, p, &out);
    const char *result = out.failed ? text : arena_strndup(arena, buf_cstr(&out), out.n);
    if (out.failed && problems)
        problems->fn(problems->arg,
                     arena_printf(arena, "with its values it has more than %d bytes (1 MiB)",
                                  MAX_RENDERED_BYTES),
                     NULL);
    buf_deinit(&out);
    return result;
}

const char *template_render(const char *text, TemplateMode mode, const TemplateValues *values,
                            const TemplateProblems *problems, Arena *arena) {
    if (!strstr(text, "{{"))
        return text;
    return render((Render){values, problems, arena, {mode, text}, false}, text);
}

const char *template_place(const char *text, TemplateMode mode, const TemplateValues *values,
                           const TemplateProblems *problems, Arena *arena) {
    if (!strstr(text, "{{"))
        return text;
    return render((Render){values, problems, arena, {mode, text}, true}, text);
}

/* ---- structs ---- */

static bool any_template(const StrList *list) {
    for (size_t i = 0; i < list->n; i++)
        if (strstr(list->at[i], "{{"))
            return true;
    return false;
}

static StrMap map(const StrMap *env, TemplateMode mode, const TemplateValues *values,
                  Arena *arena) {
    bool any = false;
    for (size_t i = 0; i < env->n && !any; i++)
        any = strstr(env->at[i].value, "{{") != NULL;
    if (!any)
        return *env;
    StrMap copy = {.at = arena_alloc(arena, env->n * sizeof(*copy.at)), .n = env->n};
    for (size_t i = 0; i < env->n; i++)
        copy.at[i] =
            (StrPair){.name = env->at[i].name,
                      .value = template_render(env->at[i].value, mode, values, NULL, arena)};
    return copy;
}

StrMap template_env(const StrMap *env, const TemplateValues *values, Arena *arena) {
    return map(env, TEMPLATE_STRICT, values, arena);
}

Command template_command(const Command *command, const TemplateValues *values, Arena *arena) {
    Command copy = *command;
    if (!any_template(&command->argv))
        return copy;
    copy.argv.at = arena_alloc(arena, command->argv.n * sizeof(*copy.argv.at));
    for (size_t i = 0; i < command->argv.n; i++)
        copy.argv.at[i] =
            template_render(command->argv.at[i], TEMPLATE_LENIENT, values, NULL, arena);
    return copy;
}

static Port port(const Port *port, const TemplateValues *values, Arena *arena) {
    int64_t number = port->number;
    if (port->text) {
        const char *text = template_render(port->text, TEMPLATE_LENIENT, values, NULL, arena);
        if (number_parse(text, 1, UINT16_MAX, &number) < 0)
            number = 0;
    } else if (!number && values->self) {
        const PortEntry *own = port_table_find(values->ports, values->self, "");
        number = own ? own->number : 0;
    }
    return (Port){.number = number};
}

Probe template_probe(const Probe *probe, const TemplateValues *values, Arena *arena) {
    Probe copy = *probe;
    copy.exec = template_command(&probe->exec, values, arena);
    copy.http.port = port(&probe->http.port, values, arena);
    copy.tcp.port = port(&probe->tcp.port, values, arena);
    copy.http.headers = map(&probe->http.headers, TEMPLATE_LENIENT, values, arena);
    if (probe->http.path)
        copy.http.path = template_render(probe->http.path, TEMPLATE_LENIENT, values, NULL, arena);
    if (probe->log.match)
        copy.log.match = template_render(probe->log.match, TEMPLATE_LENIENT, values, NULL, arena);
    return copy;
}

TemplateValues template_values_of(const Config *config, Arena *arena) {
    PortTable *ports = arena_alloc(arena, sizeof(*ports));
    *ports = port_table_of(config, arena);
    for (size_t i = 0; i < ports->n; i++)
        if (ports->at[i].automatic)
            ports->at[i].number = ANY_PORT;
    return (TemplateValues){.config = config, .ports = ports, .checking = true};
}

/* ---- what differs ---- */

typedef struct Compare {
    TemplateValues a, b;
    Arena *arena;
} Compare;

static bool text_differs(const Compare *c, const char *text, TemplateMode mode) {
    if (!text || !strstr(text, "{{"))
        return false;
    return strcmp(template_render(text, mode, &c->a, NULL, c->arena),
                  template_render(text, mode, &c->b, NULL, c->arena)) != 0;
}

static bool command_differs(const Compare *c, const Command *command) {
    for (size_t i = 0; i < command->argv.n; i++)
        if (text_differs(c, command->argv.at[i], TEMPLATE_LENIENT))
            return true;
    return false;
}

static bool probe_differs(const Compare *c, const Probe *probe) {
    for (size_t i = 0; i < probe->http.headers.n; i++)
        if (text_differs(c, probe->http.headers.at[i].value, TEMPLATE_LENIENT))
            return true;
    return command_differs(c, &probe->exec) ||
           text_differs(c, probe->http.path, TEMPLATE_LENIENT) ||
           text_differs(c, probe->http.port.text, TEMPLATE_LENIENT) ||
           text_differs(c, probe->tcp.port.text, TEMPLATE_LENIENT) ||
           text_differs(c, probe->log.match, TEMPLATE_LENIENT);
}

const char *template_change(const Service *service, const TemplateValues *a,
                            const TemplateValues *b, Arena *arena) {
    Compare c = {.a = *a, .b = *b, .arena = arena};
    c.a.self = c.b.self = service->name;
    for (size_t i = 0; i < service->env.n; i++)
        if (text_differs(&c, service->env.at[i].value, TEMPLATE_STRICT))
            return arena_printf(arena, "env.%s", service->env.at[i].name);
    if (command_differs(&c, &service->build))
        return "build";
    if (command_differs(&c, &service->command))
        return "command";
    if (command_differs(&c, &service->hooks.before))
        return "hooks.before";
    if (probe_differs(&c, &service->ready))
        return "ready";
    return probe_differs(&c, &service->live) ? "live" : NULL;
}
