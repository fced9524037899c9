/* SPDX-License-Identifier: Apache-2.0 */
/* Environments. A write makes a new copy of the whole entry and lets the old one go. */
#include <string.h>

#include "base/limits.h"
#include "store/environment_copy.h"
#include "store/environment_rules.h"
#include "store/mem/mem_store.h"

static EnvironmentKey key_of(const MemEnvironment *e) {
    return (EnvironmentKey){e->stored.project, e->stored.entry.name};
}

static MemEnvironment *find(MemStore *m, EnvironmentKey key) {
    for (size_t i = 0; i < m->environments.n; i++)
        if (mem_same_key(key_of(m->environments.at[i]), key))
            return m->environments.at[i];
    return NULL;
}

/* ---- reading ---- */

static StoredEnvironment copy(const MemEnvironment *e, unsigned parts, Arena *arena) {
    StoredEnvironment c = e->stored;
    c.project = arena_strdup(arena, c.project);
    c.server = entry_server(&c.entry);
    c.server = c.server ? arena_strdup(arena, c.server) : NULL;
    c.entry = entry_copy(&c.entry, parts, arena);
    return c;
}

int mem_environments(Store *store, int64_t since, Arena *arena, StoredEnvironments *ret, Err *err) {
    MemStore *m = mem_store(store);
    size_t cap = 0, removed_cap = 0;
    *ret = (StoredEnvironments){.change = m->change,
                                .whole = since < m->forgotten || since > m->change};
    for (size_t i = 0; i < m->environments.n; i++) {
        const MemEnvironment *e = m->environments.at[i];
        bool changed = ret->whole || e->stored.change > since;
        if (e->there && changed) {
            ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
            ret->at[ret->n++] = copy(e, 0, arena);
        } else if (!e->there && changed && !ret->whole) {
            ret->removed.at = arena_grow(arena, ret->removed.at, ret->removed.n, &removed_cap,
                                         sizeof(*ret->removed.at));
            ret->removed.at[ret->removed.n++] = environment_key_copy(key_of(e), arena);
        }
    }
    return 0;
}

int mem_change(Store *store, int64_t *ret, Err *err) {
    *ret = mem_store(store)->change;
    return 0;
}

int mem_environment(Store *store, const EnvironmentRead *read, Arena *arena, StoredEnvironment *ret,
                    Err *err) {
    const MemEnvironment *e = find(mem_store(store), read->key);
    if (!e || !e->there)
        return environment_not_found(read->key, err);
    *ret = copy(e, read->parts, arena);
    return 0;
}

/* NULL: nothing is known of it but its environments. */
static MemProject *find_project(const MemStore *m, const char *project) {
    for (size_t i = 0; i < m->projects.n; i++)
        if (strcmp(m->projects.at[i]->project, project) == 0)
            return m->projects.at[i];
    return NULL;
}

int mem_project(Store *store, const ProjectRead *read, Arena *arena, EnvironmentState *ret,
                Err *err) {
    MemStore *m = mem_store(store);
    const MemProject *project = find_project(m, read->project);
    *ret = (EnvironmentState){.version = ENVIRONMENT_STATE_VERSION};
    ret->environments.at = arena_alloc(arena, m->environments.n * sizeof(*ret->environments.at));
    for (size_t i = 0; i < m->environments.n; i++) {
        const MemEnvironment *e = m->environments.at[i];
        if (e->there && strcmp(e->stored.project, read->project) == 0)
            ret->environments.at[ret->environments.n++] =
                entry_copy(&e->stored.entry, read->parts, arena);
    }
    ret->unknown = value_copy(project ? project->unknown : NULL, arena);
    return 0;
}

/* ---- writing ---- */

static int by_key(const void *a, const void *b) {
    EnvironmentKey x = key_of(*(MemEnvironment *const *)a), y = key_of(*(MemEnvironment *const *)b);
    int order = strcmp(x.project, y.project);
    return order ? order : strcmp(x.name, y.name);
}

static MemEnvironment *need(MemStore *m, EnvironmentKey key) {
    MemEnvironment *e = find(m, key);
    if (e)
        return e;
    e = xcalloc(1, sizeof(*e));
    arena_init(&e->arena);
    e->stored.project = arena_strdup(&e->arena, key.project);
    e->stored.entry.name = arena_strdup(&e->arena, key.name);
    VEC_PUSH(m->environments, e);
    qsort(m->environments.at, m->environments.n, sizeof(*m->environments.at), by_key);
    return e;
}

/* As it is to be: its strings may be anybody's, and become its own. */
static void settle(MemStore *m, MemEnvironment *e, StoredEnvironment next) {
    Arena arena;
    arena_init(&arena);
    next.change = ++m->change;
    next.project = arena_strdup(&arena, e->stored.project);
    next.entry.name = e->stored.entry.name;
    next.entry = entry_copy(&next.entry, ENVIRONMENT_ALL_PARTS, &arena);
    arena_deinit(&e->arena);
    e->arena = arena;
    e->stored = next;
}

static void add_audit(AuditLog *log, const AuditEntry *entries, size_t n, Arena *arena) {
    AuditLog now = {.at = arena_alloc(arena, (log->n + n) * sizeof(*now.at))};
    for (size_t i = 0; i < log->n; i++)
        now.at[now.n++] = log->at[i];
    for (size_t i = 0; i < n; i++)
        now.at[now.n++] = entries[i];
    *log = now;
}

