/* SPDX-License-Identifier: Apache-2.0 */
#include "api/session_body.h"

#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

enum { UID_CHARS = 36 };

typedef struct Reader {
    Arena *arena;
    SessionBody *body;
} Reader;

/* ---- problems ---- */

static void add_cause(Reader *r, const char *reason, const char *field, const char *message) {
    if (r->body->cause_n < MAX_BODY_CAUSES)
        r->body->causes[r->body->cause_n++] = (Cause){reason, message, field};
}

static void bad(Reader *r, const char *field, const char *format, ...) PRINTF(3, 4);
static void bad(Reader *r, const char *field, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_cause(r, "FieldValueInvalid", field, arena_vprintf(r->arena, format, args));
    va_end(args);
}

static bool is_among(const char *key, const char *const *known) {
    for (; *known; known++)
        if (strcmp(*known, key) == 0)
            return true;
    return false;
}

static void check_known(Reader *r, const Value *map, const char *path, const char *const *known) {
    for (size_t i = 0; value_is(map, VALUE_MAP) && i < map->map.n; i++)
        if (!is_among(map->map.at[i].key, known) && r->body->unknown_n < MAX_BODY_CAUSES)
            r->body->unknown[r->body->unknown_n++] =
                arena_printf(r->arena, "%s%s%s", path, path[0] ? "." : "", map->map.at[i].key);
}

/* A member that is there and no null must be of this kind; else NULL, and a problem. */
static const Value *member(Reader *r, const Value *map, const char *path, const char *key,
                           ValueKind kind) {
    const Value *v = value_get(map, key);
    if (!v || v->kind == VALUE_NULL)
        return NULL;
    if (v->kind == kind)
        return v;
    const char *field = arena_printf(r->arena, "%s%s%s", path, path[0] ? "." : "", key);
    bad(r, field, "expected a %s, not a %s", value_kind_name(kind), value_kind_name(v->kind));
    return NULL;
}

/* A string without NUL. */
static const char *string_member(Reader *r, const Value *map, const char *path, const char *key) {
    const Value *v = member(r, map, path, key, VALUE_STRING);
    if (v && strlen(v->text) != v->len) {
        bad(r, arena_printf(r->arena, "%s.%s", path, key), "it has a NUL");
        return NULL;
    }
    return v ? v->text : NULL;
}

/* ---- what both bodies have ---- */

static void read_names(Reader *r, const Value *start, const char *path) {
    const Value *v = member(r, start, path, "names", VALUE_LIST);
    const char **at = arena_alloc(r->arena, (value_count(v) + 1) * sizeof(*at));
    for (size_t i = 0; i < value_count(v); i++) {
        at[i] = value_str(value_at(v, i));
        if (!at[i]) {
            bad(r, "names", "expected a list of strings");
            return;
        }
    }
    r->body->ask.names = (StrList){at, value_count(v)};
}

static void read_labels(Reader *r, const Value *start, const char *path) {
    const Value *v = member(r, start, path, "labels", VALUE_MAP);
    StrMap *labels = &r->body->ask.labels;
    labels->at = arena_alloc(r->arena, (value_count(v) + 1) * sizeof(*labels->at));
    for (size_t i = 0; i < value_count(v); i++) {
        const char *value = value_str(v->map.at[i].value);
        if (!value && !value_is(v->map.at[i].value, VALUE_NULL))
            bad(r, "labels", "expected a map of strings; null is any value");
        labels->at[labels->n++] = (StrPair){v->map.at[i].key, value};
    }
    strmap_sort(labels);
}

/* ---- the client ---- */

/* A string, or {"base64": …} for bytes that are no UTF-8. */
static const char *env_value(Reader *r, const char *name, const Value *v) {
    const char *encoded = value_is(v, VALUE_MAP) ? value_get_str(v, "base64") : NULL;
    const char *text = value_str(v);
    if (encoded)
        text = base64_text(encoded, r->arena);
    if (!text || (!encoded && strlen(text) != v->len)) {
        bad(r, arena_printf(r->arena, "client.env.%s", name),
            "expected a string, or {\"base64\": …} without NUL");
        return NULL;
    }
    return text;
}

/* NAME=value as base64, for a name that is no UTF-8. */
static void read_env_bytes(Reader *r, const char *encoded) {
    const char *text = encoded ? base64_text(encoded, r->arena) : NULL;
    const char *equals = text ? strchr(text, '=') : NULL;
    if (!equals || equals == text) {
        bad(r, "client.envBytes", "expected a list of NAME=value in base64, without NUL");
        return;
    }
    StrMap *env = &r->body->client.env;
    const char *name = arena_strndup(r->arena, text, (size_t)(equals - text));
    env->at[env->n++] = (StrPair){name, equals + 1};
}

