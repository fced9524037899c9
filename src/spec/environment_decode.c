/* SPDX-License-Identifier: Apache-2.0 */
/* Environments out of JSON. What is absent or null is as if it were empty. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "spec/environment.h"
#include "spec/environment_name.h"

enum { PORT_MAX = 65535 };

/* Where we are in the JSON. */
typedef struct At {
    const struct At *above; /* NULL: at the top */
    const char *key;
    struct Read *read;
} At;

typedef struct Read {
    Arena *arena;
    Report *report;
    const char *file;
    bool failed;
} Read;

static At below(const At *at, const char *key) {
    return (At){.above = at, .key = key, .read = at->read};
}

static const char *path_of(const At *at, Arena *arena) {
    if (!at->above)
        return "";
    const char *above = path_of(at->above, arena);
    return arena_printf(arena, "%s%s%.80s", above, *above ? "." : "", at->key);
}

PRINTF(2, 3)
static void problem(const At *at, const char *format, ...) {
    Arena *arena = at->read->report->arena;
    va_list args;
    va_start(args, format);
    report_add(at->read->report, &(Place){.file = at->read->file, .path = path_of(at, arena)}, NULL,
               "%s", arena_vprintf(arena, format, args));
    va_end(args);
    at->read->failed = true;
}

static void expected(const At *at, ValueKind kind, const Value *v) {
    const char *name = value_kind_name(kind);
    problem(at, "expected a%s %s, got %s", *name == 'i' ? "n" : "", name,
            v ? value_kind_name(v->kind) : "nothing");
}

static bool is_map(const At *at, const Value *v) {
    if (value_is(v, VALUE_MAP))
        return true;
    expected(at, VALUE_MAP, v);
    return false;
}

/* The member if it is there, of this kind; NULL: it is as if it were empty. */
static const Value *member(const At *at, const Value *map, const char *key, ValueKind kind) {
    const Value *v = value_get(map, key);
    At here = below(at, key);
    if (!v || v->kind == VALUE_NULL)
        return NULL;
    if (v->kind == kind)
        return v;
    expected(&here, kind, v);
    return NULL;
}

static const char *string(const At *at, const Value *v) {
    if (v->kind != VALUE_STRING)
        expected(at, VALUE_STRING, v);
    else if (memchr(v->text, '\0', v->len))
        problem(at, "it has a NUL character in it");
    else
        return arena_strdup(at->read->arena, v->text);
    return "";
}

static const char *text(const At *at, const Value *map, const char *key, const char *otherwise) {
    const Value *v = member(at, map, key, VALUE_STRING);
    At here = below(at, key);
    return v ? string(&here, v) : otherwise;
}

/* NULL also where it is empty. */
static const char *optional(const At *at, const Value *map, const char *key) {
    const char *got = text(at, map, key, NULL);
    return got && *got ? got : NULL;
}

static int64_t whole(const At *at, const Value *map, const char *key, int64_t max) {
    const Value *v = member(at, map, key, VALUE_INT);
    At here = below(at, key);
    if (v && (v->integer < 0 || v->integer > max)) {
        problem(&here, "%lld is outside 0..%lld", (long long)v->integer, (long long)max);
        return 0;
    }
    return value_int(v, 0);
}

static int64_t moment(const At *at, const Value *map, const char *key) {
    static const int64_t go_zero_us = INT64_C(-62135596800000000); /* 0001-01-01T00:00:00Z */
    const char *got = optional(at, map, key);
    At here = below(at, key);
    int64_t us, ns;
    Err err;
    if (!got)
        return 0;
    if (time_parse(got, &us, &err) == 0 && us == go_zero_us)
        return 0;
    if (time_parse_nano(got, &ns, &err) == 0)
        return ns;
    problem(&here, "%s", err.msg);
    return 0;
}

/* --- what we do not know --- */

static bool among(const char *key, const char *const *known) {
    for (; *known; known++)
        if (strcmp(key, *known) == 0)
            return true;
    return false;
}

static void keep_unknown(Arena *arena, Value **unknown, const char *key, const Value *v) {
    if (!*unknown)
        *unknown = value_new(arena, VALUE_MAP);
    value_set(arena, *unknown, key, value_copy(v, arena));
}

