/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backends/backend_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/str.h"
#include "base/xalloc.h"

/* PATIENCE_MS: with a backend that has no option of that name. */
enum { PATIENCE_MS = 60 * 1000, AGAIN_MS = 1000 };

struct BackendPool {
    Loop *loop;
    const BackendKind *kinds;
    size_t kind_n;
    List pooled; /* PooledBackend.link */
    Deferred *tidy;
    OpList calls; /* until they are heard of */
};

struct PooledBackend {
    List link;
    BackendPool *pool;
    const BackendKind *kind;
    Backend *backend;
    Arena arena; /* options */
    StrMap options;
    int64_t patience_ms;
    unsigned refs;
    bool loaded;
    Op *load;
    List waiting; /* Waiting.link */
    Timer *again;
};

/* Who asked for it to be loaded. */
typedef struct Waiting {
    List link;
    Op *op;
    int64_t until_ms;
} Waiting;

/* ---- options ---- */

static const BackendKind *find_kind(const BackendPool *pool, const char *name) {
    for (size_t i = 0; i < pool->kind_n; i++)
        if (strcmp(pool->kinds[i].name, name) == 0)
            return &pool->kinds[i];
    return NULL;
}

static int unknown_kind(const BackendPool *pool, const char *name, Err *err) {
    const char *names[MAX_BACKEND_KINDS];
    Buf all;
    buf_init(&all, MAX_JSON_BYTES);
    for (size_t i = 0; i < pool->kind_n; i++) {
        names[i] = pool->kinds[i].name;
        buf_printf(&all, "%s%s", i ? ", " : "; there are ", names[i]);
    }
    err_set(err, ERR_NOT_FOUND, "there is no backend %.80s", name);
    err_suggest(err, str_suggest(name, names, pool->kind_n), buf_cstr(&all));
    buf_deinit(&all);
    return -1;
}

/* Those of one kind; copied to `arena`. */
static int read_options(const char *kind, const Value *given, Arena *arena, StrMap *ret, Err *err) {
    StrMap map = {0};
    if (given && !value_is(given, VALUE_MAP))
        return err_set(err, ERR_INVALID, "the options of the backend %s are no map", kind);
    map.at = arena_alloc(arena, (value_count(given) + 1) * sizeof(StrPair));
    for (size_t i = 0; given && i < given->map.n; i++) {
        const Value *value = given->map.at[i].value;
        if (!value_is(value, VALUE_STRING))
            return err_set(err, ERR_INVALID, "the option %.80s of the backend %s is no string",
                           given->map.at[i].key, kind);
        map.at[map.n++] =
            (StrPair){arena_strdup(arena, given->map.at[i].key), arena_strdup(arena, value->text)};
    }
    strmap_sort(&map);
    *ret = map;
    return backend_flags_check(kind, &map, err);
}

int backend_pool_check(const BackendPool *pool, const BackendWish *wish, Err *err) {
    if (wish->options && !value_is(wish->options, VALUE_MAP))
        return err_set(err, ERR_INVALID, "options of backends are a map by their names");
    if (wish->name && *wish->name && strcmp(wish->name, "auto") != 0 &&
        !find_kind(pool, wish->name))
        return unknown_kind(pool, wish->name, err);
    return 0;
}

static bool same_map(const StrMap *a, const StrMap *b) {
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        if (strcmp(a->at[i].name, b->at[i].name) != 0 ||
            strcmp(a->at[i].value, b->at[i].value) != 0)
            return false;
    return a->n == b->n;
}

/* ---- one ---- */

static PooledBackend *pooled_free(PooledBackend *pooled) {
    Waiting *waiting;
    LIST_FOREACH_SAFE (waiting, &pooled->waiting, link) {
        op_abandon(waiting->op);
        free(waiting);
    }
    list_remove(&pooled->link);
    op_drop(pooled->load);
    timer_free(pooled->again);
    if (!pooled->kind->lent)
        backend_free(pooled->backend);
    arena_deinit(&pooled->arena);
    free(pooled);
    return NULL;
}

