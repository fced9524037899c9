/* SPDX-License-Identifier: Apache-2.0 */
/* Environments out of JSON. What is absent or null is as if it were empty. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "spec/environment.h"
#include "spec/environment_json.h"
#include "spec/environment_name.h"

enum { PORT_MAX = 65535 };

static int64_t moment(const JsonAt *at, const Value *map, const char *key) {
    static const int64_t go_zero_us = INT64_C(-62135596800000000); /* 0001-01-01T00:00:00Z */
    const char *got = json_optional(at, map, key);
    JsonAt here = json_below(at, key);
    int64_t us, ns;
    Err err;
    if (!got)
        return 0;
    if (time_parse(got, &us, &err) == 0 && us == go_zero_us)
        return 0;
    if (time_parse_nano(got, &ns, &err) == 0)
        return ns;
    json_problem(&here, "%s", err.msg);
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
static const Value *unknown_of(const JsonAt *at, const Value *map, const char *const *known,
                               const char *const *known_ours) {
    Value *unknown = NULL, *own = NULL;
    const Value *thole = value_get(map, "thole"); /* what is none was told where ours are read */
    if (!value_is(thole, VALUE_MAP))
        thole = NULL;
    for (size_t i = 0; i < value_count(map); i++)
        if (!among(map->map.at[i].key, known) && strcmp(map->map.at[i].key, "thole") != 0)
            keep_unknown(at->reader->arena, &unknown, map->map.at[i].key, map->map.at[i].value);
    for (size_t i = 0; i < value_count(thole); i++)
        if (!among(thole->map.at[i].key, known_ours))
            keep_unknown(at->reader->arena, &own, thole->map.at[i].key, thole->map.at[i].value);
    if (own)
        keep_unknown(at->reader->arena, &unknown, "thole", own);
    return unknown;
}

static const char *const nothing[] = {NULL};

/* --- the parts --- */

