/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/compose_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "data/yaml.h"

enum { NESTED_MAX = 8, TEXT_MAX = 400 };

/* ---- ${VARIABLES} ---- */

/* A text in which the defaults stand for the variables, and the first of these. */
typedef struct Expanded {
    Arena *arena;
    const char *text;
    const char *variable; /* NULL: there is none */
    bool unset;           /* one of them has no default */
    bool broken;          /* a `${` without its `}`, or too many within each other */
} Expanded;

static const char *expand(Expanded *x, const char *text, int depth);

static size_t name_length(const char *p) {
    size_t n = 0;
    while (p[n] == '_' || (p[n] >= 'A' && p[n] <= 'Z') || (p[n] >= 'a' && p[n] <= 'z') ||
           (n > 0 && p[n] >= '0' && p[n] <= '9'))
        n++;
    return n;
}

/* Up to the `}` of the `${` before `p`, which may hold others; NULL: it is never closed. */
static const char *closing(const char *p) {
    for (int open = 1; *p; p++) {
        open += p[0] == '$' && p[1] == '{';
        open -= *p == '}';
        if (open == 0)
            return p;
    }
    return NULL;
}

/* What stands between `${NAME` and `}`: ":-default" and its kin. Nothing is said of how the
 * variable is set, so that what is meant for a set one counts as empty. */
static const char *otherwise(Expanded *x, const char *rest, int depth) {
    rest += *rest == ':';
    if (*rest == '-')
        return expand(x, rest + 1, depth + 1);
    if (*rest != '+')
        x->unset = true;
    x->broken |= *rest && !strchr("+?", *rest);
    return "";
}

/* What stands at the `$` of `*p`, which goes on behind it. */
static const char *variable(Expanded *x, const char **p, int depth) {
    const char *name = *p + 1, *rest = "";
    bool braces = *name == '{';
    name += braces;
    size_t n = name_length(name);
    const char *end = braces ? closing(name) : name + n;
    if (!end || n == 0) {
        x->broken = true;
        *p += 1;
        return "";
    }
    if (!x->variable)
        x->variable = arena_strndup(x->arena, name, n);
    if (braces)
        rest = arena_strndup(x->arena, name + n, (size_t)(end - name) - n);
    *p = end + braces;
    return otherwise(x, rest, depth);
}

static const char *expand(Expanded *x, const char *text, int depth) {
    const char *out = "";
    if (depth > NESTED_MAX) {
        x->broken = true;
        return "";
    }
    while (*text) {
        size_t n = strcspn(text, "$");
        out = arena_printf(x->arena, "%s%.*s", out, (int)n, text);
        text += n;
        if (*text)
            out = arena_printf(x->arena, "%s%s", out, variable(x, &text, depth));
    }
    return out;
}

static Expanded expanded(const char *text, Arena *arena) {
    Expanded x = {.arena = arena};
    x.text = expand(&x, text, 0);
    return x;
}

/* ---- a port ---- */

typedef struct PublishedPort {
    int64_t port;
    const char *variable; /* "" */
} PublishedPort;

/* "8000" or "8000-8009": the first. */
static int number(const char *text, size_t n, Arena *arena, int64_t *ret) {
    char *first = arena_strndup(arena, text, n), *last = strchr(first, '-');
    int64_t to;
    if (last)
        *last++ = '\0';
    if (number_parse(first, 1, UINT16_MAX, ret) < 0)
        return -1;
    return last && (number_parse(last, 1, UINT16_MAX, &to) < 0 || to < *ret) ? -1 : 0;
}

/* Where the text is cut: at a ':' that is in no ${…} and no [address]. Of `n` pieces the last two
 * are wanted. */
static size_t pieces(const char *text, const char *ret[2]) {
    size_t n = 1;
    int open = 0;
    ret[0] = NULL;
    ret[1] = text;
    for (const char *p = text; *p; p++) {
        open += *p == '{' || *p == '[';
        open -= *p == '}' || *p == ']';
        if (*p == ':' && open <= 0) {
            ret[0] = ret[1];
            ret[1] = p + 1;
            n++;
        }
    }
    return n;
}