static void read_env(Reader *r, const Value *client) {
    const Value *v = member(r, client, "client", "env", VALUE_MAP);
    const Value *bytes = member(r, client, "client", "envBytes", VALUE_LIST);
    StrMap *env = &r->body->client.env;
    env->at = arena_alloc(r->arena, (value_count(v) + value_count(bytes) + 1) * sizeof(*env->at));
    for (size_t i = 0; i < value_count(v); i++) {
        const char *name = v->map.at[i].key, *value = env_value(r, name, v->map.at[i].value);
        if (!name[0] || strchr(name, '='))
            bad(r, "client.env", "\"%s\" cannot be the name of a variable", name);
        if (value)
            env->at[env->n++] = (StrPair){name, value};
    }
    for (size_t i = 0; i < value_count(bytes); i++)
        read_env_bytes(r, value_str(value_at(bytes, i)));
    strmap_sort(env);
}

static void read_limits(Reader *r, const Value *client) {
    const Value *v = member(r, client, "client", "limits", VALUE_LIST);
    ProcessLimit *limits = arena_alloc(r->arena, (value_count(v) + 1) * sizeof(*limits));
    for (size_t i = 0; i < value_count(v); i++) {
        const Value *limit = value_at(v, i);
        int64_t resource = value_get_int(limit, "resource", -1);
        if (resource < 0 || resource > 63 || !value_is(value_get(limit, "soft"), VALUE_INT) ||
            !value_is(value_get(limit, "hard"), VALUE_INT)) {
            bad(r, "client.limits", "expected {resource, soft, hard}, numbers, -1 for no limit");
            return;
        }
        limits[i] = (ProcessLimit){(int)resource, (uint64_t)value_get_int(limit, "soft", -1),
                                   (uint64_t)value_get_int(limit, "hard", -1)};
    }
    r->body->client.process.limits = limits;
    r->body->client.process.limit_n = value_count(v);
}

typedef struct Range {
    const char *key;
    int64_t min, max, otherwise;
} Range;

static int64_t number_in(Reader *r, const Value *client, const Range *range) {
    const Value *v = member(r, client, "client", range->key, VALUE_INT);
    int64_t n = value_int(v, range->otherwise);
    if (n < range->min || n > range->max)
        bad(r, arena_printf(r->arena, "client.%s", range->key), "%lld is outside %lld..%lld",
            (long long)n, (long long)range->min, (long long)range->max);
    return n;
}

static void read_client(Reader *r, const Value *start, const char *path) {
    static const char *const known[] = {"env", "envBytes", "umask", "nice", "limits", "pid", NULL};
    const Value *client = member(r, start, path, "client", VALUE_MAP);
    r->body->client.process.umask = 022;
    if (!client)
        return;
    r->body->has_client = true;
    check_known(r, client, "client", known);
    read_env(r, client);
    read_limits(r, client);
    r->body->client.process.umask = (uint32_t)number_in(r, client, &(Range){"umask", 0, 0777, 022});
    r->body->client.process.nice = (int32_t)number_in(r, client, &(Range){"nice", -20, 19, 0});
}

/* ---- bodies ---- */

static int64_t duration_member(Reader *r, const Value *ci, const char *key) {
    const char *text = string_member(r, ci, "spec.ci", key);
    int64_t ms = -1;
    Err err;
    if (text && duration_parse(text, &ms, &err) < 0) {
        bad(r, arena_printf(r->arena, "spec.ci.%s", key), "%s", err.msg);
        return -1;
    }
    return ms;
}

static void read_ci(Reader *r, const Value *spec) {
    static const char *const known[] = {"timeout", "readinessTimeout", "k8sGracePeriod", "soak",
                                        NULL};
    const Value *ci = member(r, spec, "spec", "ci", VALUE_MAP);
    check_known(r, ci, "spec.ci", known);
    r->body->ask.ci_timeout_ms = duration_member(r, ci, "timeout");
    r->body->ask.ci_readiness_timeout_ms = duration_member(r, ci, "readinessTimeout");
    if (value_get(ci, "k8sGracePeriod"))
        add_cause(r, "FieldValueForbidden", "spec.ci.k8sGracePeriod",
                  "Forbidden: it is set in the config file");
    if (value_get(ci, "soak"))
        add_cause(r, "FieldValueForbidden", "spec.ci.soak",
                  "Forbidden: it is set in the config file");
}

static void read_file(Reader *r, const Value *spec) {
    const char *file = string_member(r, spec, "spec", "tiltfilePath");
    if (!file || !file[0])
        add_cause(r, "FieldValueRequired", "spec.tiltfilePath", "Required value");
    else if (file[0] != '/')
        bad(r, "spec.tiltfilePath", "\"%s\" is not an absolute path", file);
    r->body->ask.file = file;
}

/* NULL: not said. */
static const char *read_condition(Reader *r, const Value *spec) {
    const char *condition = string_member(r, spec, "spec", "exitCondition");
    if (condition && strcmp(condition, "manual") != 0 && strcmp(condition, "ci") != 0)
        add_cause(r, "FieldValueNotSupported", "spec.exitCondition",
                  arena_printf(r->arena,
                               "Unsupported value: \"%s\": supported values: \"manual\", \"ci\"",
                               condition));
    r->body->ask.ci = str_same(condition, "ci");
    return condition;
}

