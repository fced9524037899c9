/* SPDX-License-Identifier: Apache-2.0 */
/* Environments, written: each call is one transaction. */
#include "base/limits.h"
#include "store/environment_rules.h"
#include "store/sqlite/entry_json.h"
#include "store/sqlite/sqlite_store.h"

static int draw_change(Database *d, int64_t *ret, Err *err) {
    return sqlite_counter(d, "UPDATE counter SET change = change + 1 RETURNING change", ret, err);
}

static int run_on(Database *d, const char *sql, int64_t id, Err *err) {
    Query q;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, id);
    return query_run(&q, err);
}

/* ---- what belongs to an entry ---- */

static int put_step(Database *d, int64_t id, const Checkpoint *step, Arena *arena, Err *err) {
    static const char sql[] =
        "REPLACE INTO step(environment, name, status, started_ns, finished_ns,"
        " duration_ms, machine, error, outputs, inputs, run, server, operation, unknown)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const char *outputs, *unknown;
    Query q;
    if (value_to_text(step->outputs, arena, &outputs, err) < 0 ||
        value_to_text(step->unknown, arena, &unknown, err) < 0)
        return err_in(err, "step %s", step->name);
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, id);
    query_text(&q, step->name);
    query_text(&q, checkpoint_status_name(step->status));
    query_int(&q, step->started_ns);
    query_int(&q, step->finished_ns);
    query_int(&q, step->duration_ms);
    query_text(&q, step->machine);
    query_text(&q, step->error);
    query_text(&q, outputs);
    query_text(&q, step->inputs);
    query_int(&q, step->run);
    query_text(&q, step->server);
    query_int(&q, step->operation);
    query_text(&q, unknown);
    return query_run(&q, err);
}

static int add_audit(Database *d, int64_t id, const AuditEntry *entry, Arena *arena, Err *err) {
    static const char sql[] =
        "INSERT INTO audit(environment, n, time_ns, step, action, machine, duration_ms, message,"
        " error, user, unknown)"
        " SELECT ?1, coalesce(max(n), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10"
        " FROM audit WHERE environment = ?1";
    const char *unknown;
    Query q;
    if (value_to_text(entry->unknown, arena, &unknown, err) < 0)
        return err_in(err, "audit log");
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, id);
    query_int(&q, entry->time_ns);
    query_text(&q, entry->step);
    query_text(&q, entry->action);
    query_text(&q, entry->machine);
    query_int(&q, entry->duration_ms);
    query_text(&q, entry->message);
    query_text(&q, entry->error);
    query_text(&q, entry->user);
    query_text(&q, unknown);
    return query_run(&q, err);
}

static int put_value(Database *d, int64_t id, const StrPair *pair, Err *err) {
    Query q;
    if (query_begin(&q, d, "REPLACE INTO value(environment, name, value) VALUES(?, ?, ?)", err) < 0)
        return -1;
    query_int(&q, id);
    query_text(&q, pair->name);
    query_text(&q, pair->value);
    return query_run(&q, err);
}

/* NULL: none. */
static int put_pairs(Database *d, int64_t id, const StrMap *map, Err *err) {
    for (size_t i = 0; map && i < map->n; i++)
        if (put_value(d, id, &map->at[i], err) < 0)
            return -1;
    return 0;
}

static int drop_value(Database *d, int64_t id, const char *name, Err *err) {
    Query q;
    if (query_begin(&q, d, "DELETE FROM value WHERE environment = ? AND name = ?", err) < 0)
        return -1;
    query_int(&q, id);
    query_text(&q, name);
    return query_run(&q, err);
}

/* ---- an entry ---- */

typedef struct Change {
    EnvironmentRow row;
    int64_t change;
    Arena arena;
} Change;

/* The row of one that never was there. */
static int make_row(Database *d, EnvironmentKey key, EnvironmentRow *row, Err *err) {
    static const char sql[] =
        "INSERT INTO environment(project, name, version, change) VALUES(?, ?, 0, 0)";
    Query q;
    if (row->id)
        return 0;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_text(&q, key.project);
    query_text(&q, key.name);
    if (query_run(&q, err) < 0)
        return -1;
    row->id = sqlite3_last_insert_rowid(d->db);
    return 0;
}

static int touch(Database *d, const Change *c, Err *err) {
    Query q;
    if (query_begin(&q, d, "UPDATE environment SET version = ?, change = ? WHERE id = ?", err) < 0)
        return -1;
    query_int(&q, c->row.version);
    query_int(&q, c->change);
    query_int(&q, c->row.id);
    return query_run(&q, err);
}

