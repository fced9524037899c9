/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/xalloc.h"
#include "plan/service_names.h"

enum {
    RESOURCE_MAX = 64
}; /* bytes of a resource's name: a bit of the mask in an object's name for each */

/* A group that stands for what it depends on, with the condition that was written on the way
 * there. */
typedef struct Way {
    uint32_t group;
    DepCondition condition;
    bool restart;
} Way;

typedef struct Builder {
    const Config *config;
    Arena *arena;
    Graph *graph;
    ServiceNames names;
    ServiceTargets *of; /* parallel to config->services */
    unsigned char
        *seen;       /* per service: bit c: it is in `ways` with condition c; c + 4: with restart */
    uint32_t *place; /* per target: where it is in `deps`, plus one; 0: not there */
    uint32_t *dependents; /* per target: how many it has */
    uint32_t *missing;    /* per target: how many of its deps are not in the order yet */
    Dep *deps;            /* of the service at hand */
    size_t dep_n, dep_cap;
    Way *ways;
    size_t way_n, way_cap;
} Builder;

/* ---- names ---- */

/* A DNS name has no '_' and no label that ends with '-'. Those with neither stand as they are:
 * "api.serve". In others '_' becomes '-', a last '-' gets an 'x', and a label of its own says where
 * ('u', or 'x' if one was appended, and a bit mask), so that different names never meet:
 * "my_app" is "my-app.u4.serve", "a-" is "a-x.x0.serve". */
const char *graph_object_name(const char *target, Arena *arena) {
    size_t n = strcspn(target, ":");
    const char *kind = target[n] ? target + n + 1 : "";
    bool plain = !memchr(target, '_', n) && (n == 0 || target[n - 1] != '-');
    char label[RESOURCE_MAX + 2];
    uint64_t mask = 0;
    if (plain || n > RESOURCE_MAX) {
        char *object = arena_strdup(arena, target);
        object[n] = target[n] ? '.' : '\0';
        return object;
    }
    for (size_t i = 0; i < n; i++) {
        label[i] = target[i] == '_' ? '-' : target[i];
        mask |= (uint64_t)(target[i] == '_') << i;
    }
    bool appended = label[n - 1] == '-';
    if (appended)
        label[n++] = 'x';
    label[n] = '\0';
    return arena_printf(arena, "%s.%c%llx.%s", label, appended ? 'x' : 'u',
                        (unsigned long long)mask, kind);
}

