/* SPDX-License-Identifier: Apache-2.0 */
/* Environments, read. */
#include "store/environment_rules.h"
#include "store/sqlite/entry_json.h"
#include "store/sqlite/sqlite_store.h"

#define COLUMNS                                                                           \
    "project, name, version, change, uid, mode, branch, base, status, created_ns,"        \
    " updated_ns, expires_ns, failed_step, error, compute_type, compute_path,"            \
    " compute_host, compute_user, compute_root, compute_managed, compute_unknown,"        \
    " ports, outputs, services, unknown,"                                                 \
    " (SELECT coalesce(step.server, json_extract(step.outputs, '$." SERVICES_SERVER "'))" \
    " FROM step WHERE step.environment = environment.id"                                  \
    " AND step.name IN ('start_services', 'runner_deploy')"                               \
    " AND json_valid(step.outputs)"                                                       \
    " AND json_extract(step.outputs, '$." SERVICES_SERVER "') IS NOT NULL"                \
    " ORDER BY step.name DESC LIMIT 1)" /* entry_server() */

static ComputeAccess *read_compute(Query *q, Arena *arena, EntryTexts *texts) {
    ComputeAccess *compute = arena_alloc(arena, sizeof(*compute));
    compute->type = query_get_text(q, arena);
    compute->path = query_get_text(q, arena);
    compute->host = query_get_text(q, arena);
    compute->user = query_get_text(q, arena);
    compute->root = query_get_text(q, arena);
    compute->managed = query_get_int(q) != 0;
    texts->compute_unknown = query_get_text(q, arena);
    return compute->type ? compute : NULL;
}

/* COLUMNS. */
static int read_row(Query *q, Arena *arena, void *room, Err *err) {
    StoredEnvironment *ret = room;
    EnvironmentEntry *entry = &ret->entry;
    EntryTexts texts = {0};
    Err why;
    ret->project = query_get_text(q, arena);
    entry->name = query_get_text(q, arena);
    ret->version = query_get_int(q);
    ret->change = query_get_int(q);
    entry->uid = query_get_text(q, arena);
    entry->mode = query_get_text(q, arena);
    entry->branch = query_get_text(q, arena);
    entry->base = query_get_text(q, arena);
    const char *status = query_get_text(q, arena);
    entry->created_ns = query_get_int(q);
    entry->updated_ns = query_get_int(q);
    entry->expires_ns = query_get_int(q);
    entry->failed_step = query_get_text(q, arena);
    entry->error = query_get_text(q, arena);
    entry->compute = read_compute(q, arena, &texts);
    texts.ports = query_get_text(q, arena);
    texts.outputs = query_get_text(q, arena);
    texts.services = query_get_text(q, arena);
    texts.unknown = query_get_text(q, arena);
    ret->server = query_get_text(q, arena);
    if (!status || environment_status_parse(status, &entry->status) < 0)
        err_set(&why, ERR_UNAVAILABLE, "status: %s is none", status ? status : "NULL");
    else if (entry_texts_read(&texts, arena, entry, &why) == 0)
        return 0;
    err_in(&why, "environment '%s'", entry->name);
    return database_damaged(q->database, why.msg, err);
}

static const RowKind entries = {sizeof(StoredEnvironment), read_row};

static int read_key(Query *q, Arena *arena, void *room, Err *err) {
    EnvironmentKey *key = room;
    key->project = query_get_text(q, arena);
    key->name = query_get_text(q, arena);
    return 0;
}

static const RowKind keys = {sizeof(EnvironmentKey), read_key};

/* ---- shared ---- */

int sqlite_query_of(Query *q, Database *d, const char *sql, EnvironmentKey key, Err *err) {
    if (query_begin(q, d, sql, err) < 0)
        return -1;
    query_text(q, key.project);
    query_text(q, key.name);
    return 0;
}

int sqlite_counter(Database *d, const char *sql, int64_t *ret, Err *err) {
    Query q;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    int r = query_number(&q, ret, err);
    return r > 0 ? 0 : r == 0 ? database_damaged(d, "counter is empty", err) : -1;
}

int sqlite_row(Database *d, EnvironmentKey key, EnvironmentRow *ret, Err *err) {
    static const char sql[] =
        "SELECT id, version, removed FROM environment WHERE project = ? AND name = ?";
    Query q;
    if (sqlite_query_of(&q, d, sql, key, err) < 0)
        return -1;
    int r = query_step(&q, err);
    *ret = (EnvironmentRow){0};
    if (r > 0) {
        ret->id = query_get_int(&q);
        ret->version = query_get_int(&q);
        ret->there = query_get_int(&q) == 0;
    }
    query_end(&q);
    return r;
}

/* ---- the list ---- */