static void bind_compute(Query *q, const ComputeAccess *compute, const char *unknown) {
    static const ComputeAccess none = {0};
    const ComputeAccess *c = compute ? compute : &none;
    query_text(q, compute && !c->type ? "" : c->type);
    query_text(q, c->path);
    query_text(q, c->host);
    query_text(q, c->user);
    query_text(q, c->root);
    query_int(q, c->managed);
    query_text(q, unknown);
}

static int put_entry(Database *d, Change *c, const EnvironmentEntry *entry, Err *err) {
    static const char sql[] =
        "UPDATE environment SET version = ?, change = ?, removed = 0, uid = ?, mode = ?,"
        " branch = ?, base = ?, status = ?, created_ns = ?, updated_ns = ?, expires_ns = ?,"
        " failed_step = ?, error = ?, compute_type = ?, compute_path = ?, compute_host = ?,"
        " compute_user = ?, compute_root = ?, compute_managed = ?, compute_unknown = ?,"
        " ports = ?, outputs = ?, services = ?, unknown = ? WHERE id = ?";
    EntryTexts texts;
    Query q;
    if (entry_texts(entry, &c->arena, &texts, err) < 0 || query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, c->row.version);
    query_int(&q, c->change);
    query_text(&q, entry->uid);
    query_text(&q, entry->mode);
    query_text(&q, entry->branch);
    query_text(&q, entry->base);
    query_text(&q, environment_status_name(entry->status));
    query_int(&q, entry->created_ns);
    query_int(&q, entry->updated_ns);
    query_int(&q, entry->expires_ns);
    query_text(&q, entry->failed_step);
    query_text(&q, entry->error);
    bind_compute(&q, entry->compute, texts.compute_unknown);
    query_text(&q, texts.ports);
    query_text(&q, texts.outputs);
    query_text(&q, texts.services);
    query_text(&q, texts.unknown);
    query_int(&q, c->row.id);
    return query_run(&q, err);
}

static int put_all(Database *d, const EnvironmentWrite *write, Change *c, Err *err) {
    if (sqlite_token_check(d, write->key, write->token, err) < 0 ||
        sqlite_row(d, write->key, &c->row, err) < 0 ||
        environment_check_version(write, c->row.there ? c->row.version : 0, err) < 0 ||
        make_row(d, write->key, &c->row, err) < 0 || draw_change(d, &c->change, err) < 0)
        return -1;
    c->row.version++;
    if ((write->entry ? put_entry(d, c, write->entry, err) : touch(d, c, err)) < 0)
        return err_in(err, "environment '%s'", write->key.name);
    for (size_t i = 0; i < write->step_n; i++)
        if (put_step(d, c->row.id, &write->steps[i], &c->arena, err) < 0)
            return err_in(err, "environment '%s'", write->key.name);
    for (size_t i = 0; i < write->audit_n; i++)
        if (add_audit(d, c->row.id, &write->audit[i], &c->arena, err) < 0)
            return -1;
    return put_pairs(d, c->row.id, write->values, err);
}

int sqlite_environment_write(Store *store, const EnvironmentWrite *write, int64_t *ret_version,
                             Err *err) {
    Database *d = sqlite_shared(store);
    Change c = {0};
    if (database_write(d, err) < 0)
        return -1;
    arena_init(&c.arena);
    int r = database_end(d, put_all(d, write, &c, err), err);
    arena_deinit(&c.arena);
    if (r == 0)
        *ret_version = c.row.version;
    return r;
}

/* ---- whole ones ---- */

static int put_unknown(Database *d, const EnvironmentAdd *add, Arena *arena, Err *err) {
    static const char sql[] = "REPLACE INTO project(project, unknown) VALUES(?, ?)";
    const Value *old;
    const char *text;
    Query q;
    if (!add->unknown)
        return 0;
    if (sqlite_project_unknown(d, add->project, arena, &old, err) < 0 ||
        value_to_text(project_unknown(old, add->unknown, arena), arena, &text, err) < 0 ||
        query_begin(&q, d, sql, err) < 0)
        return -1;
    query_text(&q, add->project);
    query_text(&q, text);
    return query_run(&q, err);
}

