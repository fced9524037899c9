/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/engine.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"

#define USUAL_HOST "unix:///var/run/docker.sock"

enum { PING_MS = 10 * 1000, VERSION_MAX = 16, REPLY_MAX = 16 << 20 };

typedef struct Call Call;

struct DockerEngine {
    Loop *loop;
    HttpClient *http;
    char *host;            /* as it was given */
    char *socket;          /* NULL: TCP */
    char *base;            /* "http://…" without a slash at its end */
    char *ca, *cert, *key; /* files for TLS; NULL: none */
    bool verify;
    char version[VERSION_MAX];
    char newest[VERSION_MAX]; /* that we want to speak */
    int64_t silent_ms;        /* since when no good answer came; 0: one did */
    DockerSilence silence;    /* the last that is over */
    Call *first;              /* not ended */
    OpList ops;               /* not delivered */
};

/* Strings live in the op's arena. */
struct Call {
    DockerEngine *engine;
    Call *prev, *next;
    Op *op;
    HttpRequest *request;
    DockerCall ask;
    void *arg; /* of the OpFn */
};

/* ---- Versions: "1.41" ---- */

/* 0: it is none. */
static long version_number(const char *text) {
    const char *dot = text ? strchr(text, '.') : NULL;
    char major_text[VERSION_MAX];
    int64_t major, minor;
    if (!dot || (size_t)(dot - text) >= sizeof(major_text))
        return 0;
    memcpy(major_text, text, (size_t)(dot - text));
    major_text[dot - text] = '\0';
    if (number_parse(major_text, 0, 1000, &major) < 0 || number_parse(dot + 1, 0, 999, &minor) < 0)
        return 0;
    return (long)(major * 1000 + minor);
}

static int take_version(DockerEngine *engine, const char *theirs, Err *err) {
    long number = version_number(theirs);
    if (!number)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s is no Docker engine: it names no version of its API", engine->host);
    if (number < version_number(DOCKER_API_OLDEST))
        return err_set(err, ERR_UNAVAILABLE,
                       "the Docker engine at %s speaks version %s of its API; %s is needed",
                       engine->host, theirs, DOCKER_API_OLDEST);
    bool newer = number > version_number(engine->newest);
    str_copy(engine->version, sizeof(engine->version), newer ? engine->newest : theirs);
    return 0;
}

/* ---- The life of a call ---- */

static void leave(Call *call) {
    if (call->prev)
        call->prev->next = call->next;
    else
        call->engine->first = call->next;
    if (call->next)
        call->next->prev = call->prev;
    free(call);
}

static void was_silent(DockerEngine *engine) {
    if (engine->silent_ms == 0)
        engine->silent_ms = loop_now_ms(engine->loop);
}

static void has_answered(DockerEngine *engine) {
    if (engine->silent_ms)
        engine->silence = (DockerSilence){engine->silent_ms, loop_now_ms(engine->loop)};
    engine->silent_ms = 0;
}

static void end(Call *call, const DockerReply *reply, const Err *err) {
    Op *op = call->op;
    if (!err)
        has_answered(call->engine);
    else if (err->kind == ERR_UNAVAILABLE)
        was_silent(call->engine);
    leave(call);
    op_finish(op, err ? NULL : reply, sizeof(*reply), err);
}

static void on_cancel(Op *op, void *state) {
    Call *call = state;
    (void)op;
    http_request_free(call->request);
    Err err = {0};
    err_set(&err, ERR_CANCELLED, "cancelled");
    end(call, NULL, &err);
}

static void fail_in(Call *call, const Err *why) {
    Err err = *why;
    if (err.kind != ERR_TIMEOUT)         /* our bound says nothing of the connection */
        call->engine->version[0] = '\0'; /* who answers next may be another */
    if (err.kind == ERR_NOT_FOUND)       /* of its socket: that is not the 404 of who answers */
        err.kind = ERR_UNAVAILABLE;
    err_in(&err, "docker engine %s", call->engine->host);
    end(call, NULL, &err);
}

/* ---- What the engine says ---- */

static ErrKind kind_of(long status) {
    switch (status) {
    case 400: return ERR_INVALID;
    case 401:
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_CONFLICT;
    case 429: return ERR_LIMIT;
    case 502:
    case 503:
    case 504: return ERR_UNAVAILABLE;
    default: return ERR_INTERNAL;
    }
}

/* The first line of {"message": "…"}, as a sentence of ours ends. */
static const char *message_of(const HttpReply *reply, Arena *arena) {
    const Value *body = NULL;
    const char *text = NULL;
    if (json_parse(reply->body, reply->body_size, arena, &body, NULL) == 0)
        text = value_get_str(body, "message");
    size_t n = text ? strcspn(text, "\r\n") : 0;
    while (n > 0 && (text[n - 1] == '.' || text[n - 1] == ' '))
        n--;
    return n ? arena_strndup(arena, text, n)
             : arena_printf(arena, "status %ld without a message", reply->status);
}

