/* SPDX-License-Identifier: Apache-2.0 */
/* Setting a workflow up: its directory, its volume, its network; and the networks of its steps must
 * be there. What is ours already is taken as it is; what is somebody else's is left alone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/docker/inside.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "data/json.h"

enum { CALL_MS = 60 * 1000, BODY_MAX = 64 * 1024, LOOKS_MAX = 3 };

typedef enum At { VOLUME, NETWORK, NETWORK_LOOK, OTHERS, DONE } At;

typedef struct Needed {
    const char *network, *step;
} Needed;

typedef struct SetUp {
    List link; /* Docker.setups */
    Docker *docker;
    Op *op, *call;
    Timer *again;
    const char *task, *volume, *network; /* in the op's arena; NULL: none */
    VEC(Needed) needed;
    size_t at_needed;
    At at;
    int looks; /* who has the name of our network */
    int64_t patience_ms;
    Patience patience;
} SetUp;

static void ask(SetUp *s);

static void set_up_free(SetUp *s) {
    op_drop(s->call);
    timer_free(s->again);
    list_remove(&s->link);
    VEC_FREE(s->needed);
    free(s);
}

void docker_setups_free(Docker *docker) {
    while (!list_empty(&docker->setups))
        set_up_free(LIST_ENTRY(docker->setups.next, (SetUp *)NULL, link));
}

static void over(SetUp *s, const Err *err) {
    op_finish(s->op, NULL, 0, err);
    set_up_free(s);
}

static void on_cancel(Op *op, void *state) {
    set_up_free(state);
    op_fail(op, ERR_CANCELLED, "cancelled");
}

static void go(SetUp *s, At at) {
    s->at = at;
    ask(s);
}

/* ---- Answers ---- */

static bool is_ours(const SetUp *s, const Value *body) {
    const Value *labels = value_get(body, "Labels");
    return str_same(value_get_str(labels, LABEL_OWNER), s->docker->owner) &&
           str_same(value_get_str(labels, LABEL_TASK), s->task);
}

static void conflict(SetUp *s, const char *kind, const char *name) {
    Err err;
    err_set(&err, ERR_CONFLICT,
            "the %s %s is there already and is not of this workflow; remove it, or give the "
            "workflow another %s",
            kind, name, kind);
    over(s, &err);
}

static void on_again(void *arg) {
    SetUp *s = arg;
    s->again = timer_free(s->again);
    ask(s);
}

/* What runs already is waited for; who only begins is told at once. */
static bool try_again(SetUp *s, const Err *err) {
    Loop *loop = s->docker->base.loop;
    if (!docker_is_away(err))
        return false;
    int64_t pause_ms = patience_again(&s->patience, loop_now_ms(loop), s->patience_ms);
    if (pause_ms < 0)
        return false;
    s->again = timer_new(loop, pause_ms, on_again, s);
    return true;
}

static void not_there(SetUp *s) {
    const Needed *needed = &s->needed.at[s->at_needed];
    Err err;
    if (needed->step)
        err_set(&err, ERR_NOT_FOUND,
                "step %s wants the network %s, which does not exist; `docker network create %s` "
                "makes it",
                needed->step, needed->network, needed->network);
    else
        err_set(&err, ERR_NOT_FOUND,
                "the option network of the backend docker names %s, which does not exist",
                needed->network);
    over(s, &err);
}

static void take(SetUp *s, const DockerReply *reply) {
    Err bad = {0};
    patience_ok(&s->patience);
    if (s->at == NETWORK && reply->status == 409 && s->looks++ < LOOKS_MAX) {
        go(s, NETWORK_LOOK);
    } else if (s->at == OTHERS && reply->status == 404) {
        not_there(s);
    } else if (s->at == NETWORK_LOOK && reply->status == 404) {
        go(s, NETWORK); /* it went away meanwhile */
    } else if (docker_reply_check(reply, &bad) < 0) {
        over(s, &bad);
    } else if (s->at == VOLUME && !is_ours(s, reply->body)) {
        conflict(s, "volume", s->volume);
    } else if (s->at == NETWORK_LOOK && !is_ours(s, reply->body)) {
        conflict(s, "network", s->network);
    } else if (s->at == VOLUME) {
        go(s, NETWORK);
    } else {
        s->at_needed += s->at == OTHERS;
        go(s, OTHERS);
    }
}

static void on_reply(void *arg, const void *result, const Err *err) {
    SetUp *s = arg;
    s->call = NULL;
    if (!err)
        take(s, result);
    else if (!try_again(s, err))
        over(s, err);
}

