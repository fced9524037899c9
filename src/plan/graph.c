/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"

enum { NONE = UINT32_MAX };

/* What is known of a service while the graph is built. */
typedef struct Made {
    uint32_t update, serve; /* indices of its targets, or NONE */
    unsigned char seen;     /* bit c: expanded for the target at hand with condition c */
} Made;

/* A group (or service) still to be expanded, with the condition that was written on the way. */
typedef struct Way {
    uint32_t service;
    DepCondition condition;
} Way;

typedef struct Builder {
    const Config *config;
    Arena *arena;
    Graph *graph;
    Made *made;      /* parallel to config->services */
    uint32_t *place; /* per target: where it is in `deps`, plus one; 0: not there */
    Dep *deps;       /* of the service at hand */
    size_t dep_n, dep_cap;
    Way *ways;
    size_t way_n, way_cap;
    uint32_t *touched; /* services whose `seen` must be cleared */
    size_t touched_n;
} Builder;

/* ---- names ---- */

/* A DNS name has no '_' and no label that ends with '-'. Names with neither stand as they are:
 * "api.serve". In others '_' becomes '-', a last '-' gets an 'x', and a label of its own says where
 * ('u', or 'x' if one was appended, and a bit mask), so that different names never meet:
 * "my_app" is "my-app.u4.serve", "a-" is "a-x.x0.serve". */
static const char *object_name(const char *resource, const char *kind, Arena *arena) {
    size_t n = strlen(resource);
    assert(n > 0 && n <= 64);
    char label[66];
    uint64_t mask = 0;
    for (size_t i = 0; i < n; i++) {
        label[i] = resource[i] == '_' ? '-' : resource[i];
        mask |= (uint64_t)(resource[i] == '_') << i;
    }
    bool appended = label[n - 1] == '-';
    if (appended)
        label[n++] = 'x';
    label[n] = '\0';
    if (!appended && mask == 0)
        return arena_printf(arena, "%s.%s", label, kind);
    return arena_printf(arena, "%s.%c%llx.%s", label, appended ? 'x' : 'u',
                        (unsigned long long)mask, kind);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const TargetSpec *)a)->name, ((const TargetSpec *)b)->name);
}

int64_t graph_find(const Graph *graph, const char *name) {
    size_t low = 0, high = graph->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(name, graph->targets[mid].name);
        if (order == 0)
            return (int64_t)mid;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return -1;
}

/* ---- targets ---- */

static bool has_update(const Service *s) {
    return s->build.argv.n > 0 || (s->type == SERVICE_JOB && s->command.argv.n > 0);
}

static bool has_serve(const Service *s) {
    return s->type == SERVICE_SERVER && s->command.argv.n > 0;
}

static void add_target(Builder *b, const Service *s, TargetType type, const Command *command) {
    const char *kind = type == TARGET_JOB ? "update" : "serve";
    b->graph->targets[b->graph->n++] = (TargetSpec){
        .name = arena_printf(b->arena, "%s:%s", s->name, kind),
        .object = object_name(s->name, kind, b->arena),
        .resource = s->name,
        .type = type,
        .service = s,
        .command = command,
    };
}

static void make_targets(Builder *b) {
    const Config *c = b->config;
    Graph *g = b->graph;
    g->targets = arena_alloc(b->arena, (2 * c->services.n + 1) * sizeof *g->targets);
    g->targets[g->n++] = (TargetSpec){
        .name = "tiltfile:update",
        .object = "tiltfile.update",
        .resource = "(Tiltfile)",
        .type = TARGET_JOB,
    };
    for (size_t i = 0; i < c->services.n; i++) {
        const Service *s = &c->services.at[i];
        assert(i == 0 || strcmp(c->services.at[i - 1].name, s->name) < 0);
        assert(s->type == SERVICE_SERVER || s->build.argv.n == 0);
        if (has_update(s))
            add_target(b, s, TARGET_JOB, s->type == SERVICE_JOB ? &s->command : &s->build);
        if (has_serve(s))
            add_target(b, s, TARGET_SERVER, &s->command);
    }
    qsort(g->targets, g->n, sizeof *g->targets, by_name);
}

/* After the sort: where each service's targets are. */
static void find_targets(Builder *b) {
    for (size_t i = 0; i < b->config->services.n; i++)
        b->made[i] = (Made){.update = NONE, .serve = NONE};
    for (uint32_t t = 0; t < b->graph->n; t++) {
        const TargetSpec *spec = &b->graph->targets[t];
        if (!spec->service) {
            b->graph->tiltfile = t;
            continue;
        }
        Made *m = &b->made[spec->service - b->config->services.at];
        *(spec->type == TARGET_JOB ? &m->update : &m->serve) = t;
    }
}

/* ---- dependencies ---- */

static void push_way(Builder *b, uint32_t service, DepCondition condition) {
    Made *m = &b->made[service];
    unsigned char bit = (unsigned char)(1u << condition);
    if (m->seen & bit)
        return;
    if (!m->seen)
        b->touched[b->touched_n++] = service;
    m->seen |= bit;
    if (b->way_n == b->way_cap) {
        b->way_cap = b->way_cap ? b->way_cap * 2 : 64;
        b->ways = xreallocarray(b->ways, b->way_cap, sizeof *b->ways);
    }
    b->ways[b->way_n++] = (Way){service, condition};
}

