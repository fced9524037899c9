/* SPDX-License-Identifier: Apache-2.0 */
/* Which targets people mean by the names they give. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "plan/graph.h"

typedef struct Chooser {
    const Graph *graph;
    unsigned char *chosen;
    unsigned char *seen; /* per service: marked already */
    uint32_t *todo;      /* services to be marked; each is there at most once */
    size_t todo_n;
} Chooser;

static void chooser_init(Chooser *c, const Graph *graph, unsigned char *chosen) {
    size_t n = graph->config->services.n + 1;
    *c = (Chooser){.graph = graph, .chosen = chosen};
    c->seen = xcalloc(n, sizeof *c->seen);
    c->todo = xcalloc(n, sizeof *c->todo);
}

static void chooser_deinit(Chooser *c) {
    free(c->seen);
    free(c->todo);
}

static bool mark_target(const Chooser *c, uint32_t target) {
    if (target != TARGET_NONE)
        c->chosen[target] = 1;
    return target != TARGET_NONE;
}

static void add_service(Chooser *c, const Service *service) {
    size_t at = (size_t)(service - c->graph->config->services.at);
    if (c->seen[at])
        return;
    c->seen[at] = 1;
    c->todo[c->todo_n++] = (uint32_t)at;
}

/* The targets of one service; of a group, those of all it depends on. */
static void mark_service(Chooser *c, const Service *first) {
    const Config *config = c->graph->config;
    add_service(c, first);
    while (c->todo_n > 0) {
        uint32_t at = c->todo[--c->todo_n];
        const Service *s = &config->services.at[at];
        bool update = mark_target(c, c->graph->of[at].update);
        bool serve = mark_target(c, c->graph->of[at].serve);
        for (size_t i = 0; !update && !serve && i < s->depends_on.n; i++) {
            const Service *on = config_service(config, s->depends_on.at[i].name);
            assert(on);
            add_service(c, on);
        }
    }
}

static int unknown(const Graph *graph, const char *name, Err *err) {
    size_t n = 0;
    const char **names = xcalloc(graph->config->services.n + graph->n, sizeof *names);
    for (size_t i = 0; i < graph->config->services.n; i++)
        names[n++] = graph->config->services.at[i].name;
    for (size_t i = 0; strchr(name, ':') && i < graph->n; i++) {
        if (i != graph->tiltfile)
            names[n++] = graph->targets[i].name;
    }
    const char *like = str_suggest(name, names, n);
    err_set(err, ERR_NOT_FOUND, "there is no service or target named \"%.100s\"", name);
    err_suggest(err, like, "; `thole config` shows them");
    free(names);
    return -1;
}

static int mark_name(Chooser *c, const char *name, Err *err) {
    const Graph *graph = c->graph;
    int64_t target = graph_find(graph, name);
    if (target == (int64_t)graph->tiltfile)
        return err_set(err, ERR_INVALID, "%s stands for the configuration file; it is not run",
                       name);
    if (target >= 0) {
        c->chosen[target] = 1;
        return 0;
    }
    const Service *service = config_service(graph->config, name);
    if (!service)
        return unknown(graph, name, err);
    mark_service(c, service);
    return 0;
}

int graph_mark(const Graph *graph, const char *name, unsigned char *chosen, Err *err) {
    Chooser c;
    chooser_init(&c, graph, chosen);
    int r = mark_name(&c, name, err);
    chooser_deinit(&c);
    return r;
}

static void add_group(const Graph *graph, const char *name, const unsigned char *marked,
                      StrList *groups, Arena *arena) {
    for (size_t i = 0; i < graph->n; i++) {
        StrList *list = &groups[i];
        if (!marked[i])
            continue;
        if ((list->n & (list->n - 1)) == 0) { /* full at each power of two */
            const char **at = arena_alloc(arena, (list->n ? 2 * list->n : 1) * sizeof(*at));
            if (list->n)
                memcpy(at, list->at, list->n * sizeof(*at));
            list->at = at;
        }
        list->at[list->n++] = name;
    }
}

StrList *graph_groups(const Graph *graph, Arena *arena) {
    const Config *config = graph->config;
    StrList *groups = arena_alloc(arena, graph->n * sizeof *groups);
    unsigned char *marked = xcalloc(graph->n, 1);
    for (size_t s = 0; s < config->services.n; s++) {
        if (graph->of[s].update != TARGET_NONE || graph->of[s].serve != TARGET_NONE)
            continue;
        Chooser c;
        memset(marked, 0, graph->n);
        chooser_init(&c, graph, marked);
        mark_service(&c, &config->services.at[s]);
        chooser_deinit(&c);
        add_group(graph, config->services.at[s].name, marked, groups, arena);
    }
    free(marked);
    return groups;
}

/* Dependants come before what they depend on: one pass backwards is enough. */
static void mark_deps(const Graph *graph, unsigned char *chosen) {
    for (size_t i = graph->n; i-- > 0;) {
        const TargetSpec *spec = &graph->targets[graph->order[i]];
        for (size_t d = 0; chosen[graph->order[i]] && d < spec->dep_n; d++)
            chosen[spec->deps[d].target] = 1;
    }
}

int graph_choose(const Graph *graph, const char *const *names, size_t n, unsigned char *chosen,
                 Err *err) {
    const Config *config = graph->config;
    memset(chosen, 0, graph->n);
    Chooser c;
    chooser_init(&c, graph, chosen);
    int r = 0;
    for (size_t i = 0; names && i < n && r == 0; i++)
        r = mark_name(&c, names[i], err);
    for (size_t i = 0; !names && i < config->services.n; i++) {
        if (config->services.at[i].auto_start)
            mark_service(&c, &config->services.at[i]);
    }
    chooser_deinit(&c);
    if (r == 0)
        mark_deps(graph, chosen);
    return r;
}
