/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/sweep.h"

#include <stdlib.h>

#include "backend/docker/container.h"
#include "base/xalloc.h"
#include "data/json.h"

enum { CALL_MS = 60 * 1000, PATH_MAX_BYTES = 64 * 1024 };

typedef enum Kind { CONTAINERS, NETWORKS, VOLUMES, KINDS } Kind;

typedef struct KindPaths {
    const char *list, *one, *how; /* "…/NAME" between `one` and `how` */
    const char *name;             /* the key of what it is removed by */
} KindPaths;

static const KindPaths kinds[KINDS] = {
    [CONTAINERS] = {"/containers/json?all=1&filters=", "/containers/", "?v=1&force=1", "Id"},
    [NETWORKS] = {"/networks?filters=", "/networks/", "", "Id"},
    [VOLUMES] = {"/volumes?filters=", "/volumes/", "?force=1", "Name"},
};

typedef struct Sweep {
    DockerEngine *engine;
    const char *owner, *task; /* in the op's arena, like the names */
    Op *op, *call;
    Kind kind;
    const char **names;
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

static void call(Sweep *s, const char *method, const Buf *path, OpFn fn) {
    DockerCall what = {.method = method, .path = buf_cstr(path), .timeout_ms = CALL_MS};
    s->call = docker_call(s->engine, &what, fn, s);
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
        s->kind++;
        list(s);
        return;
    }
    Buf path;
    buf_init(&path, PATH_MAX_BYTES);
    buf_puts(&path, kinds[s->kind].one);
    docker_put_encoded(s->names[s->at++], &path);
    buf_puts(&path, kinds[s->kind].how);
    call(s, "DELETE", &path, on_removed);
    buf_deinit(&path);
}

/* ---- What there is ---- */

static void take_names(Sweep *s, const Value *found) {
    Arena *arena = op_arena(s->op);
    s->n = s->at = 0;
    s->names = arena_alloc(arena, (value_count(found) + 1) * sizeof(char *));
    for (size_t i = 0; i < value_count(found); i++) {
        const char *name = value_get_str(value_at(found, i), kinds[s->kind].name);
        if (name)
            s->names[s->n++] = arena_strdup(arena, name);
    }
}

static void on_list(void *arg, const void *result, const Err *err) {
    Sweep *s = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    s->call = NULL;
    if (err || docker_reply_check(reply, &bad) < 0) {
        end(s, err ? err : &bad); /* nobody knows what is left */
        return;
    }
    take_names(s, s->kind == VOLUMES ? value_get(reply->body, "Volumes") : reply->body);
    remove_next(s);
}

static void put_filters(const Sweep *s, Buf *out) {
    Buf json;
    JsonWriter w;
    buf_init(&json, PATH_MAX_BYTES / 4);
    json_writer_init(&w, &json);
    json_object_begin(&w);
    json_kv_array(&w, "label");
    json_stringf(&w, "%s=%s", LABEL_OWNER, s->owner);
    json_stringf(&w, "%s=%s", LABEL_TASK, s->task);
    json_array_end(&w);
    json_object_end(&w);
    docker_put_encoded(buf_cstr(&json), out);
    buf_deinit(&json);
}

static void list(Sweep *s) {
    if (s->kind == KINDS) {
        end(s, s->err.kind == ERR_NONE ? NULL : &s->err);
        return;
    }
    Buf path;
    buf_init(&path, PATH_MAX_BYTES);
    buf_puts(&path, kinds[s->kind].list);
    put_filters(s, &path);
    call(s, "GET", &path, on_list);
    buf_deinit(&path);
}

Op *docker_sweep(DockerEngine *engine, const char *owner, const char *task, OpFn fn, void *arg) {
    Sweep *s = xcalloc(1, sizeof *s);
    s->engine = engine;
    s->op = op_new(docker_engine_loop(engine), fn, arg, on_cancel, s);
    s->owner = arena_strdup(op_arena(s->op), owner);
    s->task = arena_strdup(op_arena(s->op), task);
    list(s);
    return s->op;
}