static bool is_data(long status) {
    return (status >= 200 && status < 300) || status == 101 || status == 304;
}

/* For people: a query would leave no room for what is wrong. */
static const char *asked(const Call *call) {
    return arena_printf(op_arena(call->op), "%s %.*s", call->ask.method,
                        (int)strcspn(call->ask.path, "?"), call->ask.path);
}

static int read_reply(const Call *call, const HttpReply *got, DockerReply *ret, Err *err) {
    Arena *arena = op_arena(call->op);
    *ret = (DockerReply){.status = got->status, .message = ""};
    if (!is_data(got->status)) {
        ret->message = message_of(got, arena);
        if (got->status == 404 || got->status == 409)
            return 0;
        return err_set(err, kind_of(got->status), "docker: %s", ret->message);
    }
    if (got->cut)
        return err_set(err, ERR_LIMIT, "docker engine %s: the answer to %s has more than %d MiB",
                       call->engine->host, asked(call), REPLY_MAX >> 20);
    if (got->body_size == 0 || json_parse(got->body, got->body_size, arena, &ret->body, err) == 0)
        return 0;
    err->kind = ERR_UNAVAILABLE;
    return err_in(err, "docker engine %s: the answer to %s", call->engine->host, asked(call));
}

static void on_reply(void *arg, const HttpReply *got, const Err *err) {
    Call *call = arg;
    DockerReply reply;
    Err bad = {0};
    call->request = NULL;
    if (err)
        fail_in(call, err);
    else if (read_reply(call, got, &reply, &bad) < 0)
        end(call, NULL, &bad);
    else
        end(call, &reply, NULL);
}

static bool on_piece(void *arg, const char *bytes, size_t n) {
    Call *call = arg;
    return call->ask.on_data(call->arg, bytes, n);
}

/* ---- Asking ---- */

static void ask(Call *call) {
    DockerEngine *engine = call->engine;
    const DockerCall *what = &call->ask;
    StrPair pairs[2];
    StrMap headers = {pairs, 0};
    if (what->body)
        pairs[headers.n++] = (StrPair){"Content-Type", "application/json"};
    if (what->auth)
        pairs[headers.n++] = (StrPair){"X-Registry-Auth", what->auth};
    const char *url =
        arena_printf(op_arena(call->op), "%s/v%s%s", engine->base, engine->version, what->path);
    const char *body = what->body || strcmp(what->method, "POST") != 0 ? what->body : "";
    HttpAsk http = {.method = what->method,
                    .url = url,
                    .unix_socket = engine->socket,
                    .verify_tls = engine->verify,
                    .tls = &(HttpTls){engine->ca, engine->cert, engine->key},
                    .headers = &headers,
                    .body = body,
                    .body_size = body ? strlen(body) : 0,
                    .timeout_ms = what->timeout_ms,
                    .idle_ms = what->idle_ms,
                    .max_body = REPLY_MAX,
                    .keep_alive = true,
                    .fresh = what->fresh,
                    .on_data = what->on_data ? on_piece : NULL};
    call->request = http_ask(engine->http, &http, on_reply, call);
}

/* Any engine says its version, also one that is not well; who has none is none. */
static int read_pong(Call *call, const HttpReply *got, Err *err) {
    const char *version = http_request_header(call->request, "Api-Version");
    if (!version && got->status >= 500)
        return err_set(err, ERR_UNAVAILABLE, "docker engine %s: %s", call->engine->host,
                       message_of(got, op_arena(call->op)));
    return take_version(call->engine, version, err);
}

static void on_pong(void *arg, const HttpReply *got, const Err *err) {
    Call *call = arg;
    Err bad = {0};
    if (!err && read_pong(call, got, &bad) == 0) {
        ask(call);
        return;
    }
    call->request = NULL;
    was_silent(call->engine); /* also by our bound: a ping is answered at once */
    if (err)
        fail_in(call, err);
    else
        end(call, NULL, &bad);
}

static void ping(Call *call) {
    DockerEngine *engine = call->engine;
    char *url = xasprintf("%s/_ping", engine->base);
    HttpAsk http = {.url = url,
                    .unix_socket = engine->socket,
                    .verify_tls = engine->verify,
                    .tls = &(HttpTls){engine->ca, engine->cert, engine->key},
                    .timeout_ms = PING_MS,
                    .keep_alive = true};
    call->request = http_ask(engine->http, &http, on_pong, call);
    free(url);
}

static const char *kept(Arena *arena, const char *text) {
    return text ? arena_strdup(arena, text) : NULL;
}

Op *docker_call(DockerEngine *engine, const DockerCall *what, OpFn fn, void *arg) {
    Call *call = xcalloc(1, sizeof *call);
    call->engine = engine;
    call->arg = arg;
    call->op = op_new(engine->loop, fn, arg, on_cancel, call);
    op_list_add(&engine->ops, call->op);
    Arena *arena = op_arena(call->op);
    call->ask = *what;
    call->ask.method = kept(arena, what->method ? what->method : "GET");
    call->ask.path = kept(arena, what->path);
    call->ask.body = kept(arena, what->body);
    call->ask.auth = kept(arena, what->auth);
    call->next = engine->first;
    if (engine->first)
        engine->first->prev = call;
    engine->first = call;
    if (engine->version[0])
        ask(call);
    else
        ping(call);
    return call->op;
}

