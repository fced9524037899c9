/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/sweep.h"

#include <stdlib.h>

#include "backend/docker/listing.h"
#include "base/xalloc.h"

enum { CALL_MS = 60 * 1000, PATH_MAX_BYTES = 16 * 1024 };

typedef struct Sweep {
    DockerEngine *engine;
    Listing what; /* strings in the op's arena, like the paths */
    Op *op, *call;
    const char **paths; /* of the calls that remove what is listed */
    size_t n, at;
    Err err; /* the first */
} Sweep;

static void end(Sweep *s, const Err *err) {
    Op *op = s->op;
    Err own = err ? *err : (Err){0};
    free(s);
    op_finish(op, NULL, 0, err ? &own : NULL);
}

static void on_cancel(Op *op, void *state) {
    Sweep *s = state;
    (void)op;
    op_drop(s->call);
    Err err = {0};
    err_set(&err, ERR_CANCELLED, "cancelled");
    end(s, &err);
}

static void note(Sweep *s, const Err *err) {
    if (s->err.kind == ERR_NONE)
        s->err = *err;
}

static void list(Sweep *s);

/* ---- Removing what a list named ---- */

static void remove_next(Sweep *s);

static void on_removed(void *arg, const void *result, const Err *err) {
    Sweep *s = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    s->call = NULL;
    if (err)
        note(s, err);
    else if (reply->status != 404 && docker_reply_check(reply, &bad) < 0)
        note(s, &bad);
    remove_next(s);
}

static void remove_next(Sweep *s) {
    if (s->at == s->n) {
        s->what.kind++;
        list(s);
        return;
    }
    DockerCall what = {.method = "DELETE", .path = s->paths[s->at++], .timeout_ms = CALL_MS};
    s->call = docker_call(s->engine, &what, on_removed, s);
}

/* ---- What there is ---- */

static void take_paths(Sweep *s, const DockerReply *reply) {
    Arena *arena = op_arena(s->op);
    const Value *item;
    size_t count = 0;
    while (listing_at(s->what.kind, reply, count))
        count++;
    s->n = s->at = 0;
    s->paths = arena_alloc(arena, (count + 1) * sizeof(char *));
    for (size_t i = 0; (item = listing_at(s->what.kind, reply, i)); i++) {
        Buf path;
        buf_init(&path, PATH_MAX_BYTES);
        if (listing_put_removal(s->what.kind, item, &path))
            s->paths[s->n++] = arena_strdup(arena, buf_cstr(&path));
        buf_deinit(&path);
    }
}

static void on_list(void *arg, const void *result, const Err *err) {
    Sweep *s = arg;
    Err bad = {0};
    s->call = NULL;
    if (err || docker_reply_check(result, &bad) < 0) {
        end(s, err ? err : &bad); /* nobody knows what is left */
        return;
    }
    take_paths(s, result);
    remove_next(s);
}

static void list(Sweep *s) {
    if (s->what.kind == LISTING_KINDS)
        end(s, s->err.kind == ERR_NONE ? NULL : &s->err);
    else
        s->call = docker_list(s->engine, &s->what, on_list, s);
}

Op *docker_sweep(DockerEngine *engine, const char *owner, const char *task, OpFn fn, void *arg) {
    Sweep *s = xcalloc(1, sizeof *s);
    s->engine = engine;
    s->op = op_new(docker_engine_loop(engine), fn, arg, on_cancel, s);
    s->what.owner = arena_strdup(op_arena(s->op), owner);
    s->what.task = arena_strdup(op_arena(s->op), task);
    list(s);
    return s->op;
}