/* ---- Questions ---- */

static void put_labels(const SetUp *s, JsonWriter *w) {
    json_kv_object(w, "Labels");
    json_kv_string(w, LABEL_OWNER, s->docker->owner);
    json_kv_string(w, LABEL_TASK, s->task);
    json_object_end(w);
}

static void create(SetUp *s, const char *path, const char *name, bool network) {
    Buf body;
    JsonWriter w;
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_kv_string(&w, "Name", name);
    json_kv_string(&w, "Driver", network ? "bridge" : "local");
    if (network) {
        json_kv_bool(&w, "CheckDuplicate", true);
        json_kv_bool(&w, "EnableIPv6", s->docker->settings.enable_ipv6);
    }
    put_labels(s, &w);
    json_object_end(&w);
    DockerCall what = {
        .method = "POST", .path = path, .body = buf_cstr(&body), .timeout_ms = CALL_MS};
    s->call = docker_call(s->docker->engine, &what, on_reply, s);
    buf_deinit(&body);
}

static void look(SetUp *s, const char *network) {
    Buf path;
    buf_init(&path, BODY_MAX);
    buf_puts(&path, "/networks/");
    docker_put_encoded(network, &path);
    DockerCall what = {.path = buf_cstr(&path), .timeout_ms = CALL_MS};
    s->call = docker_call(s->docker->engine, &what, on_reply, s);
    buf_deinit(&path);
}

static void ask(SetUp *s) {
    if (s->at == VOLUME && !s->volume)
        s->at = NETWORK;
    if (s->at == NETWORK && !s->network)
        s->at = OTHERS;
    if (s->at == OTHERS && s->at_needed == s->needed.n)
        s->at = DONE;
    switch (s->at) {
    case VOLUME: create(s, "/volumes/create", s->volume, false); return;
    case NETWORK: create(s, "/networks/create", s->network, true); return;
    case NETWORK_LOOK: look(s, s->network); return;
    case OTHERS: look(s, s->needed.at[s->at_needed].network); return;
    case DONE: over(s, NULL); return;
    }
    UNREACHABLE();
}

/* ---- What it needs ---- */

static void need(SetUp *s, const char *network, const char *step) {
    Arena *arena = op_arena(s->op);
    if (str_same(network, s->network))
        return;
    for (size_t i = 0; i < s->needed.n; i++)
        if (strcmp(s->needed.at[i].network, network) == 0)
            return;
    VEC_PUSH(s->needed,
             ((Needed){arena_strdup(arena, network), step ? arena_strdup(arena, step) : NULL}));
}

static void need_of_steps(SetUp *s, const WorkflowConfig *config) {
    for (size_t i = 0; i < config->stages.n; i++)
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++) {
            const Step *step = &config->stages.at[i].steps.at[k];
            bool own = !step->network_mode || !step->network_mode[0];
            for (size_t n = 0; own && n < step->networks.n; n++)
                need(s, step->networks.at[n].name, step->name);
        }
}

static const char *kept(SetUp *s, const char *name) {
    return name && name[0] ? arena_strdup(op_arena(s->op), name) : NULL;
}

static void remember(Docker *docker, const char *name, const char *dir) {
    DockerTask *task = docker_task(docker, name);
    if (!task) {
        task = xcalloc(1, sizeof *task);
        task->name = xstrdup(name);
        map_put(&docker->tasks, name, task);
    }
    free(task->dir);
    task->dir = xstrdup(dir);
}

Op *docker_setup_workflow(Backend *backend, const char *task, const char *dir,
                          const WorkflowConfig *config, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    AUTO_FREE char *runs = xasprintf("%s/runs", dir);
    Err err = {0};
    if (path_mkdirs(dir, 0700, &err) < 0)
        return docker_refuse(docker, fn, arg, &err);
    remember(docker, task, dir);
    if (!config)
        return docker_succeed(docker, fn, arg);
    SetUp *s = xcalloc(1, sizeof *s);
    s->docker = docker;
    list_append(&docker->setups, &s->link);
    s->op = docker_op(docker, fn, arg, on_cancel, s);
    s->task = arena_strdup(op_arena(s->op), task);
    s->volume = kept(s, config->volume);
    s->network = kept(s, config->network);
    s->patience_ms = access(runs, F_OK) == 0 ? docker->settings.patience_ms : 0;
    need_of_steps(s, config);
    if (docker->settings.defaults.network[0])
        need(s, docker->settings.defaults.network, NULL);
    Op *op = s->op;
    ask(s);
    return op;
}