static void on_tidy(void *arg) {
    BackendPool *pool = arg;
    PooledBackend *pooled;
    pool->tidy = NULL;
    LIST_FOREACH_SAFE (pooled, &pool->pooled, link)
        if (!pooled->refs)
            pooled_free(pooled);
}

static PooledBackend *make(BackendPool *pool, const BackendKind *kind, PooledBackend *pooled,
                           Err *err) {
    Backend *backend = kind->make(kind->arg, &pooled->options, err);
    if (!backend) {
        arena_deinit(&pooled->arena);
        free(pooled);
        return NULL;
    }
    pooled->pool = pool;
    pooled->kind = kind;
    pooled->backend = backend;
    pooled->patience_ms = PATIENCE_MS;
    (void)!backend_flag_int(kind->name, &pooled->options, "patience", &pooled->patience_ms, NULL);
    list_init(&pooled->waiting);
    list_append(&pool->pooled, &pooled->link);
    return pooled_ref(pooled);
}

static PooledBackend *obtain(BackendPool *pool, const BackendKind *kind, const Value *options,
                             Err *err) {
    PooledBackend *known, *pooled = xcalloc(1, sizeof(*pooled));
    arena_init(&pooled->arena);
    int r = read_options(kind->name, value_get(options, kind->name), &pooled->arena,
                         &pooled->options, err);
    if (r == 0) {
        LIST_FOREACH (known, &pool->pooled, link)
            if (known->kind == kind && same_map(&known->options, &pooled->options)) {
                arena_deinit(&pooled->arena);
                free(pooled);
                return pooled_ref(known);
            }
        return make(pool, kind, pooled, err);
    }
    arena_deinit(&pooled->arena);
    free(pooled);
    return NULL;
}

PooledBackend *pooled_ref(PooledBackend *pooled) {
    pooled->refs++;
    return pooled;
}

PooledBackend *pooled_drop(PooledBackend *pooled) {
    if (pooled && --pooled->refs == 0 && !pooled->pool->tidy)
        pooled->pool->tidy = loop_defer(pooled->pool->loop, on_tidy, pooled->pool);
    return NULL;
}

Backend *pooled_backend(const PooledBackend *pooled) {
    return pooled->backend;
}

bool pooled_is_own(const PooledBackend *pooled) {
    return pooled->kind->lent;
}

const StrMap *pooled_options(const PooledBackend *pooled) {
    return &pooled->options;
}

/* ---- loading ---- */

static void finish(Waiting *waiting, const Err *err) {
    list_remove(&waiting->link);
    op_finish(waiting->op, NULL, 0, err);
    free(waiting);
}

static void ask(void *arg);

static void on_loaded(void *arg, const void *result, const Err *err) {
    PooledBackend *pooled = arg;
    Waiting *waiting;
    int64_t now_ms = loop_now_ms(pooled->pool->loop);
    pooled->load = NULL;
    pooled->loaded = !err;
    LIST_FOREACH_SAFE (waiting, &pooled->waiting, link)
        if (!err || now_ms >= waiting->until_ms)
            finish(waiting, err);
    if (!list_empty(&pooled->waiting))
        pooled->again = timer_new(pooled->pool->loop, AGAIN_MS, ask, pooled);
}

static void ask(void *arg) {
    PooledBackend *pooled = arg;
    pooled->again = timer_free(pooled->again);
    if (!pooled->load)
        pooled->load = backend_load(pooled->backend, on_loaded, pooled);
}

Op *backend_pool_op(BackendPool *pool, const PoolCall *call) {
    Op *op = op_new(pool->loop, call->fn, call->arg, call->cancel, call->state);
    op_list_add(&pool->calls, op);
    return op;
}

