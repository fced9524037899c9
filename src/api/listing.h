/* SPDX-License-Identifier: Apache-2.0 */
/* What a list or watch asks for. */
#pragma once

#include "api/selector.h"
#include "api/table.h"

typedef struct Engine Engine;

typedef struct ListAsk {
    ObjectKind kind;
    const char *space; /* NULL: all */
    Selector selector;
    bool table;
    TableInclude include;
    int64_t limit;    /* 0: none */
    uint64_t version; /* resourceVersion; 0: none */
    bool bookmarks, initial_events, stopped;
    int64_t timeout_s; /* 0: none */
    /* Of environments: a config file of their project, a path in the worktree; NULL: all. */
    const char *project, *at;
    Engine *engine;
    const char *after_space, *after_name; /* continue behind this; NULL: from the start */
    uint64_t after_version;
} ListAsk;

bool list_ask_fits(const ListAsk *ask, Object *object);    /* scope and fields: for all its life */
bool list_ask_matches(const ListAsk *ask, Object *object); /* labels, `at` */
/* Its JSON, in brief if that will do. */
const char *list_ask_text(const ListAsk *ask, Object *object, size_t *ret_size);
bool list_ask_fits_tombstone(const ListAsk *ask, const Tombstone *tombstone);