void docker_call_resume(Op *op) {
    Call *call = op_state(op);
    http_request_resume(call->request);
}

int docker_reply_check(const DockerReply *reply, Err *err) {
    if (is_data(reply->status))
        return 0;
    return err_set(err, kind_of(reply->status), "docker: %s", reply->message);
}

void docker_put_encoded(const char *text, Buf *out) {
    for (const char *at = text; *at; at++) {
        if (isalnum((unsigned char)*at) || strchr("-._~", *at))
            buf_putc(out, *at);
        else
            buf_printf(out, "%%%02X", (unsigned char)*at);
    }
}

/* ---- Where it is ---- */

static int take_host(DockerEngine *engine, Err *err) {
    const char *host = engine->host;
    if (str_starts(host, "unix:///")) {
        engine->socket = xstrdup(host + strlen("unix://"));
        engine->base = xstrdup("http://docker");
        return 0;
    }
    const char *where = str_starts(host, "tcp://")    ? host + strlen("tcp://")
                        : str_starts(host, "http://") ? host + strlen("http://")
                                                      : "";
    size_t n = strcspn(where, "/");
    if (n == 0 || where[n + (where[n] == '/')])
        return err_set(
            err, ERR_INVALID,
            "DOCKER_HOST %s is not understood; it is unix:///path or tcp://host:port, which "
            "may be written http://host:port",
            host);
    engine->base = xasprintf("http://%.*s", (int)n, where);
    return 0;
}

DockerEngine *docker_engine_new(Loop *loop, const char *host, Err *err) {
    DockerEngine *engine = xcalloc(1, sizeof *engine);
    engine->loop = loop;
    engine->host = xstrdup(host && host[0] ? host : USUAL_HOST);
    engine->http = http_client_new(loop);
    str_copy(engine->newest, sizeof(engine->newest), DOCKER_API_NEWEST);
    return take_host(engine, err) < 0 ? docker_engine_free(engine) : engine;
}

static int take_file(char **ret, const char *dir, const char *name, Err *err) {
    char *path = path_join(dir, name);
    free(*ret);
    *ret = path;
    if (access(path, R_OK) == 0)
        return 0;
    return err_sys(err, errno, "the option cert_path of the backend docker: %s", path);
}

int docker_engine_use_tls(DockerEngine *engine, const char *dir, bool verify, Err *err) {
    if (engine->socket)
        return 0;
    if (dir[0] != '/')
        return err_set(err, ERR_INVALID,
                       "the option cert_path of the backend docker is \"%.200s\", which is not an "
                       "absolute path",
                       dir);
    if ((verify && take_file(&engine->ca, dir, "ca.pem", err) < 0) ||
        take_file(&engine->cert, dir, "cert.pem", err) < 0 ||
        take_file(&engine->key, dir, "key.pem", err) < 0)
        return -1;
    char *base = xasprintf("https://%s", strstr(engine->base, "://") + 3);
    free(engine->base);
    engine->base = base;
    engine->verify = verify;
    return 0;
}

DockerEngine *docker_engine_free(DockerEngine *engine) {
    if (!engine)
        return NULL;
    while (engine->first) {
        http_request_free(engine->first->request);
        leave(engine->first);
    }
    op_list_abandon(&engine->ops);
    http_client_free(engine->http);
    free(engine->host);
    free(engine->socket);
    free(engine->base);
    free(engine->ca);
    free(engine->cert);
    free(engine->key);
    free(engine);
    return NULL;
}

Loop *docker_engine_loop(const DockerEngine *engine) {
    return engine->loop;
}

int64_t docker_engine_silent_ms(const DockerEngine *engine) {
    return engine->silent_ms;
}

DockerSilence docker_engine_last_silence(const DockerEngine *engine) {
    return engine->silence;
}

const char *docker_engine_host(const DockerEngine *engine) {
    return engine->host;
}

const char *docker_engine_socket(const DockerEngine *engine) {
    return engine->socket;
}

int docker_engine_speak(DockerEngine *engine, const char *version, Err *err) {
    long number = version_number(version);
    if (number < version_number(DOCKER_API_OLDEST) || number > version_number(DOCKER_API_NEWEST))
        return err_set(
            err, ERR_INVALID,
            "the option api_version of the backend docker is \"%.40s\", which is not one "
            "from " DOCKER_API_OLDEST " to " DOCKER_API_NEWEST,
            version);
    str_copy(engine->newest, sizeof(engine->newest), version);
    return 0;
}

const char *docker_engine_version(const DockerEngine *engine) {
    return engine->version;
}
