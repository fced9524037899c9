/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, by the labels alone: what runs, and whatever else a workflow may have left. */
#include <stdlib.h>
#include <string.h>

#include "backend/docker/inside.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "data/json.h"

enum { CALL_MS = 60 * 1000, PATH_MAX_BYTES = 16 * 1024 };

typedef enum Kind { CONTAINERS, NETWORKS, VOLUMES, KINDS } Kind;

typedef struct Find {
    List link; /* Docker.lists */
    Docker *docker;
    Op *op, *call;
    bool running; /* Discovered, not Leftovers */
    Kind kind;
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

static const char *name_of(const Find *find, const Value *item) {
    const char *name = find->kind == CONTAINERS ? value_str(value_at(value_get(item, "Names"), 0))
                                                : value_get_str(item, "Name");
    name = name && name[0] == '/' ? name + 1 : name;
    return arena_strdup(op_arena(find->op), name ? name : "");
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

static void take_leftover(Find *find, const Value *item) {
    static const char *const kinds[KINDS] = {"container", "network", "volume"};
    Leftover left = {.task = label(find, item, LABEL_TASK),
                     .kind = kinds[find->kind],
                     .name = name_of(find, item),
                     .running = str_same(value_get_str(item, "State"), "running")};
    VEC_PUSH(find->left, left);
}

static void ask(Find *find);

static void on_reply(void *arg, const void *result, const Err *err) {
    Find *find = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    find->call = NULL;
    if (err || docker_reply_check(reply, &bad) < 0) {
        op_finish(find->op, NULL, 0, err ? err : &bad);
        find_free(find);
        return;
    }
    const Value *items = find->kind == VOLUMES ? value_get(reply->body, "Volumes") : reply->body;
    for (size_t i = 0; i < value_count(items); i++) {
        if (find->running)
            take_step(find, value_at(items, i));
        else
            take_leftover(find, value_at(items, i));
    }
    find->kind = find->running ? KINDS : (Kind)(find->kind + 1);
    if (find->kind == KINDS)
        over(find);
    else
        ask(find);
}

static void ask(Find *find) {
    static const char *const lists[KINDS] = {
        "/containers/json?all=1&filters=", "/networks?filters=", "/volumes?filters="};
    Buf path;
    buf_init(&path, PATH_MAX_BYTES);
    buf_puts(&path, lists[find->kind]);
    docker_put_filters(find->docker, find->running, &path);
    DockerCall what = {.path = buf_cstr(&path), .timeout_ms = CALL_MS};
    find->call = docker_call(find->docker->engine, &what, on_reply, find);
    buf_deinit(&path);
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
