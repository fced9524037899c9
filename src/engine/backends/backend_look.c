/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backends/backend_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/backends/orphans.h"
#include "engine/inside.h"

enum { ANSWER_MS = 5000 };

typedef struct Look Look;

/* One backend that is being looked at. */
typedef struct Looking {
    Look *look;
    PooledBackend *pooled; /* NULL: it cannot be used */
    Op *call;
    SeenBackend seen;
} Looking;

struct Look {
    Engine *engine;
    Op *op;
    bool leftovers;
    Looking at[MAX_BACKEND_KINDS];
    size_t n, open;
    Timer *late;
};

static void look_free(Look *look) {
    timer_free(look->late);
    for (size_t i = 0; i < look->n; i++) {
        op_drop(look->at[i].call);
        pooled_drop(look->at[i].pooled);
    }
    free(look);
}

static void cancel(Op *op, void *state) {
    look_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static void finish(Look *look) {
    SeenBackends result = {.n = look->n};
    SeenBackend *seen = arena_alloc(op_arena(look->op), (look->n + 1) * sizeof(*seen));
    for (size_t i = 0; i < look->n; i++)
        seen[i] = look->at[i].seen;
    result.at = seen;
    op_finish(look->op, &result, sizeof(result), NULL);
    look_free(look);
}

static void close_one(Looking *one, const char *why) {
    Arena *arena = op_arena(one->look->op);
    const Backend *backend = one->pooled ? pooled_backend(one->pooled) : NULL;
    one->seen.available = !why;
    if (why && why != one->seen.why)
        str_copy(one->seen.why, sizeof(one->seen.why), why);
    one->seen.where = backend && backend->where ? arena_strdup(arena, backend->where) : NULL;
    if (!why) {
        one->seen.platform = arena_strdup(arena, backend->platform ? backend->platform : "");
        one->seen.version = backend->version ? arena_strdup(arena, backend->version) : NULL;
    }
    if (--one->look->open == 0)
        finish(one->look);
}

static void add_left(Looking *one, const Leftover *what) {
    Arena *arena = op_arena(one->look->op);
    SeenLeftover *seen = &one->seen.left.at[one->seen.left.n++];
    seen->what = (Leftover){.task = arena_strdup(arena, what->task),
                            .kind = arena_strdup(arena, what->kind),
                            .name = arena_strdup(arena, what->name),
                            .running = what->running};
    Engine *engine = one->look->engine;
    bool here = pooled_backend(one->pooled) == engine->backend;
    seen->orphan =
        (here ? directory_owner(engine, what->task) : task_owner(engine, what->task)) != TASK_LIVES;
}

static void take_left(Looking *one, const Leftovers *left) {
    Arena *arena = op_arena(one->look->op);
    size_t n = one->seen.left.n;
    SeenLeftover *at = arena_alloc(arena, (n + left->n + 1) * sizeof(*at));
    if (n)
        memcpy(at, one->seen.left.at, n * sizeof(*at));
    one->seen.left.at = at;
    for (size_t i = 0; i < left->n; i++)
        add_left(one, &left->at[i]);
}

static void on_left(void *arg, const void *result, const Err *err) {
    Looking *one = arg;
    one->call = NULL;
    if (!err)
        take_left(one, result);
    close_one(one, err ? err->msg : NULL);
}

static void on_loaded(void *arg, const void *result, const Err *err) {
    Looking *one = arg;
    Backend *backend = pooled_backend(one->pooled);
    one->call = NULL;
    if (err || !one->look->leftovers) {
        close_one(one, err ? err->msg : NULL);
    } else if (backend == one->look->engine->backend) {
        Leftovers left = orphan_directories(one->look->engine, op_arena(one->look->op));
        take_left(one, &left);
        if (backend->ops->leftovers)
            one->call = backend_leftovers(backend, on_left, one);
        else
            close_one(one, NULL);
    } else if (!backend->ops->leftovers) {
        close_one(one, NULL);
    } else {
        one->call = backend_leftovers(backend, on_left, one);
    }
}

static void on_late(void *arg) {
    Look *look = arg;
    size_t open = look->open;
    for (size_t i = 0; open && i < look->n; i++) {
        Looking *one = &look->at[i];
        if (!one->call)
            continue;
        op_drop(one->call);
        one->call = NULL;
        open--; /* with the last one the look goes */
        close_one(one, "it does not answer");
    }
}

static void begin(Looking *one, const BackendKind *kind, const Value *options) {
    Look *look = one->look;
    Err err = {0};
    BackendWish wish = {kind->name, options};
    one->seen.name = kind->name;
    one->pooled = backend_pool_retake(look->engine->pool, &wish, &err);
    if (one->pooled) {
        const StrMap *given = pooled_options(one->pooled);
        const Backend *backend = pooled_backend(one->pooled);
        one->seen.fields = backend->fields; /* a table, which stays */
        one->seen.field_n = backend->field_n;
        one->seen.options = strmap_merge(given, given, op_arena(look->op));
    }
    if (one->pooled && backend_available(pooled_backend(one->pooled), &err))
        one->call = pooled_load(one->pooled, false, on_loaded, one);
    else
        str_copy(one->seen.why, sizeof(one->seen.why), err.msg);
}

/* What cannot be used by the look of it is known at once; the result comes later all the same. */
static void on_begun(void *arg) {
    Look *look = arg;
    for (size_t i = 0, n = look->n, open = look->open; i < n && open; i++)
        if (!look->at[i].call) {
            open--;
            close_one(&look->at[i], look->at[i].seen.why);
        }
}

Op *backends_look(Engine *engine, const BackendsAsk *ask, OpFn fn, void *arg) {
    const BackendKind *kind;
    Err err = {0};
    if (backend_pool_check(engine->pool, &(BackendWish){ask->name, ask->options}, &err) < 0) {
        Op *op = backend_pool_op(engine->pool, &(PoolCall){.fn = fn, .arg = arg});
        op_finish(op, NULL, 0, &err);
        return op;
    }
    Look *look = xcalloc(1, sizeof(*look));
    Op *op = backend_pool_op(engine->pool, &(PoolCall){fn, arg, cancel, look});
    look->engine = engine;
    look->op = op;
    look->leftovers = ask->leftovers;
    for (size_t i = 0; (kind = backend_pool_kind(engine->pool, i)); i++)
        if (!ask->name || strcmp(kind->name, ask->name) == 0) {
            look->open++;
            look->at[look->n] = (Looking){.look = look};
            begin(&look->at[look->n++], kind, ask->options);
        }
    look->late = timer_new(engine->loop, ANSWER_MS, on_late, look);
    on_begun(look);
    return op;
}