static int read_entries(Database *d, int64_t since, Arena *arena, StoredEnvironments *ret,
                        Err *err) {
    static const char whole[] =
        "SELECT " COLUMNS " FROM environment WHERE NOT removed ORDER BY project, name";
    static const char changed[] =
        "SELECT " COLUMNS " FROM environment INDEXED BY environment_change"
        " WHERE change > ? AND NOT removed ORDER BY project, name";
    Query q;
    Rows rows;
    if (query_begin(&q, d, ret->whole ? whole : changed, err) < 0)
        return -1;
    if (!ret->whole)
        query_int(&q, since);
    if (query_rows(&q, &entries, arena, &rows, err) < 0)
        return -1;
    ret->at = rows.at;
    ret->n = rows.n;
    return 0;
}

static int read_removed(Database *d, int64_t since, Arena *arena, StoredEnvironments *ret,
                        Err *err) {
    static const char sql[] = "SELECT project, name FROM environment INDEXED BY environment_change"
                              " WHERE change > ? AND removed ORDER BY project, name";
    Query q;
    Rows rows;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, since);
    if (query_rows(&q, &keys, arena, &rows, err) < 0)
        return -1;
    ret->removed.at = rows.at;
    ret->removed.n = rows.n;
    return 0;
}

static int read_list(Database *d, int64_t since, Arena *arena, StoredEnvironments *ret, Err *err) {
    int64_t forgotten = 0;
    if (sqlite_counter(d, "SELECT change FROM counter", &ret->change, err) < 0 ||
        sqlite_counter(d, "SELECT forgotten FROM counter", &forgotten, err) < 0)
        return -1;
    ret->whole = since < forgotten || since > ret->change;
    if (read_entries(d, since, arena, ret, err) < 0)
        return -1;
    return ret->whole ? 0 : read_removed(d, since, arena, ret, err);
}

int sqlite_environments(Store *store, int64_t since, Arena *arena, StoredEnvironments *ret,
                        Err *err) {
    Database *d = sqlite_shared(store);
    StoredEnvironments list = {0};
    if (database_absent(d)) {
        list.whole = true;
    } else {
        if (database_read(d, err) < 0)
            return -1;
        if (database_end(d, read_list(d, since, arena, &list, err), err) < 0)
            return -1;
    }
    *ret = list;
    return 0;
}

int sqlite_change(Store *store, int64_t *ret, Err *err) {
    return database_change(sqlite_shared(store), ret, err);
}

/* ---- one ---- */

static int read_step(Query *q, Arena *arena, void *room, Err *err) {
    Checkpoint *ret = room;
    ret->name = query_get_text(q, arena);
    const char *status = query_get_text(q, arena);
    ret->started_ns = query_get_int(q);
    ret->finished_ns = query_get_int(q);
    ret->duration_ms = query_get_int(q);
    ret->machine = query_get_text(q, arena);
    ret->error = query_get_text(q, arena);
    const char *outputs = query_get_text(q, arena);
    ret->inputs = query_get_text(q, arena);
    ret->run = query_get_int(q);
    ret->server = query_get_text(q, arena);
    ret->operation = query_get_int(q);
    const char *unknown = query_get_text(q, arena);
    Err why;
    if (!status || checkpoint_status_parse(status, &ret->status) < 0)
        err_set(&why, ERR_UNAVAILABLE, "status: %s is none", status ? status : "NULL");
    else if (value_of_text(outputs, arena, &ret->outputs, &why) == 0 &&
             value_of_text(unknown, arena, &ret->unknown, &why) == 0)
        return 0;
    err_in(&why, "step %s", ret->name);
    return database_damaged(q->database, why.msg, err);
}

static int read_audit_entry(Query *q, Arena *arena, void *room, Err *err) {
    AuditEntry *ret = room;
    Err why;
    ret->time_ns = query_get_int(q);
    ret->step = query_get_text(q, arena);
    ret->action = query_get_text(q, arena);
    ret->machine = query_get_text(q, arena);
    ret->duration_ms = query_get_int(q);
    ret->message = query_get_text(q, arena);
    ret->error = query_get_text(q, arena);
    ret->user = query_get_text(q, arena);
    if (value_of_text(query_get_text(q, arena), arena, &ret->unknown, &why) == 0)
        return 0;
    err_in(&why, "audit log");
    return database_damaged(q->database, why.msg, err);
}

static int read_value(Query *q, Arena *arena, void *room, Err *err) {
    StrPair *ret = room;
    ret->name = query_get_text(q, arena);
    ret->value = query_get_text(q, arena);
    return 0;
}

/* Which parts of which entry. */
typedef struct Reading {
    Database *database;
    int64_t id;
    unsigned parts;
    Arena *arena;
} Reading;

/* A part of an entry is rows of another table. */
typedef struct Part {
    unsigned part;
    const char *sql;
    RowKind kind;
} Part;

