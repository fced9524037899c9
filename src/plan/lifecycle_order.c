/* SPDX-License-Identifier: Apache-2.0 */
/* Kahn's algorithm with a ready queue in byte order. Names are sorted, so that an index compares as
 * its name does. */
#include <string.h>

#include "plan/lifecycle.h"

enum { NOWHERE = UINT32_MAX };

typedef struct Edge {
    uint32_t to;
    uint32_t next; /* of those from the same name; NOWHERE: the last */
} Edge;

typedef struct Order {
    Arena arena;
    const char **names; /* sorted, none twice */
    uint32_t n;
    Edge *edges;
    uint32_t edge_n;
    uint32_t *first;   /* of each name its first edge */
    uint32_t *waiting; /* for how many; n times, until it is placed: NOWHERE */
    uint32_t *ready;   /* from `head` to `tail`, sorted */
    uint32_t head, tail;
} Order;

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t find(const Order *o, const char *name) {
    const char **at = o->n ? bsearch(&name, o->names, o->n, sizeof(*o->names), compare) : NULL;
    return at ? (uint32_t)(at - o->names) : NOWHERE;
}

static void unite(Order *o) {
    uint32_t n = 0;
    qsort(o->names, o->n, sizeof(*o->names), compare);
    for (uint32_t i = 0; i < o->n; i++)
        if (n == 0 || strcmp(o->names[i], o->names[n - 1]) != 0)
            o->names[n++] = o->names[i];
    o->n = n;
}

static void connect(Order *o, const Config *config) {
    size_t max = 0;
    for (size_t i = 0; i < config->services.n; i++)
        max += config->services.at[i].depends_on.n;
    o->edges = arena_alloc(&o->arena, max * sizeof(*o->edges));
    o->first = arena_alloc(&o->arena, o->n * sizeof(*o->first));
    o->waiting = arena_alloc(&o->arena, o->n * sizeof(*o->waiting));
    memset(o->first, 0xff, o->n * sizeof(*o->first));
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        uint32_t to = find(o, service->name);
        for (size_t d = 0; d < service->depends_on.n; d++) {
            uint32_t from = find(o, service->depends_on.at[d].name);
            if (from == NOWHERE)
                continue;
            o->edges[o->edge_n] = (Edge){to, o->first[from]};
            o->first[from] = o->edge_n++;
            o->waiting[to]++;
        }
    }
}

static void make_ready(Order *o, uint32_t i) {
    uint32_t at = o->tail++;
    for (; at > o->head && o->ready[at - 1] > i; at--)
        o->ready[at] = o->ready[at - 1];
    o->ready[at] = i;
}

/* Names in order: `ret` has their places, o->ready the names of the places. */
static void sort(Order *o, const Config *config) {
    unite(o);
    connect(o, config);
    o->ready = arena_alloc(&o->arena, o->n * sizeof(*o->ready));
    for (uint32_t i = 0; i < o->n; i++)
        if (o->waiting[i] == 0)
            make_ready(o, i);
    while (o->head < o->tail) {
        uint32_t i = o->ready[o->head++];
        for (uint32_t e = o->first[i]; e != NOWHERE; e = o->edges[e].next)
            if (--o->waiting[o->edges[e].to] == 0)
                make_ready(o, o->edges[e].to);
    }
    for (uint32_t i = 0; i < o->n; i++)
        if (o->waiting[i] > 0)
            o->ready[o->tail++] = i;
}

void lifecycle_service_order(const Config *config, uint32_t *ret) {
    Order o = {.n = (uint32_t)config->services.n};
    arena_init(&o.arena);
    o.names = arena_alloc(&o.arena, o.n * sizeof(*o.names));
    for (uint32_t i = 0; i < o.n; i++)
        o.names[i] = config->services.at[i].name;
    sort(&o, config);
    memcpy(ret, o.ready, o.n * sizeof(*ret));
    arena_deinit(&o.arena);
}

void lifecycle_provisioner_order(const Config *config, uint32_t *ret) {
    size_t service_n = config->services.n, own_n = config->provisioner.services.n;
    Order o = {.n = 0};
    arena_init(&o.arena);
    o.names = arena_alloc(&o.arena, (service_n + own_n) * sizeof(*o.names));
    for (size_t i = 0; i < service_n; i++)
        o.names[o.n++] = config->services.at[i].name;
    for (size_t i = 0; i < own_n; i++)
        o.names[o.n++] = config->provisioner.services.at[i].name;
    sort(&o, config);
    for (uint32_t i = 0, n = 0; i < o.n; i++)
        for (uint32_t k = 0; k < own_n; k++)
            if (strcmp(config->provisioner.services.at[k].name, o.names[o.ready[i]]) == 0)
                ret[n++] = k;
    arena_deinit(&o.arena);
}