int environment_by_key(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void environment_ports_read(const JsonAt *at, const Value *map, EnvironmentPorts *ret) {
    Arena *arena = at->reader->arena;
    *ret = (EnvironmentPorts){arena_alloc(arena, (value_count(map) + 1) * sizeof(*ret->at)), 0};
    for (size_t i = 0; i < value_count(map); i++) {
        const ValuePair *pair = &map->map.at[i];
        JsonAt here = json_below(at, pair->key);
        ret->at[ret->n++] = (EnvironmentPort){arena_strdup(arena, pair->key),
                                              json_read_whole(&here, pair->value, PORT_MAX)};
    }
    qsort(ret->at, ret->n, sizeof(*ret->at), environment_by_key);
}

void environment_outputs_read(const JsonAt *at, const Value *map, EnvironmentOutputs *ret) {
    Arena *arena = at->reader->arena;
    *ret = (EnvironmentOutputs){arena_alloc(arena, (value_count(map) + 1) * sizeof(*ret->at)), 0};
    for (size_t i = 0; i < value_count(map); i++) {
        const ValuePair *pair = &map->map.at[i];
        JsonAt here = json_below(at, pair->key);
        ret->at[ret->n++] =
            (ProvisionedOutputs){arena_strdup(arena, pair->key),
                                 json_strings(&here, json_kind(&here, pair->value, VALUE_MAP))};
    }
    qsort(ret->at, ret->n, sizeof(*ret->at), environment_by_key);
}

static ComputeAccess *read_compute(const JsonAt *at, const Value *map) {
    static const char *const known[] = {"type", "path", "host", "user", "managedWorktree", NULL};
    static const char *const known_ours[] = {"root", NULL};
    const Value *own = json_member(at, map, "thole", VALUE_MAP);
    JsonAt own_at = json_below(at, "thole");
    ComputeAccess *compute = arena_alloc(at->reader->arena, sizeof(*compute));
    compute->type = json_text(at, map, "type", "");
    if (strcmp(compute->type, "ssh") == 0) /* its `path` is the directory there */
        compute->root = json_optional(at, map, "path");
    else
        compute->path = json_optional(at, map, "path");
    if (own && !compute->root)
        compute->root = json_optional(&own_at, own, "root");
    compute->host = json_optional(at, map, "host");
    compute->user = json_optional(at, map, "user");
    const Value *managed = json_member(at, map, "managedWorktree", VALUE_BOOL);
    compute->managed = value_bool(managed, false);
    compute->unknown = unknown_of(at, map, known, known_ours);
    return compute;
}

/* What it calls itself must be what it is called. */
static const char *name_of(const JsonAt *at, const Value *map, const char *key) {
    const char *name = json_optional(at, map, "name");
    JsonAt here = json_below(at, "name");
    if (name && strcmp(name, key) != 0)
        json_problem(&here, "it says \"%.60s\", and stands under \"%.60s\"", name, key);
    return arena_strdup(at->reader->arena, key);
}

static void read_checkpoint(const JsonAt *at, const Value *map, const char *key, Checkpoint *ret) {
    static const char *const known[] = {"name",       "status",     "startedAt",
                                        "finishedAt", "durationMs", "machine",
                                        "error",      "outputs",    NULL};
    static const char *const known_ours[] = {"reason", "inputs",    "run",
                                             "server", "operation", NULL};
    const Value *own = json_member(at, map, "thole", VALUE_MAP);
    JsonAt here = json_below(at, "status"), own_at = json_below(at, "thole");
    const char *status = json_text(at, map, "status", "");
    *ret = (Checkpoint){.name = name_of(at, map, key)};
    if (checkpoint_status_parse(status, &ret->status) < 0)
        json_problem(&here, "\"%.60s\" is none of started, completed, failed, invalidated", status);
    ret->started_ns = moment(at, map, "startedAt");
    ret->finished_ns = moment(at, map, "finishedAt");
    ret->duration_ms = json_whole(at, map, "durationMs", INT64_MAX);
    ret->machine = json_text(at, map, "machine", "");
    ret->error = json_optional(at, map, "error");
    ret->outputs = value_copy(json_member(at, map, "outputs", VALUE_MAP), at->reader->arena);
    ret->reason = json_optional(&own_at, own, "reason");
    ret->inputs = json_optional(&own_at, own, "inputs");
    ret->run = json_whole(&own_at, own, "run", INT64_MAX);
    ret->server = json_optional(&own_at, own, "server");
    ret->operation = json_whole(&own_at, own, "operation", INT64_MAX);
    ret->unknown = unknown_of(at, map, known, known_ours);
}

static void read_steps(const JsonAt *at, const Value *map, Checkpoints *ret) {
    ret->at = arena_alloc(at->reader->arena, (value_count(map) + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < value_count(map); i++) {
        const char *key = map->map.at[i].key;
        JsonAt here = json_below(at, key);
        const Value *v = json_kind(&here, map->map.at[i].value, VALUE_MAP);
        if (v)
            read_checkpoint(&here, v, key, &ret->at[ret->n++]);
    }
    qsort(ret->at, ret->n, sizeof(*ret->at), environment_by_key);
}

static void read_audit(const JsonAt *at, const Value *v, AuditEntry *ret) {
    static const char *const known[] = {"timestamp",  "step",    "action", "machine",
                                        "durationMs", "message", "error",  NULL};
    static const char *const known_ours[] = {"user", NULL};
    if (!json_is_map(at, v))
        return;
    const Value *own = json_member(at, v, "thole", VALUE_MAP);
    JsonAt own_at = json_below(at, "thole");
    *ret = (AuditEntry){
        .time_ns = moment(at, v, "timestamp"),
        .step = json_text(at, v, "step", ""),
        .action = json_text(at, v, "action", ""),
        .machine = json_text(at, v, "machine", ""),
        .duration_ms = json_whole(at, v, "durationMs", INT64_MAX),
        .message = json_optional(at, v, "message"),
        .error = json_optional(at, v, "error"),
        .user = json_optional(&own_at, own, "user"),
        .unknown = unknown_of(at, v, known, known_ours),
    };
}

static void read_audit_log(const JsonAt *at, const Value *list, AuditLog *ret) {
    ret->at = arena_alloc(at->reader->arena, (value_count(list) + 1) * sizeof(*ret->at));
    for (; ret->n < value_count(list); ret->n++)
        read_audit(at, value_at(list, ret->n), &ret->at[ret->n]);
}

/* --- an entry --- */

static void read_ours(const JsonAt *at, const Value *own, EnvironmentEntry *ret) {
    ret->uid = json_optional(at, own, "uid");
    ret->base = json_optional(at, own, "base");
    ret->expires_ns = moment(at, own, "expiresAt");
    ret->failed_step = json_optional(at, own, "failedStep");
    ret->error = json_optional(at, own, "error");
}

static void read_parts(const JsonAt *at, const Value *map, EnvironmentEntry *ret) {
    JsonAt ports = json_below(at, "ports"), outputs = json_below(at, "provisionerOutputs");
    JsonAt compute_at = json_below(at, "compute"), env = json_below(at, "env"),
           steps = json_below(at, "steps");
    JsonAt enabled = json_below(at, "enabledServices"), audit = json_below(at, "auditLog");
    const Value *compute = json_member(at, map, "compute", VALUE_MAP);
    environment_ports_read(&ports, json_member(at, map, ports.key, VALUE_MAP), &ret->ports);
    environment_outputs_read(&outputs, json_member(at, map, outputs.key, VALUE_MAP), &ret->outputs);
    if (compute)
        ret->compute = read_compute(&compute_at, compute);
    ret->values = json_strings(&env, json_member(at, map, env.key, VALUE_MAP));
    ret->enabled_services =
        json_string_list(&enabled, json_member(at, map, enabled.key, VALUE_LIST));
    read_steps(&steps, json_member(at, map, steps.key, VALUE_MAP), &ret->steps);
    read_audit_log(&audit, json_member(at, map, audit.key, VALUE_LIST), &ret->audit);
}

static void read_name(const JsonAt *at, const Value *map, const char *key, EnvironmentEntry *ret) {
    Err err;
    ret->name = name_of(at, map, key);
    if (environment_name_check(key, &err) < 0)
        json_problem(at, "%s", err.msg);
}

static void read_entry(const JsonAt *at, const Value *map, const char *key, EnvironmentEntry *ret) {
    static const char *const known[] = {
        "name",  "mode",    "branch",   "status", "createdAt",       "updatedAt",
        "ports", "compute", "auditLog", "env",    "enabledServices", "provisionerOutputs",
        "steps", NULL};
    /* `status` is what people were shown */
    static const char *const known_ours[] = {"uid",   "base",   "expiresAt", "failedStep",
                                             "error", "status", NULL};
    JsonAt here = json_below(at, "status"), own = json_below(at, "thole");
    *ret = (EnvironmentEntry){.mode = json_text(at, map, "mode", ""),
                              .branch = json_text(at, map, "branch", ""),
                              .created_ns = moment(at, map, "createdAt"),
                              .updated_ns = moment(at, map, "updatedAt")};
    read_name(at, map, key, ret);
    const char *status = json_optional(at, map, "status");
    if (status && environment_status_parse(status, &ret->status) < 0)
        json_problem(&here, "\"%.60s\" is none of creating, provisioned, running, stopped, error",
                     status);
    read_parts(at, map, ret);
    read_ours(&own, json_member(at, map, "thole", VALUE_MAP), ret);
    ret->unknown = unknown_of(at, map, known, known_ours);
}

int entry_decode(const Value *v, const char *name, Arena *arena, Report *report,
                 EnvironmentEntry *ret) {
    JsonReader read = {arena, report, arena_printf(report->arena, "environment %.100s", name),
                       false};
    JsonAt top = {.reader = &read};
    EnvironmentEntry entry;
    if (json_is_map(&top, v))
        read_entry(&top, v, name, &entry);
    if (read.failed)
        return -1;
    *ret = entry;
    return 0;
}

int checkpoint_decode(const Value *v, Arena *arena, Report *report, Checkpoint *ret) {
    const char *name = value_get_str(v, "name");
    JsonReader read = {arena, report, arena_printf(report->arena, "step %.100s", name ? name : ""),
                       false};
    JsonAt top = {.reader = &read};
    Checkpoint checkpoint;
    if (json_is_map(&top, v)) {
        if (!name || !*name)
            json_problem(&top, "it has no name");
        read_checkpoint(&top, v, name ? name : "", &checkpoint);
    }
    if (read.failed)
        return -1;
    *ret = checkpoint;
    return 0;
}

int audit_decode(const Value *v, Arena *arena, Report *report, AuditEntry *ret) {
    JsonReader read = {arena, report, "audit log", false};
    JsonAt top = {.reader = &read};
    AuditEntry entry = {0};
    read_audit(&top, v, &entry);
    if (read.failed)
        return -1;
    *ret = entry;
    return 0;
}

/* --- a state --- */

static void check_version(const JsonAt *at, const Value *map) {
    const Value *v = json_member(at, map, "version", VALUE_INT);
    int64_t version = value_int(v, ENVIRONMENT_STATE_VERSION);
    JsonAt here = json_below(at, "version");
    if (version > ENVIRONMENT_STATE_VERSION)
        json_problem(&here,
                     "the file is of version %lld, and this thole reads up to %d: import it with a "
                     "newer one",
                     (long long)version, ENVIRONMENT_STATE_VERSION);
    else if (version < ENVIRONMENT_STATE_VERSION)
        json_problem(&here, "there is no version %lld; the first one is %d", (long long)version,
                     ENVIRONMENT_STATE_VERSION);
}

static void read_environments(const JsonAt *at, const Value *map, EnvironmentState *ret) {
    size_t n = value_count(map);
    ret->environments.at = arena_alloc(at->reader->arena, (n + 1) * sizeof(EnvironmentEntry));
    for (size_t i = 0; i < n; i++) {
        const char *key = map->map.at[i].key;
        JsonAt here = json_below(at, key);
        const Value *v = json_kind(&here, map->map.at[i].value, VALUE_MAP);
        if (v)
            read_entry(&here, v, key, &ret->environments.at[ret->environments.n++]);
    }
    qsort(ret->environments.at, ret->environments.n, sizeof(EnvironmentEntry), environment_by_key);
}

static void read_state(const JsonAt *at, const Value *v, EnvironmentState *ret) {
    static const char *const known[] = {"version", "environments", NULL};
    JsonAt here = json_below(at, "environments");
    *ret = (EnvironmentState){.version = ENVIRONMENT_STATE_VERSION};
    check_version(at, v);
    if (at->reader->failed) /* what a newer one means by the rest is not ours to say */
        return;
    read_environments(&here, json_member(at, v, "environments", VALUE_MAP), ret);
    (void)json_member(at, v, "thole", VALUE_MAP); /* nothing in it is known */
    ret->unknown = unknown_of(at, v, known, nothing);
}

int state_decode(const Value *v, const char *file, Arena *arena, Report *report,
                 EnvironmentState *ret) {
    JsonReader read = {arena, report, file, false};
    JsonAt top = {.reader = &read};
    EnvironmentState state;
    if (json_is_map(&top, v))
        read_state(&top, v, &state);
    if (read.failed)
        return -1;
    *ret = state;
    return 0;
}
