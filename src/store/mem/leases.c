/* SPDX-License-Identifier: Apache-2.0 */
/* Port leases of sessions. */
#include <string.h>

#include "base/limits.h"
#include "store/mem/mem_store.h"

static bool same_owner(const LeaseOwner *a, const LeaseOwner *b) {
    return strcmp(a->file, b->file) == 0 && strcmp(a->session, b->session) == 0;
}

static Lease copy(const Lease *lease, Arena *arena) {
    Lease c = *lease;
    c.owner.file = arena_strdup(arena, c.owner.file);
    c.owner.session = arena_strdup(arena, c.owner.session);
    c.owner.slug = arena_strdup(arena, c.owner.slug);
    c.service = arena_strdup(arena, c.service);
    c.name = arena_strdup(arena, c.name);
    return c;
}

static void drop(MemStore *m, size_t i) {
    arena_deinit(&m->leases.at[i]->arena);
    free(m->leases.at[i]);
    m->leases.at[i] = m->leases.at[--m->leases.n];
}

/* Whoever else holds the port: another owner, or one of the same call. */
static int check_free(const MemStore *m, const Leases *leases, Err *err) {
    for (size_t i = 0; i < leases->n; i++) {
        const Lease *lease = &leases->at[i];
        bool taken = false;
        for (size_t j = 0; j < m->leases.n; j++) {
            const Lease *other = &m->leases.at[j]->lease;
            taken |= other->held && other->port == lease->port &&
                     !same_owner(&other->owner, &lease->owner);
        }
        for (size_t j = 0; j < i; j++)
            taken |= leases->at[j].port == lease->port;
        if (taken)
            return err_set(err, ERR_CONFLICT, "port %lld: the port is held by another session",
                           (long long)lease->port);
    }
    return 0;
}

static MemLease *find(MemStore *m, const Lease *lease) {
    for (size_t i = 0; i < m->leases.n; i++) {
        const Lease *other = &m->leases.at[i]->lease;
        if (same_owner(&other->owner, &lease->owner) &&
            strcmp(other->service, lease->service) == 0 && strcmp(other->name, lease->name) == 0)
            return m->leases.at[i];
    }
    return NULL;
}

static void put(MemStore *m, const Lease *lease) {
    MemLease *kept = find(m, lease);
    if (kept) {
        arena_reset(&kept->arena);
    } else {
        kept = xcalloc(1, sizeof(*kept));
        arena_init(&kept->arena);
        VEC_PUSH(m->leases, kept);
    }
    kept->lease = copy(lease, &kept->arena);
    kept->lease.held = true;
    kept->changed = m->lease_changes;
}

static void forget_oldest(MemStore *m) {
    for (;;) {
        size_t remembered = 0, oldest = 0;
        for (size_t i = 0; i < m->leases.n; i++) {
            if (m->leases.at[i]->lease.held)
                continue;
            if (remembered++ == 0 || m->leases.at[i]->changed < m->leases.at[oldest]->changed)
                oldest = i;
        }
        if (remembered <= MAX_LEASES_REMEMBERED)
            return;
        drop(m, oldest);
    }
}

int mem_release(Store *store, const LeaseOwner *owner, Err *err) {
    MemStore *m = mem_store(store);
    for (size_t i = 0; i < m->leases.n; i++)
        if (same_owner(&m->leases.at[i]->lease.owner, owner))
            m->leases.at[i]->lease.held = false;
    return 0;
}

int mem_lease(Store *store, const Leases *leases, Err *err) {
    MemStore *m = mem_store(store);
    if (check_free(m, leases, err) < 0 || mem_release(store, &leases->at[0].owner, err) < 0)
        return -1;
    m->lease_changes++;
    for (size_t i = 0; i < leases->n; i++)
        put(m, &leases->at[i]);
    forget_oldest(m);
    return 0;
}

int mem_forget(Store *store, const LeaseOwner *owner, Err *err) {
    MemStore *m = mem_store(store);
    for (size_t i = m->leases.n; i-- > 0;)
        if (same_owner(&m->leases.at[i]->lease.owner, owner))
            drop(m, i);
    return 0;
}

static int by_port(const void *a, const void *b) {
    const MemLease *x = *(MemLease *const *)a, *y = *(MemLease *const *)b;
    if (x->lease.port != y->lease.port)
        return x->lease.port < y->lease.port ? -1 : 1;
    return (x->changed > y->changed) - (x->changed < y->changed);
}

int mem_leases(Store *store, Arena *arena, Leases *ret, Err *err) {
    MemStore *m = mem_store(store);
    *ret = (Leases){.at = arena_alloc(arena, m->leases.n * sizeof(*ret->at)), .n = m->leases.n};
    if (m->leases.n)
        qsort(m->leases.at, m->leases.n, sizeof(*m->leases.at), by_port);
    for (size_t i = 0; i < ret->n; i++)
        ret->at[i] = copy(&m->leases.at[i]->lease, arena);
    return 0;
}
