/* SPDX-License-Identifier: Apache-2.0 */
/* Environments, read. */
#include "store/environment_rules.h"
#include "store/sqlite/entry_json.h"
#include "store/sqlite/sqlite_store.h"

#define COLUMNS                                                                        \
    "id, project, name, version, change, uid, mode, branch, base, status, created_ns," \
    " updated_ns, expires_ns, failed_step, error, compute_type, compute_path,"         \
    " compute_host, compute_user, compute_root, compute_managed, compute_unknown,"     \
    " ports, outputs, services, unknown"

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
static int read_row(Query *q, Arena *arena, int64_t *ret_id, StoredEnvironment *ret, Err *err) {
    EnvironmentEntry *entry = &ret->entry;
    EntryTexts texts = {0};
    *ret = (StoredEnvironment){0};
    *ret_id = query_get_int(q);
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
    if (!status || environment_status_parse(status, &entry->status) < 0)
        err_set(err, ERR_UNAVAILABLE, "status: %s is none", status ? status : "NULL");
    else if (entry_texts_read(&texts, arena, entry, err) == 0)
        return 0;
    err_in(err, "environment '%s'", entry->name);
    Err why = err ? *err : (Err){0};
    return database_damaged(q->database, why.msg, err);
}

/* ---- the list ---- */

/* The last change there was, and the last of what is forgotten. */
static int read_changes(Database *d, int64_t *ret_now, int64_t *ret_forgotten, Err *err) {
    Query q;
    if (query_begin(&q, d, "SELECT change, forgotten FROM counter", err) < 0)
        return -1;
    int r = query_step(&q, err);
    if (r > 0) {
        *ret_now = query_get_int(&q);
        *ret_forgotten = query_get_int(&q);
    }
    query_end(&q);
    return r > 0 ? 0 : r == 0 ? database_damaged(d, "counter is empty", err) : -1;
}

static int read_entries(Database *d, int64_t since, Arena *arena, StoredEnvironments *ret,
                        Err *err) {
    static const char whole[] =
        "SELECT " COLUMNS " FROM environment WHERE NOT removed ORDER BY project, name";
    static const char changed[] =
        "SELECT " COLUMNS " FROM environment INDEXED BY environment_change"
        " WHERE change > ? AND NOT removed ORDER BY project, name";
    Query q;
    size_t cap = 0;
    int64_t id;
    int r;
    if (query_begin(&q, d, ret->whole ? whole : changed, err) < 0)
        return -1;
    if (!ret->whole)
        query_int(&q, since);
    while ((r = query_step(&q, err)) > 0) {
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        if ((r = read_row(&q, arena, &id, &ret->at[ret->n++], err)) < 0)
            break;
    }
    query_end(&q);
    return r;
}

static int read_removed(Database *d, int64_t since, Arena *arena, StoredEnvironments *ret,
                        Err *err) {
    static const char sql[] = "SELECT project, name FROM environment INDEXED BY environment_change"
                              " WHERE change > ? AND removed ORDER BY project, name";
    Query q;
    size_t cap = 0;
    int r;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, since);
    while ((r = query_step(&q, err)) > 0) {
        ret->removed.at =
            arena_grow(arena, ret->removed.at, ret->removed.n, &cap, sizeof(*ret->removed.at));
        EnvironmentKey *key = &ret->removed.at[ret->removed.n++];
        key->project = query_get_text(&q, arena);
        key->name = query_get_text(&q, arena);
    }
    query_end(&q);
    return r;
}

static int read_list(Database *d, int64_t since, Arena *arena, StoredEnvironments *ret, Err *err) {
    int64_t forgotten = 0;
    if (read_changes(d, &ret->change, &forgotten, err) < 0)
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

int sqlite_row(Database *d, EnvironmentKey key, EnvironmentRow *ret, Err *err) {
    static const char sql[] =
        "SELECT id, version, removed FROM environment WHERE project = ? AND name = ?";
    Query q;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_text(&q, key.project);
    query_text(&q, key.name);
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

/* Its row; -1: it is not there. */
static int find(Database *d, const EnvironmentRead *read, Query *q, Err *err) {
    static const char sql[] =
        "SELECT " COLUMNS " FROM environment WHERE project = ? AND name = ? AND NOT removed";
    if (query_begin(q, d, sql, err) < 0)
        return -1;
    query_text(q, read->key.project);
    query_text(q, read->key.name);
    int r = query_step(q, err);
    return r == 0 ? environment_not_found(read->key, err) : r;
}

static int read_step(Query *q, Arena *arena, Checkpoint *ret, Err *err) {
    *ret = (Checkpoint){0};
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

static int read_steps(Database *d, int64_t id, Arena *arena, Checkpoints *ret, Err *err) {
    static const char sql[] =
        "SELECT name, status, started_ns, finished_ns, duration_ms, machine, error,"
        " outputs, inputs, run, unknown FROM step WHERE environment = ? ORDER BY name";
    Query q;
    size_t cap = 0;
    int r;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, id);
    while ((r = query_step(&q, err)) > 0) {
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        if ((r = read_step(&q, arena, &ret->at[ret->n++], err)) < 0)
            break;
    }
    query_end(&q);
    return r;
}

static AuditEntry read_audit_entry(Query *q, Arena *arena) {
    AuditEntry entry = {.time_ns = query_get_int(q)};
    entry.step = query_get_text(q, arena);
    entry.action = query_get_text(q, arena);
    entry.machine = query_get_text(q, arena);
    entry.duration_ms = query_get_int(q);
    entry.message = query_get_text(q, arena);
    entry.error = query_get_text(q, arena);
    entry.user = query_get_text(q, arena);
    return entry;
}

static int read_audit(Database *d, int64_t id, Arena *arena, AuditLog *ret, Err *err) {
    static const char sql[] = "SELECT time_ns, step, action, machine, duration_ms, message, error,"
                              " user FROM audit WHERE environment = ? ORDER BY n";
    Query q;
    size_t cap = 0;
    int r;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, id);
    while ((r = query_step(&q, err)) > 0) {
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        ret->at[ret->n++] = read_audit_entry(&q, arena);
    }
    query_end(&q);
    return r;
}

static int read_values(Database *d, int64_t id, Arena *arena, StrMap *ret, Err *err) {
    static const char sql[] = "SELECT name, value FROM value WHERE environment = ? ORDER BY name";
    Query q;
    size_t cap = 0;
    int r;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, id);
    while ((r = query_step(&q, err)) > 0) {
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        StrPair *pair = &ret->at[ret->n++];
        pair->name = query_get_text(&q, arena);
        pair->value = query_get_text(&q, arena);
    }
    query_end(&q);
    return r;
}

static int read_all(Database *d, const EnvironmentRead *read, Arena *arena, StoredEnvironment *ret,
                    Err *err) {
    EnvironmentEntry *entry = &ret->entry;
    int64_t id = 0;
    Query q;
    int r = find(d, read, &q, err);
    if (r > 0)
        r = read_row(&q, arena, &id, ret, err);
    query_end(&q);
    if (r < 0 ||
        (read->parts & ENVIRONMENT_STEPS && read_steps(d, id, arena, &entry->steps, err) < 0) ||
        (read->parts & ENVIRONMENT_AUDIT && read_audit(d, id, arena, &entry->audit, err) < 0) ||
        (read->parts & ENVIRONMENT_VALUES && read_values(d, id, arena, &entry->values, err) < 0))
        return -1;
    return 0;
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
