/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the Engine API, to an engine of the test's own. */
#include "harness/test.h"

#include <signal.h>
#include <sys/socket.h>

#include "backend/docker/engine.h"
#include "unit/loop/serve.h"

#define PONG(version) "HTTP/1.1 200 OK\r\nApi-Version: " version "\r\nContent-Length: 2\r\n\r\nOK"

typedef struct Heard {
    int called;
    long status;
    char message[200], name[64];
    bool has_body;
    Err err;
} Heard;

typedef struct Town {
    Loop *loop;
    Serve *serve;
    DockerEngine *engine;
    char host[256];
    char got[64]; /* of a stream */
    Heard h;
} Town;

/* What the engine says; one process per test. */
static const char *pong = PONG("1.41"), *reply;

static const char *reply_to(const char *request) {
    return strncmp(request, "GET /_ping ", 11) == 0 ? pong : reply;
}

static void on_done(void *arg, const void *result, const Err *err) {
    Town *town = arg;
    const DockerReply *got = result;
    Heard *h = &town->h;
    h->called++;
    if (err) {
        h->err = *err;
        return;
    }
    h->status = got->status;
    h->has_body = got->body != NULL;
    snprintf(h->message, sizeof(h->message), "%s", got->message);
    const char *name = value_get_str(got->body, "Name");
    snprintf(h->name, sizeof(h->name), "%s", name ? name : "");
}

static bool on_data(void *arg, const char *bytes, size_t n) {
    Town *town = arg;
    snprintf(town->got, sizeof(town->got), "%.*s", (int)n, bytes);
    return true;
}

static void town_open(Town *town) {
    signal(SIGPIPE, SIG_IGN);
    *town = (Town){.loop = loop_new()};
    snprintf(town->host, sizeof(town->host), "unix://%s/socket", test_dir());
    ServeAsk ask = {.family = AF_UNIX, .path = town->host + 7, .reply_to = reply_to, .keep = true};
    town->serve = serve_new(town->loop, &ask);
    town->engine = docker_engine_new(town->loop, town->host, NULL);
    ASSERT(town->engine);
}

static void town_close(Town *town) {
    docker_engine_free(town->engine);
    if (town->serve)
        serve_free(town->serve);
    loop_free(town->loop);
}

static void until_heard(Town *town) {
    while (!town->h.called)
        ASSERT(loop_turn(town->loop, 10000));
}

static const Heard *hear(Town *town, const DockerCall *call) {
    town->h = (Heard){0};
    docker_call(town->engine, call, on_done, town);
    CHECK_EQ(town->h.called, 0);
    until_heard(town);
    return &town->h;
}

TEST(engine_asks_for_the_version_once)
{
    Town town;
    town_open(&town);
    reply = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"Name\":\"host\"}";
    CHECK_STR(docker_engine_version(town.engine), "");
    const Heard *h = hear(&town, &(DockerCall){.path = "/info"});
    CHECK_EQ(h->status, 200);
    CHECK_STR(h->name, "host");
    CHECK_STR(docker_engine_version(town.engine), "1.41");
    CHECK_HAS(serve_heard(town.serve), "GET /v1.41/info HTTP/1.1\r\n");
    CHECK_EQ(serve_count(town.serve), 2);
    hear(&town, &(DockerCall){.path = "/info"});
    CHECK_EQ(serve_count(town.serve), 3);
    CHECK_EQ(serve_met(town.serve), 1); /* on one connection */
    town_close(&town);
}

TEST(engine_newer_than_us_is_spoken_to_as_we_can)
{
    Town town;
    pong = PONG("1.99");
    reply = "HTTP/1.1 204 No Content\r\n\r\n";
    town_open(&town);
    const Heard *h = hear(&town, &(DockerCall){.method = "POST", .path = "/containers/x/start"});
    CHECK_EQ(h->status, 204);
    CHECK(!h->has_body);
    CHECK_HAS(serve_heard(town.serve), "POST /v" DOCKER_API_NEWEST "/containers/x/start ");
    CHECK_HAS(serve_heard(town.serve), "Content-Length: 0\r\n");
    town_close(&town);
}

