/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, by the labels alone: what runs, and whatever else a workflow may have left. */
#include <stdlib.h>
#include <string.h>

#include "backend/docker/inside.h"
#include "backend/docker/listing.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"

typedef struct Find {
    List link; /* Docker.lists */
    Docker *docker;
    Op *op, *call;
    bool running; /* Discovered, not Leftovers */
    ListingKind kind;
    VEC(DiscoveredStep) steps; /* strings in the op's arena */
    VEC(Leftover) left;
} Find;

static void find_free(Find *find) {
    op_drop(find->call);
    list_remove(&find->link);
    VEC_FREE(find->steps);
    VEC_FREE(find->left);
    free(find);
}

void docker_finds_free(Docker *docker) {
    while (!list_empty(&docker->lists))
        find_free(LIST_ENTRY(docker->lists.next, (Find *)NULL, link));
}

static void on_cancel(Op *op, void *state) {
    find_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

/* ---- The answer ---- */

static int by_step(const void *a, const void *b) {
    const DiscoveredStep *x = a, *y = b;
    int order = strcmp(x->task, y->task);
    order = order ? order : strcmp(x->step, y->step);
    return order ? order : (x->run > y->run) - (x->run < y->run);
}

static int by_name(const void *a, const void *b) {
    const Leftover *x = a, *y = b;
    int order = strcmp(x->task, y->task);
    order = order ? order : strcmp(x->kind, y->kind);
    return order ? order : strcmp(x->name, y->name);
}

static void over(Find *find) {
    Arena *arena = op_arena(find->op);
    if (find->running) {
        Discovered result = {.n = find->steps.n};
        if (result.n)
            qsort(find->steps.at, result.n, sizeof *find->steps.at, by_step);
        result.at = arena_dup(arena, find->steps.at, result.n * sizeof *result.at);
        op_finish(find->op, &result, sizeof(result), NULL);
    } else {
        Leftovers result = {.n = find->left.n};
        if (result.n)
            qsort(find->left.at, result.n, sizeof *find->left.at, by_name);
        result.at = arena_dup(arena, find->left.at, result.n * sizeof *result.at);
        op_finish(find->op, &result, sizeof(result), NULL);
    }
    find_free(find);
}

/* ---- What the engine lists ---- */

static const char *label(const Find *find, const Value *item, const char *name) {
    const char *text = value_get_str(value_get(item, "Labels"), name);
    return arena_strdup(op_arena(find->op), text ? text : "");
}

static void take_step(Find *find, const Value *item) {
    int64_t run = 0;
    const char *id = value_get_str(item, "Id");
    if (number_parse(label(find, item, LABEL_RUN), 1, UINT32_MAX, &run) < 0)
        return; /* it is no step */
    DiscoveredStep step = {.task = label(find, item, LABEL_TASK),
                           .step = label(find, item, LABEL_STEP),
                           .run = (uint32_t)run,
                           .container = arena_strdup(op_arena(find->op), id ? id : "")};
    VEC_PUSH(find->steps, step);
}

/* One without a name cannot be spoken of. */
static void take_leftover(Find *find, const Value *item) {
    static const char *const kinds[LISTING_KINDS] = {"container", "network", "volume"};
    const char *name = listing_name(find->kind, item);
    if (!name)
        return;
    Leftover left = {.task = label(find, item, LABEL_TASK),
                     .kind = kinds[find->kind],
                     .name = arena_strdup(op_arena(find->op), name),
                     .running = str_same(value_get_str(item, "State"), "running")};
    VEC_PUSH(find->left, left);
}

static void ask(Find *find);

static void on_reply(void *arg, const void *result, const Err *err) {
    Find *find = arg;
    const Value *item;
    Err bad = {0};
    find->call = NULL;
    if (err || docker_reply_check(result, &bad) < 0) {
        op_finish(find->op, NULL, 0, err ? err : &bad);
        find_free(find);
        return;
    }
    for (size_t i = 0; (item = listing_at(find->kind, result, i)); i++) {
        if (find->running)
            take_step(find, item);
        else
            take_leftover(find, item);
    }
    find->kind = find->running ? LISTING_KINDS : (ListingKind)(find->kind + 1);
    if (find->kind == LISTING_KINDS)
        over(find);
    else
        ask(find);
}

static void ask(Find *find) {
    const Docker *docker = find->docker;
    Listing what = {.kind = find->kind, .owner = docker->owner, .running = find->running};
    find->call = docker_list(docker->engine, &what, on_reply, find);
}

static Op *find(Backend *backend, bool running, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Find *find = xcalloc(1, sizeof *find);
    find->docker = docker;
    find->running = running;
    find->op = docker_op(docker, fn, arg, on_cancel, find);
    list_append(&docker->lists, &find->link);
    Op *op = find->op;
    ask(find);
    return op;
}

Op *docker_discover(Backend *backend, OpFn fn, void *arg) {
    return find(backend, true, fn, arg);
}

Op *docker_leftovers(Backend *backend, OpFn fn, void *arg) {
    return find(backend, false, fn, arg);
}