int sqlite_environments_add(Store *store, const EnvironmentAdd *add, Err *err) {
    Database *d = sqlite_shared(store);
    Change c = {0};
    if (database_write(d, err) < 0)
        return -1;
    arena_init(&c.arena);
    int r = put_unknown(d, add, &c.arena, err);
    for (size_t i = 0; r == 0 && i < add->n; i++) {
        const EnvironmentWrite write = environment_write_whole(add->project, &add->at[i]);
        r = put_all(d, &write, &c, err);
        if (r == 0 && add->blocks && add->blocks[i] >= 0)
            r = sqlite_port_block_take(d, write.key, (uint32_t)add->blocks[i], err);
    }
    r = database_end(d, r, err);
    arena_deinit(&c.arena);
    return r;
}

/* ---- removed ---- */

/* Of those that were removed only so many are kept. */
static int forget_oldest(Database *d, Err *err) {
    static const char which[] = "SELECT change FROM environment WHERE removed"
                                " ORDER BY change DESC LIMIT 1 OFFSET ?";
    static const char *const drop[] = {
        "DELETE FROM audit WHERE environment IN"
        " (SELECT id FROM environment WHERE removed AND change <= ?)",
        "DELETE FROM environment WHERE removed AND change <= ?",
        "UPDATE counter SET forgotten = max(forgotten, ?)",
    };
    Query q;
    int64_t change = 0;
    if (query_begin(&q, d, which, err) < 0)
        return -1;
    query_int(&q, MAX_ENVIRONMENTS_REMOVED);
    int r = query_number(&q, &change, err);
    for (size_t i = 0; r > 0 && i < COUNT(drop); i++)
        if (run_on(d, drop[i], change, err) < 0)
            return -1;
    return r < 0 ? -1 : 0;
}

/* All columns but these become NULL. */
static int empty_row(Database *d, EnvironmentKey key, const Change *c, Err *err) {
    static const char sql[] = "REPLACE INTO environment(id, project, name, version, change,"
                              " removed) VALUES(?, ?, ?, ?, ?, 1)";
    Query q;
    if (query_begin(&q, d, sql, err) < 0)
        return -1;
    query_int(&q, c->row.id);
    query_text(&q, key.project);
    query_text(&q, key.name);
    query_int(&q, c->row.version + 1);
    query_int(&q, c->change);
    return query_run(&q, err);
}

static int remove_all(Database *d, EnvironmentKey key, int64_t token, Err *err) {
    Change c = {0};
    if (sqlite_token_check(d, key, token, err) < 0 || sqlite_port_block_free(d, key, err) < 0 ||
        sqlite_row(d, key, &c.row, err) < 0)
        return -1;
    if (!c.row.there)
        return 0;
    if (draw_change(d, &c.change, err) < 0 ||
        run_on(d, "DELETE FROM step WHERE environment = ?", c.row.id, err) < 0 ||
        run_on(d, "DELETE FROM value WHERE environment = ?", c.row.id, err) < 0 ||
        empty_row(d, key, &c, err) < 0)
        return -1;
    return forget_oldest(d, err);
}

int sqlite_environment_remove(Store *store, EnvironmentKey key, int64_t token, Err *err) {
    Database *d = sqlite_shared(store);
    if (token == 0 && database_absent(d))
        return 0;
    if (database_write(d, err) < 0)
        return -1;
    return database_end(d, remove_all(d, key, token, err), err);
}

/* ---- key-values ---- */

static int put_values(Database *d, const EnvironmentValues *values, Change *c, Err *err) {
    if (sqlite_row(d, values->key, &c->row, err) < 0)
        return -1;
    if (!c->row.there)
        return environment_not_found(values->key, err);
    if (draw_change(d, &c->change, err) < 0 || touch(d, c, err) < 0 ||
        put_pairs(d, c->row.id, values->set, err) < 0)
        return -1;
    for (size_t i = 0; values->unset && i < values->unset->n; i++)
        if (drop_value(d, c->row.id, values->unset->at[i], err) < 0)
            return -1;
    return values->audit ? add_audit(d, c->row.id, values->audit, &c->arena, err) : 0;
}

int sqlite_environment_values(Store *store, const EnvironmentValues *values, Err *err) {
    Database *d = sqlite_shared(store);
    Change c = {0};
    if (database_write(d, err) < 0)
        return -1;
    arena_init(&c.arena);
    int r = database_end(d, put_values(d, values, &c, err), err);
    arena_deinit(&c.arena);
    return r;
}