TEST(engine_that_is_too_old_or_none_is_refused)
{
    Town town;
    pong = PONG("1.12");
    town_open(&town);
    const Heard *h = hear(&town, &(DockerCall){.path = "/info"});
    CHECK_EQ(h->err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(h->err.msg, "speaks version 1.12 of its API; 1.30 is needed");
    pong = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    hear(&town, &(DockerCall){.path = "/info"});
    CHECK_HAS(town.h.err.msg, "is no Docker engine: it names no version");
    pong = PONG("one.two");
    hear(&town, &(DockerCall){.path = "/info"});
    CHECK_HAS(town.h.err.msg, "is no Docker engine");
    pong = "HTTP/1.1 503 No\r\nContent-Length: 29\r\n\r\n{\"message\":\"still starting.\"}";
    hear(&town, &(DockerCall){.path = "/info"});
    CHECK_HAS(town.h.err.msg, "/socket: still starting");
    town_close(&town);
}

TEST(engine_sends_bodies_and_credentials)
{
    Town town;
    reply = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
    town_open(&town);
    DockerCall call = {.method = "POST",
                       .path = "/images/create?fromImage=x",
                       .body = "{\"Image\":\"x\"}",
                       .auth = "e30="};
    hear(&town, &call);
    CHECK_EQ(town.h.status, 201);
    CHECK_HAS(serve_heard(town.serve), "X-Registry-Auth: e30=\r\n");
    CHECK_HAS(serve_heard(town.serve), "Content-Type: application/json\r\n");
    CHECK_HAS(serve_heard(town.serve), "\r\n\r\n{\"Image\":\"x\"}");
    town_close(&town);
}

TEST(engine_says_no_in_one_sentence)
{
    static const struct {
        const char *reply, *says;
        ErrKind kind;
    } cases[] = {
        {"HTTP/1.1 500 E\r\nContent-Length: 46\r\n\r\n"
         "{\"message\":\"port is already allocated.\\nx\\ny\"}",
         "docker: port is already allocated", ERR_INTERNAL},
        {"HTTP/1.1 503 E\r\nContent-Length: 18\r\n\r\n{\"message\":\"busy\"}", "docker: busy",
         ERR_UNAVAILABLE},
        {"HTTP/1.1 400 E\r\nContent-Length: 4\r\n\r\nwhat", "docker: status 400 without a message",
         ERR_INVALID},
        {"HTTP/1.1 403 E\r\nContent-Length: 16\r\n\r\n{\"message\":\"no\"}", "docker: no",
         ERR_DENIED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\":", "the answer to GET /info: ",
         ERR_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{\"a\":", "/socket: ",
         ERR_UNAVAILABLE},
    };
    Town town;
    town_open(&town);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reply = cases[i].reply;
        bool half = strstr(reply, "close") != NULL;
        town.h = (Heard){0};
        docker_call(town.engine, &(DockerCall){.path = "/info"}, on_done, &town);
        while (half && serve_count(town.serve) < 2 + (int)i)
            ASSERT(loop_turn(town.loop, 10000));
        if (half)
            serve_say(town.serve, "", true);
        until_heard(&town);
        CHECK_EQ(town.h.err.kind, cases[i].kind);
        CHECK_HAS(town.h.err.msg, cases[i].says);
        CHECK(!strchr(town.h.err.msg, '\n'));
    }
    town_close(&town);
}

TEST(engine_gives_404_and_409_as_data)
{
    Town town;
    Err err = {0};
    reply = "HTTP/1.1 404 E\r\nContent-Length: 34\r\n\r\n{\"message\":\"No such container: x\"}\n";
    town_open(&town);
    const Heard *h = hear(&town, &(DockerCall){.path = "/containers/x/json"});
    CHECK_EQ(h->err.kind, ERR_NONE);
    CHECK_EQ(h->status, 404);
    CHECK_STR(h->message, "No such container: x");
    CHECK_EQ(docker_reply_check(&(DockerReply){.status = 304, .message = ""}, &err), 0);
    CHECK_EQ(docker_reply_check(&(DockerReply){.status = 404, .message = "none"}, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "docker: none");
    CHECK_EQ(docker_reply_check(&(DockerReply){.status = 409, .message = "busy"}, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    town_close(&town);
}

TEST(engine_that_went_away_is_asked_anew)
{
    Town town;
    reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    town_open(&town);
    hear(&town, &(DockerCall){.path = "/info"});
    town.serve = serve_free(town.serve);
    unlink(town.host + 7);
    hear(&town, &(DockerCall){.path = "/info"});
    CHECK_EQ(town.h.err.kind, ERR_UNAVAILABLE); /* that its socket is not there is no 404 */
    CHECK_HAS(town.h.err.msg, town.host);
    CHECK_STR(docker_engine_version(town.engine), "");
    town_close(&town);
}

TEST(engine_streams_and_is_freed_at_any_time)
{
    Town town;
    reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    town_open(&town);
    DockerCall call = {.path = "/containers/x/logs?follow=1", .on_data = on_data};
    Op *op = docker_call(town.engine, &call, on_done, &town);
    while (!town.got[0])
        ASSERT(loop_turn(town.loop, 10000));
    CHECK_STR(town.got, "one");
    op_cancel(op);
    until_heard(&town);
    CHECK_EQ(town.h.err.kind, ERR_CANCELLED);
    docker_call(town.engine, &call, on_done, &town);
    docker_call(town.engine, &call, on_done, &town);
    loop_turn(town.loop, 20);
    op_cancel(docker_call(town.engine, &call, on_done, &town));
    town.h = (Heard){0};
    town.engine = docker_engine_free(town.engine);
    loop_turn(town.loop, 20);
    CHECK_EQ(town.h.called, 0);
    town_close(&town);
}

TEST(engine_understands_DOCKER_HOST)
{
    static const char *const wrong[] = {"ssh://me@far", "tcp://", "unix://", "localhost:2375",
                                        "tcp://far:2375/v1.41"};
    Loop *loop = loop_new();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Err err = {0};
        CHECK(!docker_engine_new(loop, wrong[i], &err));
        CHECK_EQ(err.kind, ERR_INVALID);
        CHECK_HAS(err.msg, wrong[i]);
    }
    DockerEngine *usual = docker_engine_new(loop, "", NULL);
    CHECK_STR(docker_engine_host(usual), "unix:///var/run/docker.sock");
    CHECK_STR(docker_engine_socket(usual), "/var/run/docker.sock");
    docker_engine_free(usual);
    DockerEngine *far = docker_engine_new(loop, "tcp://far:2375", NULL);
    CHECK(far && !docker_engine_socket(far));
    docker_engine_free(far);
    loop_free(loop);
}

TEST(engine_that_says_too_much_is_not_away)
{
    enum { PIECE = 32 << 10, SIZE = (16 << 20) + PIECE };
    static char piece[PIECE + 1];
    Town town;
    char head[100];
    memset(piece, ' ', PIECE);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE);
    reply = head;
    town_open(&town);
    docker_call(town.engine, &(DockerCall){.path = "/info"}, on_done, &town);
    while (serve_count(town.serve) < 2)
        ASSERT(loop_turn(town.loop, 10000));
    for (int said = 0; said < SIZE; said += PIECE) {
        serve_say(town.serve, piece, false);
        for (int i = 0; i < 4; i++)
            loop_turn(town.loop, 0);
    }
    until_heard(&town);
    CHECK_EQ(town.h.err.kind, ERR_LIMIT);
    CHECK_HAS(town.h.err.msg, "the answer to GET /info has more than 16 MiB");
    town_close(&town);
}

/* Of a call that has its own bound: the wait for a process that does not care for its signal. */
TEST(engine_that_is_slow_with_one_call_is_not_asked_for_its_version_again)
{
    Town town;
    reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    town_open(&town);
    hear(&town, &(DockerCall){.path = "/info"});
    reply = NULL;
    const Heard *h = hear(&town, &(DockerCall){.path = "/info", .timeout_ms = 1});
    CHECK_EQ(h->err.kind, ERR_TIMEOUT);
    CHECK_STR(docker_engine_version(town.engine), "1.41");
    town_close(&town);
}
