/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that come piece by piece, back-pressure, and connections that are kept. */
#include "harness/test.h"

#include <signal.h>
#include <sys/socket.h>

#include "loop/http_client.h"
#include "unit/loop/serve.h"

#define CHUNKED  "HTTP/1.1 200 OK\r\nX-Kind: log\r\nTransfer-Encoding: chunked\r\n\r\n"
#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

typedef struct Stream {
    Loop *loop;
    HttpClient *client;
    Serve *serve;
    HttpRequest *request;
    char path[200];
    char got[256];
    size_t n;   /* bytes taken */
    int pieces; /* times called */
    bool hold;  /* from now on */
    bool resume_inside, free_inside;
    int called;
    long status;
    char body[64], kind[16];
    Err err;
} Stream;

static void on_end(void *arg, const HttpReply *reply, const Err *err) {
    Stream *s = arg;
    s->called++;
    s->status = reply->status;
    if (err)
        s->err = *err;
    else
        snprintf(s->body, sizeof(s->body), "%s", reply->body);
    s->request = NULL;
}

static bool on_piece(void *arg, const char *bytes, size_t n) {
    Stream *s = arg;
    const char *kind = http_request_header(s->request, "x-kind");
    s->pieces++;
    snprintf(s->kind, sizeof(s->kind), "%s", kind ? kind : "");
    if (s->resume_inside && s->pieces == 1) {
        http_request_resume(s->request);
        return false;
    }
    if (s->hold)
        return false;
    for (size_t i = 0; i < n && s->n + i + 1 < sizeof(s->got); i++)
        s->got[s->n + i] = bytes[i];
    s->n += n;
    if (s->free_inside)
        s->request = http_request_free(s->request);
    return true;
}

static void stream_open(Stream *s, ServeAsk ask) {
    signal(SIGPIPE, SIG_IGN);
    *s = (Stream){.loop = loop_new()};
    snprintf(s->path, sizeof(s->path), "%s/socket", test_dir());
    ask.family = AF_UNIX;
    ask.path = s->path;
    s->serve = serve_new(s->loop, &ask);
    s->client = http_client_new(s->loop);
}

static void stream_ask(Stream *s) {
    HttpAsk ask = {.url = "http://docker/logs",
                   .unix_socket = s->path,
                   .keep_alive = true,
                   .on_data = on_piece};
    s->called = 0;
    s->request = http_ask(s->client, &ask, on_end, s);
}

static void stream_close(Stream *s) {
    http_client_free(s->client);
    serve_free(s->serve);
    loop_free(s->loop);
}

#define UNTIL(s, condition) \
    while (!(condition))    \
    ASSERT(loop_turn((s)->loop, 10000))

static void settle(Stream *s) {
    while (loop_turn(s->loop, 20))
        continue;
}

TEST(http_stream_comes_as_it_is_written)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = CHUNKED, .keep = true});
    stream_ask(&s);
    CHECK_EQ(s.pieces, 0);
    UNTIL(&s, serve_count(s.serve) == 1);
    serve_say(s.serve, "3\r\none\r\n", false);
    UNTIL(&s, s.n == 3);
    CHECK_STR(s.kind, "log");
    CHECK_EQ(s.called, 0);
    serve_say(s.serve, "3\r\ntwo\r\n0\r\n\r\n", false);
    UNTIL(&s, s.called);
    CHECK_STR(s.got, "onetwo");
    CHECK_EQ(s.status, 200);
    CHECK_STR(s.body, "");
    CHECK_STR(s.err.msg, "");
    stream_close(&s);
}

TEST(http_stream_may_end_with_its_connection)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        Stream s;
        stream_open(&s, (ServeAsk){.reply = heads[i], .keep = true});
        stream_ask(&s);
        UNTIL(&s, serve_count(s.serve) == 1);
        serve_say(s.serve, "raw bytes", true);
        UNTIL(&s, s.called);
        CHECK_STR(s.got, "raw bytes");
        CHECK_STR(s.err.msg, "");
        unlink(s.path);
        stream_close(&s);
    }
}