static int read_part(const Reading *reading, const Part *part, Rows *ret, Err *err) {
    Query q;
    *ret = (Rows){0};
    if (!(reading->parts & part->part))
        return 0;
    if (query_begin(&q, reading->database, part->sql, err) < 0)
        return -1;
    query_int(&q, reading->id);
    return query_rows(&q, &part->kind, reading->arena, ret, err);
}

static int read_parts(const Reading *reading, EnvironmentEntry *ret, Err *err) {
    static const Part part_steps = {
        ENVIRONMENT_STEPS,
        "SELECT name, status, started_ns, finished_ns, duration_ms, machine, error, outputs,"
        " inputs, run, server, operation, unknown FROM step WHERE environment = ? ORDER BY name",
        {sizeof(Checkpoint), read_step}};
    static const Part part_audit = {
        ENVIRONMENT_AUDIT,
        "SELECT time_ns, step, action, machine, duration_ms, message, error, user, unknown"
        " FROM audit WHERE environment = ? ORDER BY n",
        {sizeof(AuditEntry), read_audit_entry}};
    static const Part part_values = {
        ENVIRONMENT_VALUES,
        "SELECT name, value FROM value WHERE environment = ? ORDER BY name",
        {sizeof(StrPair), read_value}};
    Rows steps, audit, values;
    if (read_part(reading, &part_steps, &steps, err) < 0 ||
        read_part(reading, &part_audit, &audit, err) < 0 ||
        read_part(reading, &part_values, &values, err) < 0)
        return -1;
    ret->steps = (Checkpoints){steps.at, steps.n};
    ret->audit = (AuditLog){audit.at, audit.n};
    ret->values = (StrMap){values.at, values.n};
    return 0;
}

static int read_all(Database *d, const EnvironmentRead *read, Arena *arena, StoredEnvironment *ret,
                    Err *err) {
    static const char sql[] = "SELECT " COLUMNS " FROM environment WHERE project = ? AND name = ?";
    EnvironmentRow row;
    Query q;
    Rows rows;
    if (sqlite_row(d, read->key, &row, err) < 0)
        return -1;
    if (!row.there)
        return environment_not_found(read->key, err);
    if (sqlite_query_of(&q, d, sql, read->key, err) < 0 ||
        query_rows(&q, &entries, arena, &rows, err) < 0)
        return -1;
    *ret = *(StoredEnvironment *)rows.at;
    const Reading reading = {d, row.id, read->parts, arena};
    return read_parts(&reading, &ret->entry, err);
}

int sqlite_environment(Store *store, const EnvironmentRead *read, Arena *arena,
                       StoredEnvironment *ret, Err *err) {
    Database *d = sqlite_shared(store);
    StoredEnvironment found;
    if (database_absent(d))
        return environment_not_found(read->key, err);
    if (database_read(d, err) < 0)
        return -1;
    if (database_end(d, read_all(d, read, arena, &found, err), err) < 0)
        return -1;
    *ret = found;
    return 0;
}

/* ---- all of a project ---- */

int sqlite_project_unknown(Database *d, const char *project, Arena *arena, const Value **ret,
                           Err *err) {
    Query q;
    Err why;
    if (query_begin(&q, d, "SELECT unknown FROM project WHERE project = ?", err) < 0)
        return -1;
    query_text(&q, project);
    int r = query_step(&q, err);
    const char *text = r > 0 ? query_get_text(&q, arena) : NULL;
    query_end(&q);
    if (r < 0)
        return -1;
    return value_of_text(text, arena, ret, &why) < 0 ? database_damaged(d, why.msg, err) : 0;
}

static int read_project(Database *d, const ProjectRead *read, Arena *arena, EnvironmentState *ret,
                        Err *err) {
    static const char sql[] =
        "SELECT project, name FROM environment WHERE project = ? AND NOT removed ORDER BY name";
    Query q;
    Rows names;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_text(&q, read->project);
    if (query_rows(&q, &keys, arena, &names, err) < 0)
        return -1;
    ret->environments.at = arena_alloc(arena, names.n * sizeof(*ret->environments.at));
    for (; ret->environments.n < names.n; ret->environments.n++) {
        EnvironmentKey key = ((const EnvironmentKey *)names.at)[ret->environments.n];
        StoredEnvironment one;
        if (read_all(d, &(EnvironmentRead){key, read->parts}, arena, &one, err) < 0)
            return -1;
        ret->environments.at[ret->environments.n] = one.entry;
    }
    return sqlite_project_unknown(d, read->project, arena, &ret->unknown, err);
}

int sqlite_project(Store *store, const ProjectRead *read, Arena *arena, EnvironmentState *ret,
                   Err *err) {
    Database *d = sqlite_shared(store);
    EnvironmentState state = {.version = ENVIRONMENT_STATE_VERSION};
    if (!database_absent(d)) {
        if (database_read(d, err) < 0 ||
            database_end(d, read_project(d, read, arena, &state, err), err) < 0)
            return -1;
    }
    *ret = state;
    return 0;
}