static void add_dep(Builder *b, uint32_t target, DepCondition condition) {
    uint32_t *place = &b->place[target];
    if (*place) {
        Dep *known = &b->deps[*place - 1];
        if (known->condition < condition)
            known->condition = condition;
        return;
    }
    if (b->dep_n == b->dep_cap) {
        b->dep_cap = b->dep_cap ? b->dep_cap * 2 : 64;
        b->deps = xreallocarray(b->deps, b->dep_cap, sizeof *b->deps);
    }
    b->deps[b->dep_n++] = (Dep){.target = target, .condition = condition};
    *place = (uint32_t)b->dep_n;
}

/* A condition that this target can meet: a job is never ready, a server never completes. */
static DepCondition fitting(DepCondition condition, TargetType type) {
    if (condition == DEP_STARTED)
        return DEP_STARTED;
    return type == TARGET_JOB ? DEP_COMPLETED : DEP_READY;
}

static void add_ways_of(Builder *b, const Service *s, DepCondition written) {
    for (size_t i = 0; i < s->depends_on.n; i++) {
        const DependsOn *d = &s->depends_on.at[i];
        const Service *on = config_service(b->config, d->name);
        assert(on);
        push_way(b, (uint32_t)(on - b->config->services.at),
                 written != DEP_DEFAULT ? written : d->condition);
    }
}

static void expand(Builder *b, Way way) {
    const Made *m = &b->made[way.service];
    bool job = m->serve == NONE || (way.condition == DEP_COMPLETED && m->update != NONE);
    if (m->serve == NONE && m->update == NONE)
        add_ways_of(b, &b->config->services.at[way.service], way.condition);
    else if (job)
        add_dep(b, m->update, fitting(way.condition, TARGET_JOB));
    else
        add_dep(b, m->serve, fitting(way.condition, TARGET_SERVER));
}

static int by_target(const void *a, const void *b) {
    uint32_t x = ((const Dep *)a)->target, y = ((const Dep *)b)->target;
    return (x > y) - (x < y);
}

/* The deps of one service, for both of its targets: a server's own build comes last, and is not among
 * those of the build. */
static void make_deps(Builder *b, uint32_t service) {
    Made *m = &b->made[service];
    if (m->update == NONE && m->serve == NONE)
        return;
    b->dep_n = 0;
    add_ways_of(b, &b->config->services.at[service], DEP_DEFAULT);
    while (b->way_n > 0)
        expand(b, b->ways[--b->way_n]);
    for (size_t i = 0; i < b->dep_n; i++)
        b->place[b->deps[i].target] = 0;
    while (b->touched_n > 0)
        b->made[b->touched[--b->touched_n]].seen = 0;
    if (b->dep_n > 1)
        qsort(b->deps, b->dep_n, sizeof *b->deps, by_target);
    Dep *deps = arena_alloc(b->arena, (b->dep_n + 1) * sizeof *deps);
    if (b->dep_n > 0)
        memcpy(deps, b->deps, b->dep_n * sizeof *deps);
    deps[b->dep_n] = (Dep){.target = m->update, .condition = DEP_COMPLETED, .own_build = true};
    TargetSpec *targets = b->graph->targets;
    if (m->update != NONE)
        targets[m->update].deps = deps, targets[m->update].dep_n = b->dep_n;
    if (m->serve != NONE)
        targets[m->serve].deps = deps, targets[m->serve].dep_n = b->dep_n + (m->update != NONE);
}

static void make_dependents(Builder *b) {
    Graph *g = b->graph;
    size_t total = 0;
    for (size_t i = 0; i < g->n; i++) {
        total += g->targets[i].dep_n;
        for (size_t d = 0; d < g->targets[i].dep_n; d++)
            g->targets[g->targets[i].deps[d].target].dependent_n++;
    }
    uint32_t *all = arena_alloc(b->arena, (total + 1) * sizeof *all);
    for (size_t i = 0; i < g->n; i++) {
        g->targets[i].dependents = all;
        all += g->targets[i].dependent_n;
        g->targets[i].dependent_n = 0;
    }
    for (uint32_t i = 0; i < g->n; i++) {
        for (size_t d = 0; d < g->targets[i].dep_n; d++) {
            TargetSpec *on = &g->targets[g->targets[i].deps[d].target];
            ((uint32_t *)on->dependents)[on->dependent_n++] = i;
        }
    }
}

static void make_order(Builder *b) {
    Graph *g = b->graph;
    uint32_t *order = arena_alloc(b->arena, g->n * sizeof *order);
    uint32_t *missing = xcalloc(g->n, sizeof *missing);
    size_t n = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        missing[i] = (uint32_t)g->targets[i].dep_n;
        if (missing[i] == 0)
            order[n++] = i;
    }
    for (size_t at = 0; at < n; at++) {
        const TargetSpec *spec = &g->targets[order[at]];
        for (size_t d = 0; d < spec->dependent_n; d++) {
            if (--missing[spec->dependents[d]] == 0)
                order[n++] = spec->dependents[d];
        }
    }
    assert(n == g->n); /* no cycle */
    free(missing);
    g->order = order;
}

void graph_build(const Config *config, Arena *arena, Graph *ret) {
    *ret = (Graph){.config = config};
    size_t services = config->services.n;
    Builder b = {.config = config, .arena = arena, .graph = ret};
    make_targets(&b);
    b.made = xcalloc(services + 1, sizeof *b.made);
    b.touched = xcalloc(services + 1, sizeof *b.touched);
    b.place = xcalloc(ret->n, sizeof *b.place);
    find_targets(&b);
    for (uint32_t i = 0; i < services; i++)
        make_deps(&b, i);
    make_dependents(&b);
    make_order(&b);
    free(b.made);
    free(b.touched);
    free(b.place);
    free(b.deps);
    free(b.ways);
}