Op *pooled_load(PooledBackend *pooled, bool patient, OpFn fn, void *arg) {
    Loop *loop = pooled->pool->loop;
    Op *op = backend_pool_op(pooled->pool, &(PoolCall){.fn = fn, .arg = arg});
    if (pooled->loaded) {
        op_finish(op, NULL, 0, NULL);
        return op;
    }
    Waiting *waiting = xcalloc(1, sizeof(*waiting));
    waiting->op = op;
    waiting->until_ms = loop_now_ms(loop) + (patient ? pooled->patience_ms : 0);
    list_append(&pooled->waiting, &waiting->link);
    ask(pooled);
    return op;
}

/* ---- choosing ---- */

static PooledBackend *take_kind(BackendPool *pool, const BackendKind *kind, const Value *options,
                                Err *err) {
    PooledBackend *pooled = obtain(pool, kind, options, err);
    if (!pooled || backend_available(pooled->backend, err))
        return pooled;
    err_in(err, "the backend %s is not available", kind->name);
    if (err)
        err->kind = ERR_UNAVAILABLE; /* whatever is missing */
    return pooled_drop(pooled);
}

static PooledBackend *take_first(BackendPool *pool, const Value *options, Err *err) {
    Buf whys;
    Err why = {0};
    PooledBackend *pooled = NULL;
    buf_init(&whys, MAX_JSON_BYTES);
    for (size_t i = 0; i < pool->kind_n && !pooled; i++) {
        if (pool->kinds[i].by_name)
            continue;
        pooled = take_kind(pool, &pool->kinds[i], options, &why);
        if (!pooled && why.kind == ERR_INVALID) { /* said by the caller, so it is meant */
            buf_deinit(&whys);
            *err = why;
            return NULL;
        }
        if (!pooled)
            buf_printf(&whys, "%s%s", whys.n ? "; " : "", why.msg);
    }
    if (!pooled)
        err_set(err, ERR_UNAVAILABLE, "%s",
                whys.n ? buf_cstr(&whys) : "there is no backend that is available");
    buf_deinit(&whys);
    return pooled;
}

PooledBackend *backend_pool_take(BackendPool *pool, const BackendWish *wish, Err *err) {
    if (backend_pool_check(pool, wish, err) < 0)
        return NULL;
    const BackendKind *kind = wish->name ? find_kind(pool, wish->name) : NULL;
    return kind ? take_kind(pool, kind, wish->options, err) : take_first(pool, wish->options, err);
}

PooledBackend *backend_pool_retake(BackendPool *pool, const BackendWish *wish, Err *err) {
    const BackendKind *kind = find_kind(pool, wish->name);
    if (kind)
        return obtain(pool, kind, wish->options, err);
    unknown_kind(pool, wish->name, err);
    return NULL;
}

/* ---- the pool ---- */

BackendPool *backend_pool_new(Loop *loop, const BackendKind *kinds, size_t n) {
    BackendPool *pool = xcalloc(1, sizeof(*pool));
    pool->loop = loop;
    pool->kinds = kinds;
    pool->kind_n = n < MAX_BACKEND_KINDS ? n : MAX_BACKEND_KINDS;
    list_init(&pool->pooled);
    return pool;
}

BackendPool *backend_pool_free(BackendPool *pool) {
    PooledBackend *pooled;
    if (!pool)
        return NULL;
    LIST_FOREACH_SAFE (pooled, &pool->pooled, link)
        pooled_free(pooled);
    op_list_abandon(&pool->calls);
    deferred_free(pool->tidy);
    free(pool);
    return NULL;
}

const BackendKind *backend_pool_kind(const BackendPool *pool, size_t i) {
    return i < pool->kind_n ? &pool->kinds[i] : NULL;
}

void backend_pool_each(BackendPool *pool, void (*fn)(void *arg, PooledBackend *pooled), void *arg) {
    PooledBackend *pooled;
    LIST_FOREACH_SAFE (pooled, &pool->pooled, link)
        if (pooled->refs)
            fn(arg, pooled);
}
