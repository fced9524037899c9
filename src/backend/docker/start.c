/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/start.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"

enum {
    LINE_MAX_BYTES = 64 * 1024,
    BODY_MAX_BYTES = 32 << 20,
    PATH_MAX_BYTES = 8 * 1024,
    AUTH_MAX_BYTES = 128 * 1024, /* tokens of registries may be long */
    LOOKS_MAX = 3,
    CALL_MS = 2 * 60 * 1000,
    IDLE_MS = 5 * 60 * 1000, /* of a pull */
    CANCEL_MS = 10 * 1000,   /* for what was asked for to be answered */
};

typedef enum At { PULL, CREATE, LOOK, CONNECT, CONNECT_LOOK, START, DONE } At;

typedef struct Start {
    DockerEngine *engine;
    DockerStart what;
    const StartPlan *plan;
    Op *op, *call; /* ours, and the one of the engine that we wait for */
    At at;
    bool pulled;    /* once, or it must come now */
    Buf line;       /* of a pull, not ended yet */
    Err pull_err;   /* why there is no image */
    int looks;      /* who has our name */
    size_t joined;  /* networks */
    Err refused;    /* the last of them */
    const char *id; /* in the op's arena */
    bool cancelled;
    Timer *hurry; /* then */
} Start;

static void ask(Start *s);

/* ---- The plan ---- */

/* Without a tag or a digest an engine would pull all there are. */
static bool has_tag(const char *image) {
    const char *slash = strrchr(image, '/');
    return strpbrk(slash ? slash : image, ":@") != NULL;
}

static int plan_pull(const Step *step, Arena *arena, StartPlan *plan, Err *err) {
    Buf path, auth;
    buf_init(&path, PATH_MAX_BYTES);
    buf_init(&auth, AUTH_MAX_BYTES);
    buf_puts(&path, "/images/create?fromImage=");
    docker_put_encoded(step->image, &path);
    if (!has_tag(step->image))
        buf_puts(&path, "&tag=latest");
    container_put_auth(&step->auth_config, &auth);
    plan->pull_path = arena_strdup(arena, buf_cstr(&path));
    plan->auth = arena_strdup(arena, buf_cstr(&auth));
    bool failed = path.failed || auth.failed;
    buf_deinit(&path);
    buf_deinit(&auth);
    return failed ? err_set(err, ERR_LIMIT, "pull %.80s: the name or the credentials are too long",
                            step->image)
                  : 0;
}

static StartConnect plan_connect(const StepNetwork *network, const char *container, Arena *arena) {
    StartConnect connect;
    JsonWriter w;
    Buf path, body;
    buf_init(&path, SIZE_MAX / 4);
    buf_init(&body, SIZE_MAX / 4);
    buf_puts(&path, "/networks/");
    docker_put_encoded(network->name, &path);
    buf_puts(&path, "/connect");
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_kv_string(&w, "Container", container);
    json_kv_object(&w, "EndpointConfig");
    json_kv_array(&w, "Aliases");
    for (size_t i = 0; i < network->aliases.n; i++)
        json_string(&w, network->aliases.at[i]);
    json_array_end(&w);
    json_object_end(&w);
    json_object_end(&w);
    connect.network = arena_strdup(arena, network->name);
    connect.path = arena_strdup(arena, buf_cstr(&path));
    connect.body = arena_strdup(arena, buf_cstr(&body));
    buf_deinit(&path);
    buf_deinit(&body);
    return connect;
}

/* The first network is in the body of the container. */
static void plan_connects(const ContainerAsk *ask, Arena *arena, StartPlan *plan) {
    StepNetwork room;
    size_t n = 0;
    while (container_network(ask, n + 1, &room))
        n++;
    StartConnect *connects = arena_alloc(arena, (n + 1) * sizeof *connects);
    for (size_t i = 0; i < n; i++)
        connects[i] = plan_connect(container_network(ask, i + 1, &room), plan->name, arena);
    plan->connects = connects;
    plan->connect_n = n;
}

int start_plan(const ContainerAsk *ask, Arena *arena, StartPlan *ret, Err *err) {
    const Step *step = ask->step;
    char name[CONTAINER_NAME_MAX];
    Buf body;
    buf_init(&body, BODY_MAX_BYTES);
    int result = container_body(ask, &body, err);
    container_name(ask, name);
    StartPlan plan = {.name = arena_strdup(arena, name),
                      .image = arena_strdup(arena, step->image ? step->image : ""),
                      .pull = step->pull,
                      .strict = step->auth_config.password != NULL,
                      .body = arena_strdup(arena, buf_cstr(&body))};
    buf_deinit(&body);
    if (result < 0 || plan_pull(step, arena, &plan, err) < 0)
        return -1;
    plan_connects(ask, arena, &plan);
    *ret = plan;
    return 0;
}