TEST(http_stream_that_breaks_gives_what_came_and_says_so)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = CHUNKED "3\r\none\r\n5\r\ntw", .keep = true});
    stream_ask(&s);
    UNTIL(&s, s.n == 5);
    serve_say(s.serve, "o", true);
    UNTIL(&s, s.called);
    CHECK_STR(s.got, "onetwo");
    CHECK_EQ(s.err.kind, ERR_UNAVAILABLE);
    stream_close(&s);
}

TEST(http_stream_of_an_error_is_its_body)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnone"});
    stream_ask(&s);
    UNTIL(&s, s.called);
    CHECK_EQ(s.pieces, 0);
    CHECK_EQ(s.status, 404);
    CHECK_STR(s.body, "none");
    stream_close(&s);
}

TEST(http_stream_held_back_comes_again)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = CHUNKED "3\r\none\r\n", .keep = true});
    s.hold = true;
    stream_ask(&s);
    UNTIL(&s, s.pieces == 1);
    serve_say(s.serve, "3\r\ntwo\r\n0\r\n\r\n", false);
    settle(&s);
    CHECK_EQ(s.pieces, 1); /* it waits for us */
    CHECK_EQ(s.called, 0); /* and so does the end */
    s.hold = false;
    http_request_resume(s.request);
    CHECK_EQ(s.n, 0); /* never inside the call */
    UNTIL(&s, s.called);
    CHECK_STR(s.got, "onetwo");
    stream_close(&s);
}

TEST(http_stream_may_be_resumed_while_it_is_held_back)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = CHUNKED "3\r\none\r\n0\r\n\r\n", .keep = true});
    s.resume_inside = true;
    stream_ask(&s);
    UNTIL(&s, s.called);
    CHECK_STR(s.got, "one");
    CHECK_EQ(s.pieces, 2);
    stream_close(&s);
}

/* Nothing is read from the server that nobody takes, and not a byte is lost by it. */
TEST(http_stream_holds_up_its_server)
{
    enum { SIZE = 1 << 20 };
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n";
    Stream s;
    stream_open(&s, (ServeAsk){.reply = head, .endless = true, .keep = true});
    s.hold = true;
    stream_ask(&s);
    settle(&s);
    CHECK_EQ(s.pieces, 1);
    CHECK_EQ(s.n, 0);
    s.hold = false;
    http_request_resume(s.request);
    UNTIL(&s, s.called);
    CHECK_EQ(s.n, SIZE);
    CHECK_STR(s.err.msg, "");
    stream_close(&s);
}

TEST(http_stream_may_be_freed_inside)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = CHUNKED "3\r\none\r\n", .keep = true});
    s.free_inside = true;
    stream_ask(&s);
    UNTIL(&s, s.n == 3);
    settle(&s);
    CHECK(!s.request);
    CHECK_EQ(s.called, 0);
    CHECK_EQ(s.pieces, 1);
    stream_ask(&s); /* the client lives on */
    s.free_inside = false;
    UNTIL(&s, s.n == 6);
    s.client = http_client_free(s.client); /* with a stream in flight */
    stream_close(&s);
}

TEST(http_keeps_a_connection_for_the_next_request)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = OK_REPLY, .keep = true});
    for (int i = 1; i <= 3; i++) {
        stream_ask(&s);
        UNTIL(&s, s.called);
        CHECK_EQ(s.status, 200);
        CHECK_EQ(serve_count(s.serve), i);
    }
    CHECK_EQ(serve_met(s.serve), 1);
    CHECK_EQ(serve_open(s.serve), 1);
    stream_close(&s);
}

/* A server that closed the kept connection meanwhile is asked again on a new one. */
TEST(http_survives_that_a_kept_connection_is_closed)
{
    Stream s;
    stream_open(&s, (ServeAsk){.reply = OK_REPLY, .keep = true});
    stream_ask(&s);
    UNTIL(&s, s.called);
    serve_say(s.serve, "", true);
    stream_ask(&s);
    UNTIL(&s, s.called);
    CHECK_EQ(s.status, 200);
    CHECK_EQ(serve_met(s.serve), 2);
    stream_close(&s);
}