/* Of a map, and of ours below `thole` in it; keys that are known end with NULL. */
static const Value *unknown_of(const At *at, const Value *map, const char *const *known,
                               const char *const *known_ours) {
    Value *unknown = NULL, *own = NULL;
    const Value *thole = member(at, map, "thole", VALUE_MAP);
    for (size_t i = 0; i < value_count(map); i++)
        if (!among(map->map.at[i].key, known) && strcmp(map->map.at[i].key, "thole") != 0)
            keep_unknown(at->read->arena, &unknown, map->map.at[i].key, map->map.at[i].value);
    for (size_t i = 0; i < value_count(thole); i++)
        if (!among(thole->map.at[i].key, known_ours))
            keep_unknown(at->read->arena, &own, thole->map.at[i].key, thole->map.at[i].value);
    if (own)
        keep_unknown(at->read->arena, &unknown, "thole", own);
    return unknown;
}

static const char *const nothing[] = {NULL};

/* --- the parts --- */

/* Things that begin with their key, in byte order of it. */
static int by_key(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static StrMap strings(const At *at, const Value *map) {
    StrMap all = {.at = arena_alloc(at->read->arena, (value_count(map) + 1) * sizeof(StrPair))};
    for (size_t i = 0; i < value_count(map); i++) {
        const ValuePair *pair = &map->map.at[i];
        At here = below(at, pair->key);
        const char *value = pair->value->kind == VALUE_NULL ? "" : string(&here, pair->value);
        all.at[all.n++] = (StrPair){arena_strdup(at->read->arena, pair->key), value};
    }
    strmap_sort(&all);
    return all;
}

static void read_ports(const At *at, const Value *map, EnvironmentPorts *ret) {
    ret->at = arena_alloc(at->read->arena, (value_count(map) + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < value_count(map); i++)
        ret->at[ret->n++] = (EnvironmentPort){arena_strdup(at->read->arena, map->map.at[i].key),
                                              whole(at, map, map->map.at[i].key, PORT_MAX)};
    qsort(ret->at, ret->n, sizeof(*ret->at), by_key);
}

static void read_outputs(const At *at, const Value *map, EnvironmentOutputs *ret) {
    ret->at = arena_alloc(at->read->arena, (value_count(map) + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < value_count(map); i++) {
        const char *key = map->map.at[i].key;
        At here = below(at, key);
        ret->at[ret->n++] = (ProvisionedOutputs){arena_strdup(at->read->arena, key),
                                                 strings(&here, member(at, map, key, VALUE_MAP))};
    }
    qsort(ret->at, ret->n, sizeof(*ret->at), by_key);
}

static ComputeAccess *read_compute(const At *at, const Value *map) {
    static const char *const known[] = {"type", "path", "host", "user", "managedWorktree", NULL};
    ComputeAccess *compute = arena_alloc(at->read->arena, sizeof(*compute));
    compute->type = text(at, map, "type", "");
    if (strcmp(compute->type, "ssh") == 0) /* its `path` is the directory there */
        compute->root = optional(at, map, "path");
    else
        compute->path = optional(at, map, "path");
    compute->host = optional(at, map, "host");
    compute->user = optional(at, map, "user");
    const Value *managed = member(at, map, "managedWorktree", VALUE_BOOL);
    compute->managed = value_bool(managed, false);
    compute->unknown = unknown_of(at, map, known, nothing);
    return compute;
}

static void read_enabled(const At *at, const Value *list, StrList *ret) {
    ret->at = arena_alloc(at->read->arena, (value_count(list) + 1) * sizeof(*ret->at));
    for (; ret->n < value_count(list); ret->n++)
        ret->at[ret->n] = string(at, value_at(list, ret->n));
}

/* What it calls itself must be what it is called. */
static const char *name_of(const At *at, const Value *map, const char *key) {
    const char *name = optional(at, map, "name");
    At here = below(at, "name");
    if (name && strcmp(name, key) != 0)
        problem(&here, "it says \"%.60s\", and stands under \"%.60s\"", name, key);
    return arena_strdup(at->read->arena, key);
}

static void read_checkpoint(const At *at, const Value *map, const char *key, Checkpoint *ret) {
    static const char *const known[] = {"name",       "status",     "startedAt",
                                        "finishedAt", "durationMs", "machine",
                                        "error",      "outputs",    NULL};
    static const char *const known_ours[] = {"inputs", "run", NULL};
    const Value *own = member(at, map, "thole", VALUE_MAP);
    At here = below(at, "status"), own_at = below(at, "thole");
    const char *status = text(at, map, "status", "");
    *ret = (Checkpoint){.name = name_of(at, map, key)};
    if (checkpoint_status_parse(status, &ret->status) < 0)
        problem(&here, "\"%.60s\" is none of started, completed, failed, invalidated", status);
    ret->started_ns = moment(at, map, "startedAt");
    ret->finished_ns = moment(at, map, "finishedAt");
    ret->duration_ms = whole(at, map, "durationMs", INT64_MAX);
    ret->machine = text(at, map, "machine", "");
    ret->error = optional(at, map, "error");
    ret->outputs = value_copy(member(at, map, "outputs", VALUE_MAP), at->read->arena);
    ret->inputs = optional(&own_at, own, "inputs");
    ret->run = whole(&own_at, own, "run", INT64_MAX);
    ret->unknown = unknown_of(at, map, known, known_ours);
}

static void read_steps(const At *at, const Value *map, Checkpoints *ret) {
    ret->at = arena_alloc(at->read->arena, (value_count(map) + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < value_count(map); i++) {
        const char *key = map->map.at[i].key;
        const Value *v = member(at, map, key, VALUE_MAP);
        At here = below(at, key);
        if (v)
            read_checkpoint(&here, v, key, &ret->at[ret->n++]);
    }
    qsort(ret->at, ret->n, sizeof(*ret->at), by_key);
}

static void read_audit(const At *at, const Value *v, AuditEntry *ret) {
    static const char *const known[] = {"timestamp",  "step",    "action", "machine",
                                        "durationMs", "message", "error",  NULL};
    static const char *const known_ours[] = {"user", NULL};
    if (!is_map(at, v))
        return;
    const Value *own = member(at, v, "thole", VALUE_MAP);
    At own_at = below(at, "thole");
    *ret = (AuditEntry){
        .time_ns = moment(at, v, "timestamp"),
        .step = text(at, v, "step", ""),
        .action = text(at, v, "action", ""),
        .machine = text(at, v, "machine", ""),
        .duration_ms = whole(at, v, "durationMs", INT64_MAX),
        .message = optional(at, v, "message"),
        .error = optional(at, v, "error"),
        .user = optional(&own_at, own, "user"),
        .unknown = unknown_of(at, v, known, known_ours),
    };
}

static void read_audit_log(const At *at, const Value *list, AuditLog *ret) {
    ret->at = arena_alloc(at->read->arena, (value_count(list) + 1) * sizeof(*ret->at));
    for (; ret->n < value_count(list); ret->n++)
        read_audit(at, value_at(list, ret->n), &ret->at[ret->n]);
}

/* --- an entry --- */

static void read_ours(const At *at, const Value *own, EnvironmentEntry *ret) {
    ret->uid = optional(at, own, "uid");
    ret->base = optional(at, own, "base");
    ret->expires_ns = moment(at, own, "expiresAt");
    ret->failed_step = optional(at, own, "failedStep");
    ret->error = optional(at, own, "error");
}

static void read_parts(const At *at, const Value *map, EnvironmentEntry *ret) {
    At ports = below(at, "ports"), outputs = below(at, "provisionerOutputs");
    At compute_at = below(at, "compute"), env = below(at, "env"), steps = below(at, "steps");
    At enabled = below(at, "enabledServices"), audit = below(at, "auditLog");
    const Value *compute = member(at, map, "compute", VALUE_MAP);
    read_ports(&ports, member(at, map, ports.key, VALUE_MAP), &ret->ports);
    read_outputs(&outputs, member(at, map, outputs.key, VALUE_MAP), &ret->outputs);
    if (compute)
        ret->compute = read_compute(&compute_at, compute);
    ret->values = strings(&env, member(at, map, env.key, VALUE_MAP));
    read_enabled(&enabled, member(at, map, enabled.key, VALUE_LIST), &ret->enabled_services);
    read_steps(&steps, member(at, map, steps.key, VALUE_MAP), &ret->steps);
    read_audit_log(&audit, member(at, map, audit.key, VALUE_LIST), &ret->audit);
}

static void read_name(const At *at, const Value *map, const char *key, EnvironmentEntry *ret) {
    Err err;
    ret->name = name_of(at, map, key);
    if (environment_name_check(key, &err) < 0)
        problem(at, "%s", err.msg);
}

static void read_entry(const At *at, const Value *map, const char *key, EnvironmentEntry *ret) {
    static const char *const known[] = {
        "name",  "mode",    "branch",   "status", "createdAt",       "updatedAt",
        "ports", "compute", "auditLog", "env",    "enabledServices", "provisionerOutputs",
        "steps", NULL};
    /* `status` is what people were shown */
    static const char *const known_ours[] = {"uid",   "base",   "expiresAt", "failedStep",
                                             "error", "status", NULL};
    At here = below(at, "status"), own = below(at, "thole");
    *ret = (EnvironmentEntry){.mode = text(at, map, "mode", ""),
                              .branch = text(at, map, "branch", ""),
                              .created_ns = moment(at, map, "createdAt"),
                              .updated_ns = moment(at, map, "updatedAt")};
    read_name(at, map, key, ret);
    const char *status = optional(at, map, "status");
    if (status && environment_status_parse(status, &ret->status) < 0)
        problem(&here, "\"%.60s\" is none of creating, provisioned, running, stopped, error",
                status);
    read_parts(at, map, ret);
    read_ours(&own, member(at, map, "thole", VALUE_MAP), ret);
    ret->unknown = unknown_of(at, map, known, known_ours);
}

int entry_decode(const Value *v, const char *name, Arena *arena, Report *report,
                 EnvironmentEntry *ret) {
    Read read = {arena, report, arena_printf(report->arena, "environment %.100s", name), false};
    At top = {.read = &read};
    EnvironmentEntry entry;
    if (is_map(&top, v))
        read_entry(&top, v, name, &entry);
    if (read.failed)
        return -1;
    *ret = entry;
    return 0;
}

int checkpoint_decode(const Value *v, Arena *arena, Report *report, Checkpoint *ret) {
    const char *name = value_get_str(v, "name");
    Read read = {arena, report, arena_printf(report->arena, "step %.100s", name ? name : ""),
                 false};
    At top = {.read = &read};
    Checkpoint checkpoint;
    if (is_map(&top, v)) {
        if (!name || !*name)
            problem(&top, "it has no name");
        read_checkpoint(&top, v, name ? name : "", &checkpoint);
    }
    if (read.failed)
        return -1;
    *ret = checkpoint;
    return 0;
}

int audit_decode(const Value *v, Arena *arena, Report *report, AuditEntry *ret) {
    Read read = {arena, report, "audit log", false};
    At top = {.read = &read};
    AuditEntry entry = {0};
    read_audit(&top, v, &entry);
    if (read.failed)
        return -1;
    *ret = entry;
    return 0;
}

/* --- a state --- */

static void check_version(const At *at, const Value *map) {
    const Value *v = member(at, map, "version", VALUE_INT);
    int64_t version = value_int(v, ENVIRONMENT_STATE_VERSION);
    At here = below(at, "version");
    if (version > ENVIRONMENT_STATE_VERSION)
        problem(&here,
                "the file is of version %lld, and this thole reads up to %d: import it with a "
                "newer one",
                (long long)version, ENVIRONMENT_STATE_VERSION);
    else if (version < ENVIRONMENT_STATE_VERSION)
        problem(&here, "there is no version %lld; the first one is %d", (long long)version,
                ENVIRONMENT_STATE_VERSION);
}

static void read_environments(const At *at, const Value *map, EnvironmentState *ret) {
    size_t n = value_count(map);
    ret->environments.at = arena_alloc(at->read->arena, (n + 1) * sizeof(EnvironmentEntry));
    for (size_t i = 0; i < n; i++) {
        const char *key = map->map.at[i].key;
        const Value *v = member(at, map, key, VALUE_MAP);
        At here = below(at, key);
        if (v)
            read_entry(&here, v, key, &ret->environments.at[ret->environments.n++]);
    }
    qsort(ret->environments.at, ret->environments.n, sizeof(EnvironmentEntry), by_key);
}

static void read_state(const At *at, const Value *v, EnvironmentState *ret) {
    static const char *const known[] = {"version", "environments", NULL};
    At here = below(at, "environments");
    *ret = (EnvironmentState){.version = ENVIRONMENT_STATE_VERSION};
    check_version(at, v);
    if (at->read->failed) /* what a newer one means by the rest is not ours to say */
        return;
    read_environments(&here, member(at, v, "environments", VALUE_MAP), ret);
    ret->unknown = unknown_of(at, v, known, nothing);
}

int state_decode(const char *file, const JsonText *json, Arena *arena, Report *report,
                 EnvironmentState *ret) {
    Read read = {arena, report, file, false};
    At top = {.read = &read};
    JsonPlace place = {0};
    EnvironmentState state;
    const Value *v;
    Err err;
    if (json_parse_placed(json, arena, &v, &place, &err) < 0) {
        Place at = {.file = file, .line = (uint32_t)place.line, .column = (uint32_t)place.column};
        report_add(report, &at, NULL, "%s", err.msg);
        return -1;
    }
    if (is_map(&top, v))
        read_state(&top, v, &state);
    if (read.failed)
        return -1;
    *ret = state;
    return 0;
}