/* ---- Its end ---- */

static void end(Start *s, const Err *err) {
    Op *op = s->op;
    DockerStarted started = {.container = s->id};
    buf_deinit(&s->line);
    timer_free(s->hurry);
    free(s);
    op_finish(op, err ? NULL : &started, sizeof(started), err);
}

static void fail(Start *s, const Err *why) {
    Err err = *why; /* may be one of ours, which go first */
    end(s, &err);
}

static void cancelled(Start *s) {
    Err err = {0};
    err_set(&err, ERR_CANCELLED, "cancelled");
    end(s, &err);
}

static void on_hurry(void *arg) {
    Start *s = arg;
    Err err = {0};
    op_drop(s->call);
    err_set(&err, ERR_TIMEOUT, "docker engine %s does not say what became of the container %s",
            docker_engine_host(s->engine), s->plan->name);
    end(s, &err);
}

/* A call that makes something is not taken back by hanging up. */
static void on_cancel(Op *op, void *state) {
    Start *s = state;
    bool makes = s->at == CREATE || s->at == CONNECT || s->at == START;
    if (makes && s->call && !op_forgotten(op)) {
        s->cancelled = true;
        s->hurry = timer_new(docker_engine_loop(s->engine), CANCEL_MS, on_hurry, s);
        return;
    }
    op_drop(s->call);
    cancelled(s);
}

/* Cancelled, it goes no further; but what runs by now is told. */
static void go(Start *s, At at) {
    s->at = at;
    if (s->what.pulls)
        *s->what.pulls = at == PULL;
    if (s->cancelled && at != DONE)
        cancelled(s);
    else
        ask(s);
}

/* ---- What is pulled: a JSON value per line, among them {"error": "…"} ---- */

/* Once, not for each layer. */
static bool tells(const char *status) {
    return str_starts(status, "Pulling from ") || str_starts(status, "Status: ") ||
           str_starts(status, "Digest: ");
}

static void say(const Start *s, const char *line) {
    if (s->what.on_pull)
        s->what.on_pull(s->what.pull_arg, line);
}

static void take_line(Start *s, const char *text, size_t n) {
    Arena arena;
    const Value *line = NULL;
    arena_init(&arena);
    if (json_parse(text, n, &arena, &line, NULL) == 0) {
        const char *error = value_get_str(line, "error"), *status = value_get_str(line, "status");
        if (error)
            err_set(&s->pull_err, ERR_INTERNAL, "pull %s: %s", s->plan->image, error);
        else if (status && tells(status))
            say(s, status);
    }
    arena_deinit(&arena);
}

static bool on_pull(void *arg, const char *bytes, size_t n) {
    Start *s = arg;
    while (n > 0) {
        const char *stop = memchr(bytes, '\n', n);
        size_t size = stop ? (size_t)(stop - bytes) : n;
        size_t used = size + (stop != NULL);
        buf_put(&s->line, bytes, size); /* what is longer is no line of theirs */
        if (stop) {
            take_line(s, buf_cstr(&s->line), s->line.n);
            buf_reset(&s->line);
        }
        bytes += used;
        n -= used;
    }
    return true;
}

/* ---- Answers ---- */

static void pull_ended(Start *s, const DockerReply *reply, const Err *err) {
    take_line(s, buf_cstr(&s->line), s->line.n);
    buf_reset(&s->line);
    bool refused = err || docker_reply_check(reply, &s->pull_err) < 0;
    if (err && err->kind == ERR_TIMEOUT) /* of the registry: the engine answers */
        err_set(&s->pull_err, ERR_INTERNAL, "nothing came for %d minutes", IDLE_MS / 60 / 1000);
    else if (err)
        s->pull_err = *err;
    if (refused)
        err_in(&s->pull_err, "pull %s", s->plan->image);
    if (s->pull_err.kind == ERR_INTERNAL) /* of the registry, not of the engine */
        s->pull_err.kind = ERR_NOT_FOUND;
    bool must = s->pulled || s->plan->strict;
    s->pulled = true;
    if (s->pull_err.kind != ERR_NONE && must)
        fail(s, &s->pull_err);
    else
        go(s, CREATE);
}

static void take_id(Start *s, const DockerReply *reply, At next) {
    const char *id = value_get_str(reply->body, "Id");
    Err bad = {0};
    if (!id) {
        err_set(&bad, ERR_UNAVAILABLE, "docker names no container in its answer");
        fail(s, &bad);
        return;
    }
    s->id = arena_strdup(op_arena(s->op), id);
    go(s, next);
}

/* It was made all the same. */
static void say_failed_pull(const Start *s) {
    if (s->pull_err.kind == ERR_NONE)
        return;
    AUTO_FREE char *line = xasprintf("%s: the image that is there is used", s->pull_err.msg);
    say(s, line);
}

