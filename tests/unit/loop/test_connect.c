/* SPDX-License-Identifier: Apache-2.0 */
/* Can one connect there? Against real sockets of loopback. */
#include "harness/test.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "loop/connect.h"
#include "unit/loop/serve.h"

typedef struct Heard {
    int called;
    Err err;
    Connect *own;
} Heard;

static void on_connect(void *arg, const Err *err) {
    Heard *h = arg;
    h->called++;
    if (err)
        h->err = *err;
    h->own = connect_free(h->own); /* fine */
}

static void ask(Loop *loop, const char *host, int port, int64_t timeout_ms, Heard *h) {
    *h = (Heard){0};
    h->own = connect_new(loop, host, (uint16_t)port, timeout_ms, on_connect, h);
    CHECK_EQ(h->called, 0);
    while (!h->called)
        ASSERT(loop_turn(loop, 10000));
}

TEST(connect_reaches_whoever_listens)
{
    static const int families[] = {AF_INET, AF_INET6};
    static const char *const literals[] = {"127.0.0.1", "::1"};
    for (int i = 0; i < (serve_can(AF_INET6) ? 2 : 1); i++) {
        Loop *loop = loop_new();
        Heard h;
        Serve *serve = serve_new(loop, &(ServeAsk){.family = families[i]});
        ask(loop, literals[i], serve_port(serve), 10000, &h);
        CHECK_STR(h.err.msg, "");
        ask(loop, "localhost", serve_port(serve), 10000, &h); /* on either family */
        CHECK_STR(h.err.msg, "");
        ask(loop, literals[1 - i], serve_port(serve), 10000, &h);
        CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
        serve_free(serve);
        loop_free(loop);
    }
}

TEST(connect_hangs_up_at_once)
{
    Loop *loop = loop_new();
    Heard h;
    Serve *serve = serve_new(loop, &(ServeAsk){.family = AF_INET});
    ask(loop, "127.0.0.1", serve_port(serve), 10000, &h);
    do
        ASSERT(loop_turn(loop, 10000));
    while (serve_open(serve));
    serve_free(serve);
    loop_free(loop);
}

TEST(connect_says_that_it_was_refused)
{
    Loop *loop = loop_new();
    Heard h;
    Serve *serve = serve_new(loop, &(ServeAsk){.family = AF_INET});
    int port = serve_port(serve);
    char expect[64];
    serve_free(serve);
    ask(loop, "localhost", port, 10000, &h);
    CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
    snprintf(expect, sizeof(expect), "localhost port %d: connection refused", port);
    CHECK_HAS(h.err.msg, expect);
    loop_free(loop);
}

TEST(connect_gives_up_in_time)
{
    enum { BACKLOG = 0, ENOUGH = 16 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fill[ENOUGH];
    Loop *loop = loop_new();
    Heard h;
    ASSERT(bind(listener, (const struct sockaddr *)&address, size) == 0);
    ASSERT(listen(listener, BACKLOG) == 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < ENOUGH; i++) { /* nobody accepts: the kernel stops answering */
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (const struct sockaddr *)&address, size);
    }
    int64_t before = clock_mono_ms();
    ask(loop, "127.0.0.1", ntohs(address.sin_port), 80, &h);
    CHECK(clock_mono_ms() - before >= 79);
    CHECK_EQ(h.err.kind, ERR_TIMEOUT);
    CHECK_HAS(h.err.msg, "no answer within 80 ms");
    for (int i = 0; i < ENOUGH; i++)
        close(fill[i]);
    close(listener);
    loop_free(loop);
}

TEST(connect_says_that_a_name_is_unknown)
{
    Loop *loop = loop_new();
    Heard h;
    ask(loop, "no-such-host.invalid", 80, 20000, &h);
    /* a name server may be slow */
    CHECK(h.err.kind == ERR_UNAVAILABLE || h.err.kind == ERR_TIMEOUT);
    CHECK_HAS(h.err.msg, "no-such-host.invalid");
    loop_free(loop);
}

TEST(connect_looks_names_up)
{
    Loop *loop = loop_new();
    Heard h;
    Serve *serve = serve_new(loop, &(ServeAsk){.family = AF_INET});
    /* no literal of ours, but known without a name server */
    ask(loop, "127.1", serve_port(serve), 20000, &h);
    CHECK_STR(h.err.msg, "");
    serve_free(serve);
    ask(loop, "127.1", 1, 20000, &h);
    CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
    loop_free(loop);
}

TEST(connect_may_be_freed_at_any_time)
{
    Loop *loop = loop_new();
    Heard never = {0};
    Serve *serve = serve_new(loop, &(ServeAsk){.family = AF_INET});
    uint16_t port = (uint16_t)serve_port(serve);
    CHECK(!connect_free(NULL));
    connect_free(connect_new(loop, "localhost", port, 10000, on_connect, &never));
    Connect *connect = connect_new(loop, "localhost", port, 10000, on_connect, &never);
    Connect *lookup = connect_new(loop, "no-such-host.invalid", port, 10000, on_connect, &never);
    loop_turn(loop, 0);
    connect_free(connect);
    connect_free(lookup); /* while a helper thread works for it */
    loop_turn(loop, 20);
    CHECK_EQ(never.called, 0);
    serve_free(serve);
    loop_free(loop);
}
