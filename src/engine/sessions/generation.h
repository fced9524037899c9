/* SPDX-License-Identifier: Apache-2.0 */
/* One reading of a session's config file, and what follows from it: never changed, shared by all
 * that stems from it. A reload makes another one; this one lives on for as long as runs that were
 * begun under it. */
#pragma once

#include "base/arena.h"
#include "plan/graph.h"
#include "spec/port_table.h"

typedef struct Generation {
    unsigned refs;
    Arena arena; /* everything below */
    const Config *config;
    Graph graph;
    bool may_end;          /* a service of it `ends_session` */
    const StrList *groups; /* parallel to graph.targets: the groups that stand for each */
    PortTable ports;       /* `auto` is 0 until ports_lease has made them known */
    StrMap port_env;       /* what every service is told of them, once they are known */
    /* likewise: its service's labels, over those of its groups; NULL: it has no service */
    const StrMap **labels;
} Generation;

/* Takes what is in `arena`, where `config` lives. One reference is the caller's. */
Generation *generation_new(const Config *config, Arena *arena);
Generation *generation_ref(Generation *generation);
Generation *generation_unref(Generation *generation); /* NULL is fine; returns NULL */