int mem_environment_write(Store *store, const EnvironmentWrite *write, int64_t *ret_version,
                          Err *err) {
    MemStore *m = mem_store(store);
    MemEnvironment *e = find(m, write->key);
    if (mem_token_check(m, write->key, write->token, err) < 0 ||
        environment_check_version(write, e && e->there ? e->stored.version : 0, err) < 0)
        return -1;
    e = need(m, write->key);
    StoredEnvironment next = e->stored;
    if (write->entry) {
        next.entry = *write->entry;
        next.entry.steps = e->stored.entry.steps;
        next.entry.audit = e->stored.entry.audit;
        next.entry.values = e->stored.entry.values;
    }
    for (size_t i = 0; i < write->step_n; i++)
        entry_set_checkpoint(&next.entry, &write->steps[i], &e->arena);
    if (write->audit_n)
        add_audit(&next.entry.audit, write->audit, write->audit_n, &e->arena);
    if (write->values)
        next.entry.values = strmap_merge(&next.entry.values, write->values, &e->arena);
    next.version++;
    settle(m, e, next);
    e->there = true;
    *ret_version = e->stored.version;
    return 0;
}

static void set_unknown(MemStore *m, const EnvironmentAdd *add) {
    MemProject *project = find_project(m, add->project);
    if (!project) {
        project = xcalloc(1, sizeof(*project));
        arena_init(&project->arena);
        project->project = arena_strdup(&project->arena, add->project);
        VEC_PUSH(m->projects, project);
    }
    project->unknown = project_unknown(project->unknown, add->unknown, &project->arena);
}

/* It is there, or comes before `i` already. */
static bool is_twice(MemStore *m, const EnvironmentAdd *add, size_t i) {
    const MemEnvironment *e = find(m, (EnvironmentKey){add->project, add->at[i].name});
    for (size_t k = 0; k < i; k++)
        if (strcmp(add->at[k].name, add->at[i].name) == 0)
            return true;
    return e && e->there;
}

int mem_environments_add(Store *store, const EnvironmentAdd *add, Err *err) {
    MemStore *m = mem_store(store);
    for (size_t i = 0; i < add->n; i++)
        if (is_twice(m, add, i))
            return environment_is_there((EnvironmentKey){add->project, add->at[i].name}, err);
    for (size_t i = 0; i < add->n; i++) {
        const EnvironmentWrite write = environment_write_whole(add->project, &add->at[i]);
        int64_t version;
        if (mem_environment_write(store, &write, &version, err) < 0)
            return -1;
        if (add->blocks && add->blocks[i] >= 0)
            mem_port_block_take(m, write.key, (uint32_t)add->blocks[i]);
    }
    if (add->unknown)
        set_unknown(m, add);
    return 0;
}

static void drop(MemStore *m, size_t i) {
    MemEnvironment *e = m->environments.at[i];
    m->forgotten = e->stored.change > m->forgotten ? e->stored.change : m->forgotten;
    memmove(m->environments.at + i, m->environments.at + i + 1,
            (--m->environments.n - i) * sizeof(*m->environments.at));
    arena_deinit(&e->arena);
    free(e);
}

static void forget_oldest(MemStore *m) {
    size_t removed = 0, oldest = 0;
    for (size_t i = 0; i < m->environments.n; i++) {
        const MemEnvironment *e = m->environments.at[i];
        if (e->there)
            continue;
        if (removed++ == 0 || e->stored.change < m->environments.at[oldest]->stored.change)
            oldest = i;
    }
    if (removed > MAX_ENVIRONMENTS_REMOVED)
        drop(m, oldest);
}

int mem_environment_remove(Store *store, EnvironmentKey key, int64_t token, Err *err) {
    MemStore *m = mem_store(store);
    MemEnvironment *e = find(m, key);
    if (mem_token_check(m, key, token, err) < 0)
        return -1;
    mem_port_block_free(m, key);
    if (!e || !e->there)
        return 0;
    StoredEnvironment next = {.version = e->stored.version + 1,
                              .entry = {.audit = e->stored.entry.audit}};
    settle(m, e, next);
    e->there = false;
    forget_oldest(m);
    return 0;
}

static bool names(const StrList *list, const char *name) {
    for (size_t i = 0; list && i < list->n; i++)
        if (strcmp(list->at[i], name) == 0)
            return true;
    return false;
}

int mem_environment_values(Store *store, const EnvironmentValues *values, Err *err) {
    static const StrMap none = {0};
    MemStore *m = mem_store(store);
    MemEnvironment *e = find(m, values->key);
    if (!e || !e->there)
        return environment_not_found(values->key, err);
    StoredEnvironment next = e->stored;
    StrMap all = strmap_merge(&next.entry.values, values->set ? values->set : &none, &e->arena);
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++)
        if (!names(values->unset, all.at[i].name))
            all.at[n++] = all.at[i];
    next.entry.values = (StrMap){all.at, n};
    if (values->audit)
        add_audit(&next.entry.audit, values->audit, 1, &e->arena);
    settle(m, e, next);
    return 0;
}