static const char *target_name(const char *resource, const char *kind, Arena *arena) {
    size_t n = strlen(resource), k = strlen(kind);
    char *name = arena_alloc(arena, n + 1 + k + 1);
    memcpy(name, resource, n);
    name[n] = ':';
    memcpy(name + n + 1, kind, k);
    return name;
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

static void add_target(Builder *b, const Service *s, TargetType type, const Command *command) {
    const char *kind = type == TARGET_JOB ? "update" : "serve";
    const char *name = target_name(s->name, kind, b->arena);
    b->graph->targets[b->graph->n++] = (TargetSpec){
        .name = name,
        .object = graph_object_name(name, b->arena),
        .resource = s->name,
        .type = type,
        .service = s,
        .command = command,
        .probed = type == TARGET_SERVER && s->ready.kind != PROBE_NONE,
    };
}

static void add_file(Builder *b) {
    b->graph->targets[b->graph->n++] = (TargetSpec){
        .name = TARGET_FILE,
        .object = "tiltfile.update",
        .resource = "(Tiltfile)",
        .type = TARGET_JOB,
    };
}

/* Services are in name order, so targets nearly are: "a-b:serve" comes before "a:serve". */
static void sort_targets(Graph *g) {
    for (size_t i = 1; i < g->n; i++) {
        if (by_name(&g->targets[i - 1], &g->targets[i]) > 0) {
            qsort(g->targets, g->n, sizeof *g->targets, by_name);
            return;
        }
    }
}

static void make_targets(Builder *b) {
    const Config *c = b->config;
    Graph *g = b->graph;
    bool file = false;
    g->targets = arena_alloc(b->arena, (2 * c->services.n + 1) * sizeof *g->targets);
    for (size_t i = 0; i < c->services.n; i++) {
        const Service *s = &c->services.at[i];
        assert(i == 0 || strcmp(c->services.at[i - 1].name, s->name) < 0);
        assert(s->type == SERVICE_SERVER || s->build.argv.n == 0);
        if (!file && strcmp("tiltfile", s->name) < 0) {
            add_file(b);
            file = true;
        }
        if (service_has_server(s))
            add_target(b, s, TARGET_SERVER, &s->command);
        if (service_has_job(s))
            add_target(b, s, TARGET_JOB, s->type == SERVICE_JOB ? &s->command : &s->build);
    }
    if (!file)
        add_file(b);
    sort_targets(g);
}

/* After the sort: where each service's targets are. */
static void find_targets(Builder *b) {
    const Config *c = b->config;
    b->of = arena_alloc(b->arena, c->services.n * sizeof *b->of);
    for (size_t i = 0; i < c->services.n; i++)
        b->of[i] = (ServiceTargets){.update = TARGET_NONE, .serve = TARGET_NONE};
    for (uint32_t t = 0; t < b->graph->n; t++) {
        const TargetSpec *spec = &b->graph->targets[t];
        if (!spec->service) {
            b->graph->tiltfile = t;
            continue;
        }
        ServiceTargets *of = &b->of[spec->service - c->services.at];
        *(spec->type == TARGET_JOB ? &of->update : &of->serve) = t;
    }
    b->graph->of = b->of;
}

/* ---- dependencies ---- */

static void add_way(Builder *b, uint32_t group, DepCondition condition, bool restart) {
    unsigned char bit = (unsigned char)(1u << (condition + (restart ? 4 : 0)));
    if (b->seen[group] & bit)
        return;
    b->seen[group] |= bit;
    if (b->way_n == b->way_cap) {
        b->way_cap = b->way_cap ? b->way_cap * 2 : 64;
        b->ways = xreallocarray(b->ways, b->way_cap, sizeof *b->ways);
    }
    b->ways[b->way_n++] = (Way){group, condition, restart};
}

static void add_dep(Builder *b, uint32_t target, DepCondition condition, bool restart) {
    uint32_t *place = &b->place[target];
    if (*place) {
        Dep *known = &b->deps[*place - 1];
        known->restart |= restart;
        if (known->condition < condition)
            known->condition = condition;
        return;
    }
    if (b->dep_n == b->dep_cap) {
        b->dep_cap = b->dep_cap ? b->dep_cap * 2 : 64;
        b->deps = xreallocarray(b->deps, b->dep_cap, sizeof *b->deps);
    }
    b->deps[b->dep_n++] = (Dep){.target = target, .condition = condition, .restart = restart};
    *place = (uint32_t)b->dep_n;
}

/* A condition that this target can meet: a job is never ready, and a server completes only where
 * that was checked. */
static DepCondition fitting(DepCondition condition, TargetType type) {
    if (condition == DEP_STARTED || condition == DEP_ENDED || condition == DEP_COMPLETED)
        return condition;
    return type == TARGET_JOB ? DEP_COMPLETED : DEP_READY;
}

static void depend(Builder *b, uint32_t service, DepCondition condition, bool restart) {
    const ServiceTargets *on = &b->of[service];
    if (on->serve == TARGET_NONE && on->update == TARGET_NONE)
        add_way(b, service, condition, restart);
    else if (on->serve == TARGET_NONE || (condition == DEP_COMPLETED && on->update != TARGET_NONE))
        add_dep(b, on->update, fitting(condition, TARGET_JOB), restart);
    else
        add_dep(b, on->serve, fitting(condition, TARGET_SERVER), restart);
}

static void depend_on_all_of(Builder *b, const Service *s, DepCondition written, bool restart) {
    for (size_t i = 0; i < s->depends_on.n; i++) {
        const DependsOn *d = &s->depends_on.at[i];
        depend(b, service_names_find(&b->names, d->name),
               written != DEP_DEFAULT ? written : d->condition, restart || d->restart);
    }
}

/* Into b->deps. */
static void collect_deps(Builder *b, const Service *s) {
    b->dep_n = b->way_n = 0;
    depend_on_all_of(b, s, DEP_DEFAULT, false);
    for (size_t i = 0; i < b->way_n; i++) {
        Way way = b->ways[i];
        depend_on_all_of(b, &b->config->services.at[way.group], way.condition, way.restart);
    }
    for (size_t i = 0; i < b->way_n; i++)
        b->seen[b->ways[i].group] = 0;
    for (size_t i = 0; i < b->dep_n; i++)
        b->place[b->deps[i].target] = 0;
}

static int by_target(const void *a, const void *b) {
    uint32_t x = ((const Dep *)a)->target, y = ((const Dep *)b)->target;
    return (x > y) - (x < y);
}

/* In most files they are few. */
static void sort_deps(Dep *deps, size_t n) {
    if (n > 16) {
        qsort(deps, n, sizeof *deps, by_target);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        Dep dep = deps[i];
        size_t at = i;
        for (; at > 0 && deps[at - 1].target > dep.target; at--)
            deps[at] = deps[at - 1];
        deps[at] = dep;
    }
}

static void give_deps(Builder *b, uint32_t target, const Dep *deps, size_t n) {
    b->graph->targets[target].deps = deps;
    b->graph->targets[target].dep_n = n;
    b->missing[target] = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        b->dependents[deps[i].target]++;
        b->graph->targets[deps[i].target].leads |= deps[i].restart;
        b->graph->targets[target].follows |= deps[i].restart;
    }
}