/* Of the machine, where it is said, else of the container. -1: it is no port. */
static int published(const char *host, const char *container, Arena *arena, PublishedPort *ret) {
    Expanded of_host = expanded(host, arena), inside = expanded(container, arena);
    size_t n = strcspn(inside.text, "/");
    const char *protocol = inside.text + n;
    int64_t target = 0;
    if (of_host.broken || inside.broken ||
        (*protocol && strcmp(protocol, "/tcp") != 0 && strcmp(protocol, "/udp") != 0))
        return -1;
    if (number(inside.text, n, arena, &target) < 0 && !inside.unset)
        return -1;
    *ret = (PublishedPort){.port = target, .variable = inside.variable ? inside.variable : ""};
    if (!*host)
        return 0;
    *ret = (PublishedPort){.variable = of_host.variable ? of_host.variable : ""};
    return number(of_host.text, strlen(of_host.text), arena, &ret->port) < 0 && !of_host.unset ? -1
                                                                                               : 0;
}

static int short_port(const char *text, Arena *arena, PublishedPort *ret) {
    const char *last[2];
    size_t n = pieces(text, last);
    if (n > 3)
        return -1;
    const char *host = n == 1 ? "" : arena_strndup(arena, last[0], (size_t)(last[1] - 1 - last[0]));
    return published(host, last[1], arena, ret);
}

static const char *text_of(const Value *v) {
    bool scalar = v && (v->kind == VALUE_STRING || v->kind == VALUE_INT);
    return scalar && strlen(v->text) == v->len ? v->text : "";
}

static int read_port(const Value *v, Arena *arena, PublishedPort *ret) {
    const char *text = text_of(v);
    if (v->kind != VALUE_MAP)
        return *text && strlen(text) <= TEXT_MAX ? short_port(text, arena, ret) : -1;
    const char *host = text_of(value_get(v, "published")),
               *target = text_of(value_get(v, "target"));
    return strlen(host) + strlen(target) <= TEXT_MAX ? published(host, target, arena, ret) : -1;
}

/* ---- the file ---- */

static int bad_port(const Source *source, const char *path, const Value *v) {
    const char *hint =
        "write \"8080\", \"8080:80\", \"${WEB_PORT:-8080}:80\", \"127.0.0.1:8080:80\" "
        "or {target: 80, published: 8080}";
    if (v->kind == VALUE_MAP)
        return source_problem(source, path, hint, "these are no ports from 1 to 65535");
    return source_problem(source, path, hint, "\"%.60s\" is no port mapping", v->text);
}

static int read_service(const Source *source, const ValuePair *pair, Arena *arena,
                        InfraService *ret) {
    const Value *v = pair->value, *ports = value_get(v, "ports");
    const char *path = arena_printf(arena, "services.%s", pair->key);
    int rc = 0;
    *ret = (InfraService){.name = arena_strdup(arena, pair->key),
                          .image = arena_strdup(arena, text_of(value_get(v, "image"))),
                          .env_var = ""};
    if (v->kind != VALUE_MAP && v->kind != VALUE_NULL)
        return source_problem(source, path, NULL, "expected a map of keys");
    if (ports && ports->kind != VALUE_LIST && ports->kind != VALUE_NULL)
        return source_problem(source, arena_printf(arena, "%s.ports", path), NULL,
                              "expected a list of ports");
    for (size_t i = 0; i < value_count(ports); i++) {
        PublishedPort port;
        const Value *item = value_at(ports, i);
        if (read_port(item, arena, &port) < 0) {
            rc = bad_port(source, arena_printf(arena, "%s.ports[%zu]", path, i), item);
        } else if (i == 0) {
            ret->port = port.port;
            ret->env_var = port.variable;
        }
    }
    return rc;
}

static int by_name(const void *a, const void *b) {
    const InfraService *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int compose_file_parse(Source *source, const char *text, size_t size, Arena *arena,
                       InfraServices *ret) {
    InfraServices all = {0};
    int rc = 0;
    if (yaml_parse(&(YamlText){source->file, text, size}, source->arena, source->report,
                   &source->value) < 0)
        return -1;
    const Value *services = value_get(source->value, "services");
    if (source->value->kind != VALUE_MAP)
        return source_problem(source, "", "it begins with `services:`",
                              "this is no file of docker compose");
    if (services && services->kind != VALUE_MAP && services->kind != VALUE_NULL)
        return source_problem(source, "services", NULL, "expected a map of names");
    size_t n = value_count(services);
    all.at = arena_alloc(arena, (n + 1) * sizeof(*all.at));
    for (size_t i = 0; i < n; i++)
        if (read_service(source, &services->map.at[i], arena, &all.at[all.n++]) < 0)
            rc = -1;
    if (all.n)
        qsort(all.at, all.n, sizeof(*all.at), by_name);
    if (rc == 0)
        *ret = all;
    return rc;
}