static void created(Start *s, const DockerReply *reply) {
    Err bad = {0};
    if (reply->status == 409) {
        go(s, LOOK);
    } else if (reply->status == 404 && !s->pulled) {
        s->pulled = true; /* it must come now */
        go(s, PULL);
    } else if (docker_reply_check(reply, &bad) < 0) {
        bool untold = reply->status == 404 && s->pull_err.kind != ERR_NONE;
        fail(s, untold ? &s->pull_err : &bad);
    } else {
        say_failed_pull(s);
        take_id(s, reply, CONNECT);
    }
}

/* The name is taken: by us, before we were killed? */
static void looked(Start *s, const DockerReply *reply) {
    const Value *state = value_get(reply->body, "State");
    const char *status = value_get_str(state, "Status");
    Err bad = {0};
    if (reply->status == 404 && s->looks++ < LOOKS_MAX) { /* it went away meanwhile */
        go(s, CREATE);
    } else if (!str_same(status, "created")) {
        err_set(&bad, ERR_CONFLICT, "the container %s is there already, %s", s->plan->name,
                status ? status : "in no known state");
        fail(s, &bad);
    } else {
        take_id(s, reply, CONNECT);
    }
}

static bool is_connected(const Start *s, const DockerReply *reply) {
    const char *name = s->plan->connects[s->joined - 1].network;
    const Value *networks = value_get(value_get(reply->body, "NetworkSettings"), "Networks");
    if (!value_is(networks, VALUE_MAP))
        return false;
    for (size_t i = 0; i < networks->map.n; i++) {
        const ValuePair *pair = &networks->map.at[i];
        if (str_same(pair->key, name) || str_same(value_get_str(pair->value, "NetworkID"), name))
            return true;
    }
    return false;
}

static void on_reply(void *arg, const void *result, const Err *err) {
    Start *s = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    s->call = NULL;
    if (s->at == PULL) {
        pull_ended(s, reply, err);
    } else if (err && s->at == CONNECT && err->kind == ERR_DENIED) {
        s->refused = *err;
        go(s, CONNECT_LOOK); /* connected already is what we want */
    } else if (err) {
        fail(s, err);
    } else if (s->at == CREATE) {
        created(s, reply);
    } else if (s->at == LOOK) {
        looked(s, reply);
    } else if (docker_reply_check(reply, &bad) < 0) {
        fail(s, &bad);
    } else if (s->at == CONNECT_LOOK && !is_connected(s, reply)) {
        fail(s, &s->refused);
    } else {
        go(s, s->at == START ? DONE : CONNECT);
    }
}

/* ---- Questions ---- */

static void call(Start *s, DockerCall what) {
    what.timeout_ms = what.idle_ms ? 0 : CALL_MS;
    s->call = docker_call(s->engine, &what, on_reply, s);
}

static void ask_pull(Start *s) {
    s->pull_err = (Err){0};
    call(s, (DockerCall){.method = "POST",
                         .path = s->plan->pull_path,
                         .auth = s->plan->auth,
                         .idle_ms = IDLE_MS,
                         .on_data = on_pull});
}

static void ask_create(Start *s) {
    char path[CONTAINER_NAME_MAX + 64];
    snprintf(path, sizeof(path), "/containers/create?name=%s", s->plan->name);
    call(s, (DockerCall){.method = "POST", .path = path, .body = s->plan->body});
}

static void ask_connect(Start *s) {
    if (s->joined == s->plan->connect_n) {
        go(s, START);
        return;
    }
    const StartConnect *connect = &s->plan->connects[s->joined++];
    call(s, (DockerCall){.method = "POST", .path = connect->path, .body = connect->body});
}

/* By its name: who takes that away knows that it is not started any more (watch.c). */
static void ask_container(Start *s, const char *method, const char *what) {
    char *path = xasprintf("/containers/%s/%s", s->plan->name, what);
    call(s, (DockerCall){.method = method, .path = path});
    free(path);
}

static void ask(Start *s) {
    switch (s->at) {
    case PULL: ask_pull(s); return;
    case CREATE: ask_create(s); return;
    case LOOK:
    case CONNECT_LOOK: ask_container(s, "GET", "json"); return;
    case CONNECT: ask_connect(s); return;
    case START: ask_container(s, "POST", "start"); return;
    case DONE: end(s, NULL); return;
    }
    UNREACHABLE();
}

Op *docker_start(DockerEngine *engine, const DockerStart *start, OpFn fn, void *arg) {
    Start *s = xcalloc(1, sizeof *s);
    s->engine = engine;
    s->what = *start;
    s->plan = start->plan;
    s->op = op_new(docker_engine_loop(engine), fn, arg, on_cancel, s);
    Op *op = s->op;
    buf_init(&s->line, LINE_MAX_BYTES);
    go(s, s->plan->pull ? PULL : CREATE);
    return op;
}