static void read_spec(Reader *r, const Value *body) {
    static const char *const known[] = {"tiltfilePath", "exitCondition", "ci", NULL};
    const Value *spec = member(r, body, "", "spec", VALUE_MAP);
    check_known(r, spec, "spec", known);
    read_file(r, spec);
    (void)read_condition(r, spec);
    read_ci(r, spec);
}

static void check_session_name(Reader *r, const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (n == 0 || name[n] || n > MAX_SESSION_NAME || name[0] == '-' || name[n - 1] == '-')
        bad(r, "start.session",
            "\"%s\" cannot be the name of a session: use a-z, 0-9 and -, at most %d of them", name,
            MAX_SESSION_NAME);
}

static void check_uid(Reader *r, const char *uid) {
    size_t n = strspn(uid, "0123456789abcdef-");
    if (n != UID_CHARS || uid[n])
        bad(r, "start.uid", "\"%.40s\" is no UUID in lower case", uid);
}

static void read_start(Reader *r, const Value *body) {
    static const char *const known[] = {"session", "uid",   "names",  "labels",
                                        "hold",    "force", "client", NULL};
    const Value *start = member(r, body, "", "start", VALUE_MAP);
    check_known(r, start, "start", known);
    r->body->ask.session = string_member(r, start, "start", "session");
    r->body->ask.hold = value_bool(member(r, start, "start", "hold", VALUE_BOOL), false);
    r->body->ask.force = value_bool(member(r, start, "start", "force", VALUE_BOOL), false);
    r->body->ask.uid = string_member(r, start, "start", "uid");
    if (r->body->ask.session)
        check_session_name(r, r->body->ask.session);
    if (r->body->ask.uid)
        check_uid(r, r->body->ask.uid);
    read_names(r, start, "start");
    read_labels(r, start, "start");
    read_client(r, start, "start");
}

void session_body_read(const Value *body, Arena *arena, SessionBody *ret) {
    static const char *const known[] = {"apiVersion", "kind",  "metadata", "spec",
                                        "status",     "start", NULL};
    Reader r = {arena, ret};
    *ret = (SessionBody){.cause_n = 0};
    check_known(&r, body, "", known);
    read_spec(&r, body);
    read_start(&r, body);
    if (!ret->has_client)
        ret->client.env = strmap_of_environment(environ, arena); /* who says nothing of himself */
    ret->ask.client = &ret->client;
}

void start_body_read(const Value *body, Arena *arena, SessionBody *ret) {
    static const char *const known[] = {"names", "labels", "force", "client", NULL};
    Reader r = {arena, ret};
    *ret = (SessionBody){.cause_n = 0};
    check_known(&r, body, "", known);
    ret->ask.force = value_bool(member(&r, body, "", "force", VALUE_BOOL), false);
    read_names(&r, body, "");
    read_labels(&r, body, "");
    read_client(&r, body, "");
}

/* null takes the member away: then the config file decides. */
static int64_t patched_ms(const Value *ci, const char *key, int64_t said_ms) {
    return value_is(value_get(ci, key), VALUE_NULL) ? SESSION_AS_FILE : said_ms;
}

void patch_spec_read(const Value *spec, Arena *arena, SessionBody *ret, SessionPatch *ret_patch) {
    static const char *const known[] = {"tiltfilePath", "exitCondition", "ci", NULL};
    Reader r = {arena, ret};
    *ret = (SessionBody){.cause_n = 0};
    check_known(&r, spec, "spec", known);
    ret->ask.file = string_member(&r, spec, "spec", "tiltfilePath");
    const char *condition = read_condition(&r, spec);
    read_ci(&r, spec);
    const Value *ci = value_get(spec, "ci");
    *ret_patch = (SessionPatch){.ci = !condition    ? UNKNOWN
                                      : ret->ask.ci ? YES
                                                    : NO,
                                .timeout_ms = patched_ms(ci, "timeout", ret->ask.ci_timeout_ms),
                                .readiness_timeout_ms = patched_ms(
                                    ci, "readinessTimeout", ret->ask.ci_readiness_timeout_ms)};
}

void review_body_read(const Value *body, Arena *arena, SessionBody *ret) {
    Reader r = {arena, ret};
    *ret = (SessionBody){.cause_n = 0};
    read_file(&r, member(&r, body, "", "spec", VALUE_MAP));
    read_client(&r, body, "");
}

void body_check_known(const Value *map, const char *path, const char *const *known, Arena *arena,
                      SessionBody *ret) {
    Reader r = {arena, ret};
    check_known(&r, map, path, known);
}

void client_body_read(const Value *body, Arena *arena, SessionBody *ret) {
    Reader r = {arena, ret};
    *ret = (SessionBody){.cause_n = 0};
    read_client(&r, body, "");
}