/* The deps of one service, for both of its targets: a server's own build comes last, and is not
 * among those of the build. */
static void make_deps(Builder *b, uint32_t service) {
    const ServiceTargets *m = &b->of[service];
    if (m->update == TARGET_NONE && m->serve == TARGET_NONE)
        return;
    collect_deps(b, &b->config->services.at[service]);
    sort_deps(b->deps, b->dep_n);
    Dep *deps = arena_alloc(b->arena, (b->dep_n + 1) * sizeof *deps);
    if (b->dep_n > 0)
        memcpy(deps, b->deps, b->dep_n * sizeof *deps);
    deps[b->dep_n] = (Dep){.target = m->update, .condition = DEP_COMPLETED, .own_build = true};
    if (m->update != TARGET_NONE)
        give_deps(b, m->update, deps, b->dep_n);
    if (m->serve != TARGET_NONE)
        give_deps(b, m->serve, deps, b->dep_n + (m->update != TARGET_NONE));
}

/* b->dependents holds how many each has; on the way it becomes where its next one goes. */
static void make_dependents(Builder *b) {
    Graph *g = b->graph;
    uint32_t *at = b->dependents;
    size_t total = 0;
    for (size_t i = 0; i < g->n; i++)
        total += at[i];
    uint32_t *all = arena_alloc(b->arena, (total + 1) * sizeof *all), *next = all;
    for (size_t i = 0; i < g->n; i++) {
        g->targets[i].dependents = next;
        g->targets[i].dependent_n = at[i];
        at[i] = (uint32_t)(next - all);
        next += g->targets[i].dependent_n;
    }
    for (uint32_t i = 0; i < g->n; i++) {
        for (size_t d = 0; d < g->targets[i].dep_n; d++)
            all[at[g->targets[i].deps[d].target]++] = i;
    }
}

static void make_order(Builder *b) {
    Graph *g = b->graph;
    uint32_t *order = arena_alloc(b->arena, g->n * sizeof *order);
    size_t n = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        if (b->missing[i] == 0)
            order[n++] = i;
    }
    for (size_t at = 0; at < n; at++) {
        const TargetSpec *spec = &g->targets[order[at]];
        for (size_t d = 0; d < spec->dependent_n; d++) {
            if (--b->missing[spec->dependents[d]] == 0)
                order[n++] = spec->dependents[d];
        }
    }
    assert(n == g->n); /* no cycle */
    g->order = order;
}

void graph_build(const Config *config, Arena *arena, Graph *ret) {
    *ret = (Graph){.config = config};
    size_t services = config->services.n;
    Builder b = {.config = config, .arena = arena, .graph = ret};
    make_targets(&b);
    service_names_init(&b.names, config);
    b.seen = xcalloc(services + 1, sizeof *b.seen);
    b.place = xcalloc(ret->n, sizeof *b.place);
    b.dependents = xcalloc(ret->n, sizeof *b.dependents);
    b.missing = xcalloc(ret->n, sizeof *b.missing);
    find_targets(&b);
    for (uint32_t i = 0; i < services; i++)
        make_deps(&b, i);
    make_dependents(&b);
    make_order(&b);
    locks_build(ret, arena);
    service_names_deinit(&b.names);
    free(b.seen);
    free(b.place);
    free(b.dependents);
    free(b.missing);
    free(b.deps);
    free(b.ways);
}
