/* SPDX-License-Identifier: Apache-2.0 */
/* From resources to targets: what may run, in name order, and what each waits for.
 *
 * <r>:update is a service's `build`, or its `command` if it is a job; <r>:serve is the `command` of
 * a server, and depends on its own update. Both carry the service's dependencies. `tiltfile:update`
 * is the file itself: always there, never run.
 *
 * A dependency on a resource is one on its server if it has one, else on its job; with condition
 * `completed` it is one on its job if it has one. Without a condition a job must have completed and
 * a server be ready. A resource with neither (a group) stands for everything it depends on, with
 * the first condition written on the way there, and with `restart` if that is written anywhere on
 * it. Several ways to one target leave one Dep, with the strongest condition. */
#pragma once

#include "spec/config.h"
#include "spec/session.h"

typedef struct Dep {
    uint32_t target;        /* index into Graph.targets */
    DepCondition condition; /* never DEP_DEFAULT */
    bool own_build;         /* a server's own update; the last of its deps */
    bool restart;           /* is followed: when it has come anew, so does who depends on it */
} Dep;

typedef struct TargetSpec {
    const char *name;     /* "api:serve" */
    const char *object;   /* legal DNS name, unique: "api.serve" (see graph.c for other names) */
    const char *resource; /* "api"; "(Tiltfile)" */
    TargetType type;
    bool leads;     /* one of its dependents follows it */
    bool follows;   /* it follows one of its deps */
    bool probed;    /* a server with `ready`: asked at every start, and its service is far away */
    uint8_t lock_n; /* at most LOCKS_MAX */
    const Service *service; /* NULL: tiltfile:update */
    const Command *command; /* NULL: tiltfile:update */
    const Dep *deps;
    size_t dep_n;
    const uint32_t *dependents; /* indices of targets with a Dep on this one */
    size_t dependent_n;
    uint32_t *locks; /* of a job: indices into Graph.locks */
} TargetSpec;

/* A name in `locks` and the jobs that share it. */
typedef struct GraphLock {
    const char *name;
    const uint32_t *targets; /* in order */
    size_t n;
} GraphLock;

enum { TARGET_NONE = UINT32_MAX };

/* The targets of a service: indices, or TARGET_NONE. */
typedef struct ServiceTargets {
    uint32_t update, serve;
} ServiceTargets;

typedef struct Graph {
    const Config *config;
    const ServiceTargets *of; /* parallel to config->services */
    TargetSpec *targets;      /* in byte order of their names */
    size_t n;
    size_t tiltfile;        /* index of tiltfile:update */
    const uint32_t *order;  /* all indices, dependencies before what depends on them */
    const GraphLock *locks; /* in byte order of their names */
    size_t lock_n;
} Graph;

/* Pure; everything lives in `arena`. The config has been checked: unknown names and cycles cannot
 * occur (asserted). Linear in targets and dependencies. */
void graph_build(const Config *config, Arena *arena, Graph *ret);

/* locks.c: fills in who shares a lock; part of graph_build. */
void locks_build(Graph *graph, Arena *arena);

/* The name of the object of a target, as in TargetSpec.object. */
const char *graph_object_name(const char *target, Arena *arena);

/* Index of a target by name, or -1. */
int64_t graph_find(const Graph *graph, const char *name);

/* Marks in `chosen` (graph->n bytes, made zero first) the targets of the names (resources or
 * targets) and all they depend on, transitively. NULL names: everything that is `auto`, with what
 * it depends on. tiltfile:update is never marked: it is not run. -1 with a did-you-mean for an
 * unknown name. */
MUST int graph_choose(const Graph *graph, const char *const *names, size_t n, unsigned char *chosen,
                      Err *err);

/* Marks in `chosen` (not made zero) the targets of one name and no others, for `stop` and
 * `restart`; a group's are those it stands for. -1 as above. */
MUST int graph_mark(const Graph *graph, const char *name, unsigned char *chosen, Err *err);

/* For each target the names of the groups that stand for it; lives in `arena`. */
StrList *graph_groups(const Graph *graph, Arena *arena);
