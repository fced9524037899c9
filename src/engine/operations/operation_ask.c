/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask for: is it whole, and is it the same as what was asked before? */
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/operations/operation.h"
#include "spec/worktree_include.h"

#define TTL_MOST_MS (INT64_C(100) * 365 * 24 * 3600 * 1000)

static int check_paths(const OperationAsk *ask, Err *err) {
    const char *const paths[] = {ask->path, ask->worktree};
    for (size_t i = 0; i < COUNT(paths); i++)
        if (paths[i] && paths[i][0] != '/')
            return err_set(err, ERR_INVALID, "%.200s is no absolute path", paths[i]);
    for (size_t i = 0; i < ask->copy.n; i++) {
        bool link;
        if (!worktree_include_named(ask->copy.at[i], &link))
            return err_set(err, ERR_INVALID,
                           "copy: '%.200s' is no file or directory that is brought along: it is "
                           "named from the root of the project",
                           ask->copy.at[i]);
    }
    return 0;
}

/* That it is being deleted is nothing to be said: it is done. */
static int check_status(const OperationAsk *ask, Err *err) {
    EnvironmentStatus status;
    if (ask->kind != OPERATION_STATUS ||
        (environment_status_parse(ask->status, &status) == 0 && status != ENVIRONMENT_DELETING))
        return 0;
    return err_set(err, ERR_INVALID,
                   "\"%.40s\" is no status; it is creating, provisioned, running, stopped or error",
                   ask->status);
}

int operation_ask_check(const OperationAsk *ask, Err *err) {
    const struct {
        OperationKind kind;
        const char *name, *text;
    } needs[] = {{OPERATION_STEP, "step", ask->step},
                 {OPERATION_INVALIDATE, "step", ask->step},
                 {OPERATION_HOOK, "service", ask->service},
                 {OPERATION_HOOK, "action", ask->action},
                 {OPERATION_STATUS, "status", ask->status}};
    for (size_t i = 0; i < COUNT(needs); i++)
        if (ask->kind == needs[i].kind && (!needs[i].text || !*needs[i].text))
            return err_set(err, ERR_INVALID, "%s: it is missing", needs[i].name);
    bool shared = ask->kind == OPERATION_HOOK && strcmp(ask->action, "init") == 0;
    if (!ask->manifest && !shared && (!ask->name || !*ask->name))
        return err_set(err, ERR_INVALID, "name: it is missing; init alone is of no environment");
    if (ask->ttl_ms < 0 || ask->ttl_ms > TTL_MOST_MS)
        return err_set(err, ERR_INVALID, "ttl: it is at most 100 years");
    return check_status(ask, err) < 0 ? -1 : check_paths(ask, err);
}

bool operation_ask_is_apart(const OperationAsk *ask) {
    return ask->manifest || !*ask->name;
}

/* What was not said is as it is. */
static bool agrees(const char *now, const char *asked) {
    return !asked || str_same(now, asked);
}

static bool agrees_path(const char *now, const char *asked) {
    AUTO_FREE char *real = asked ? path_resolve(asked) : NULL;
    return agrees(now, real);
}

static bool same_list(const StrList *a, const StrList *b) {
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return a->n == b->n;
}

bool operation_is_asked_again(const Operation *operation, const OperationAsk *ask) {
    const OperationAsk *now = &operation->ask;
    return !operation->canceled && now->kind == ask->kind && agrees(now->mode, ask->mode) &&
           agrees(now->branch, ask->branch) && agrees(now->base, ask->base) &&
           agrees_path(now->path, ask->path) && agrees_path(now->worktree, ask->worktree) &&
           now->ttl_ms == ask->ttl_ms && same_list(&now->copy, &ask->copy) &&
           now->no_cache == ask->no_cache && str_same(now->from, ask->from) &&
           same_list(&now->only, &ask->only) && str_same(now->step, ask->step) &&
           str_same(now->service, ask->service) && str_same(now->action, ask->action) &&
           str_same(now->status, ask->status) && now->force == ask->force &&
           now->keep_worktree == ask->keep_worktree;
}

/* ---- who asks ---- */

/* No other that this server has begun is called so. */
static const char *id_of(const Operation *operation, Arena *arena) {
    return arena_printf(arena, "%s/%lld", operation->environment->task,
                        (long long)operation->number);
}

static const char *outer_of(const OperationAsk *ask) {
    return ask->client ? strmap_get(&ask->client->env, OPERATIONS_VARIABLE) : NULL;
}

const char *operation_chain(const Operation *operation, Arena *arena) {
    const char *outer = outer_of(&operation->ask), *own = id_of(operation, arena);
    return outer && *outer ? arena_printf(arena, "%s %s", outer, own) : own;
}

bool operation_is_asked_from_hook(const Operation *operation, const OperationAsk *ask) {
    const char *outer = outer_of(ask);
    Arena arena;
    bool found = false;
    arena_init(&arena);
    const char *id = id_of(operation, &arena);
    for (size_t n; outer && *outer && !found; outer += n + (outer[n] == ' ')) {
        n = strcspn(outer, " ");
        found = n == strlen(id) && memcmp(outer, id, n) == 0;
    }
    arena_deinit(&arena);
    return found;
}
