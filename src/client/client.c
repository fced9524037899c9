/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "data/json.h"

enum { AGAIN_MS = 50, START_AGAIN_MS = 500, STARTS_MAX = 4 };

int client_init(Client *client, Err *err) {
    *client = (Client){.may_start = true};
    client->state_dir = path_state_dir(err);
    client->runtime_dir = client->state_dir ? path_runtime_dir(err) : NULL;
    if (!client->runtime_dir) {
        client_deinit(client);
        return -1;
    }
    client->socket = path_join(client->runtime_dir, "server.sock");
    return 0;
}

void client_deinit(Client *client) {
    free(client->state_dir);
    free(client->runtime_dir);
    free(client->socket);
    *client = (Client){0};
}

#define AS_TABLE "application/json;as=Table;v=v1;g=meta.k8s.io"

/* One wish, however many calls it takes. */
typedef struct Attempt {
    HttpCall call;
    int64_t deadline_ms;
    int64_t start_at_ms; /* when a server may be started (again) */
    unsigned starts;
    HttpPeer peer;
    bool said, warned;
} Attempt;

static void attempt_init(Attempt *attempt, const Client *client, const char *method,
                         const char *path, const char *body) {
    *attempt = (Attempt){.deadline_ms = clock_mono_ms() + CLIENT_PATIENCE_MS};
    attempt->call =
        (HttpCall){.socket = client->socket,
                   .state_dir = client->state_dir,
                   .method = method,
                   .path = path,
                   .body = body,
                   .body_size = body ? strlen(body) : 0,
                   .timeout_ms = client->timeout_ms ? client->timeout_ms : CLIENT_TIMEOUT_MS,
                   .peer = &attempt->peer,
                   .warn = client->warn,
                   .interrupt = client->interrupt};
}

/* Nobody knows what became of what was asked. */
static bool give_up(Err *err) {
    Err why = *err;
    err_set(err, ERR_UNAVAILABLE,
            "the server went away before it answered (%s); whether it was done, `thole ps` shows",
            why.msg);
    return false;
}

static bool is_interrupted(const Client *client, int timeout_ms, Err *err) {
    struct pollfd p = {.fd = client->interrupt > 0 ? client->interrupt : -1, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) <= 0)
        return false;
    err_set(err, ERR_CANCELLED, "interrupted before the server answered");
    return true;
}

/* Who has waited for a second should know for what; and who has had a server, and lost it, what is
 * the matter. */
static void say_waiting(const Client *client, Attempt *attempt) {
    int64_t waited_ms = clock_mono_ms() + CLIENT_PATIENCE_MS - attempt->deadline_ms;
    char text[120], who[HTTP_SERVER_TEXT];
    if (!attempt->said && client->say && waited_ms >= CLIENT_SAY_MS) {
        attempt->said = true;
        client->say("no server answers; waiting for one, at most 15 s");
    }
    if (!attempt->warned && client->warn && attempt->peer.process && waited_ms >= HTTP_SILENT_MS) {
        attempt->warned = true;
        snprintf(text, sizeof(text), "%s went away before it answered; waiting for the next",
                 http_server_words(attempt->peer.process, who));
        client->warn(text);
    }
}

/* One that was killed before it could say a word is started again; but perhaps it always is. */
static bool start(const Client *client, Attempt *attempt, Err *err) {
    int r = server_start(client, err);
    attempt->start_at_ms = clock_mono_ms() + START_AGAIN_MS;
    return r == 0 || (err->kind == ERR_UNAVAILABLE && ++attempt->starts < STARTS_MAX);
}

/* A server that is being replaced is there again in a moment. */
static bool ask_again(Client *client, Attempt *attempt, Err *err) {
    bool changes = strcmp(attempt->call.method, "GET") != 0;
    if (err->kind != ERR_UNAVAILABLE)
        return false;
    if (attempt->peer.connected && changes && !client->may_repeat)
        return give_up(err);
    if (clock_mono_ms() >= attempt->deadline_ms || (!attempt->peer.connected && !client->may_start))
        return false;
    say_waiting(client, attempt);
    if (!attempt->peer.connected && clock_mono_ms() >= attempt->start_at_ms)
        return start(client, attempt, err);
    return !is_interrupted(client, AGAIN_MS, err);
}

static int call(Client *client, Attempt *attempt, HttpAnswer *ret, Err *err) {
    Err own; /* it decides, also when the caller does not care */
    err = err ? err : &own;
    while (http_call(&attempt->call, ret, err) < 0)
        if (!ask_again(client, attempt, err))
            return -1;
    return 0;
}

static int tree_of(HttpAnswer *answer, Arena *arena, const Value **ret, Err *err) {
    int r = json_parse(answer->body, answer->size, arena, ret, err);
    if (answer->status >= 400)
        r = http_status_err(answer, err);
    http_answer_free(answer);
    return r;
}

int client_raw(Client *client, const char *method, const char *path, const char *body,
               HttpAnswer *ret, Err *err) {
    Attempt attempt;
    attempt_init(&attempt, client, method, path, body);
    return call(client, &attempt, ret, err);
}

int client_ask(Client *client, const char *method, const char *path, const char *body, Arena *arena,
               const Value **ret, Err *err) {
    HttpAnswer answer;
    *ret = NULL;
    if (client_raw(client, method, path, body, &answer, err) < 0)
        return -1;
    return tree_of(&answer, arena, ret, err);
}

int client_table(Client *client, const char *path, Arena *arena, const Value **ret, Err *err) {
    Attempt attempt;
    HttpAnswer answer;
    *ret = NULL;
    attempt_init(&attempt, client, "GET", path, NULL);
    attempt.call.accept = AS_TABLE;
    if (call(client, &attempt, &answer, err) < 0)
        return -1;
    return tree_of(&answer, arena, ret, err);
}

static HttpLines *lines(Client *client, const char *path, const char *accept, Err *err) {
    Attempt attempt;
    HttpLines *opened;
    attempt_init(&attempt, client, "GET", path, NULL);
    attempt.call.accept = accept;
    while (!(opened = http_lines_open(&attempt.call, err)))
        if (!ask_again(client, &attempt, err))
            return NULL;
    return opened;
}

HttpLines *client_lines(Client *client, const char *path, Err *err) {
    return lines(client, path, NULL, err);
}

HttpLines *client_table_lines(Client *client, const char *path, Err *err) {
    return lines(client, path, AS_TABLE, err);
}

HttpLines *client_give(Client *client, const char *path, const char *bytes, size_t n, Err *err) {
    Attempt attempt;
    attempt_init(&attempt, client, "POST", path, NULL);
    attempt.call.body = bytes;
    attempt.call.body_size = n;
    return http_lines_open(&attempt.call, err);
}

void client_segment(Buf *path, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            strchr("-._~:", c))
            buf_putc(path, *text);
        else
            buf_printf(path, "%%%02X", c);
    }
}

void client_param(Buf *path, const char *name, const char *value) {
    buf_putc(path, path->p && strchr(path->p, '?') ? '&' : '?');
    client_segment(path, name);
    buf_putc(path, '=');
    client_segment(path, value);
}
