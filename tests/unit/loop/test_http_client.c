/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against a server on the same loop. */
#include "harness/test.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "loop/http_client.h"
#include "unit/loop/serve.h"

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

typedef struct Heard {
    int called;
    long status;
    char body[256];
    size_t body_size;
    Err err;
    HttpClient *client; /* freed inside, if set */
    HttpRequest *request, *other;
} Heard;

typedef struct Web {
    Loop *loop;
    HttpClient *client;
    Serve *serve;
    char url[128];
} Web;

static void on_reply(void *arg, const HttpReply *reply, const Err *err) {
    Heard *h = arg;
    h->called++;
    h->status = reply->status;
    h->body_size = reply->body_size;
    if (err)
        h->err = *err;
    else
        snprintf(h->body, sizeof(h->body), "%s", reply->body);
    h->other = http_request_free(h->other);
    h->request = http_request_free(h->request); /* its own, which is fine */
    h->client = http_client_free(h->client);
}

static Web open_web(const ServeAsk *ask, const char *host) {
    Web web = {.loop = loop_new()};
    signal(SIGPIPE, SIG_IGN);
    web.client = http_client_new(web.loop);
    web.serve = serve_new(web.loop, ask);
    snprintf(web.url, sizeof(web.url), "http://%s:%d/ready?x=1", host, serve_port(web.serve));
    return web;
}

static void close_web(Web *web) {
    http_client_free(web->client);
    serve_free(web->serve);
    loop_free(web->loop);
}

static void ask_and_wait(Web *web, const HttpAsk *ask, Heard *h) {
    *h = (Heard){0};
    http_ask(web->client, ask, on_reply, h);
    CHECK_EQ(h->called, 0); /* never inside the call */
    while (!h->called)
        ASSERT(loop_turn(web->loop, 10000));
}

TEST(http_asks_and_is_answered)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    StrPair pairs[] = {{"X-Empty", ""}, {"X-Name", "thole"}};
    StrMap headers = {pairs, 2};
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .headers = &headers, .timeout_ms = 10000}, &h);
    CHECK_EQ(h.status, 200);
    CHECK_STR(h.body, "hello");
    CHECK_STR(h.err.msg, "");
    CHECK_HAS(serve_heard(web.serve), "GET /ready?x=1 HTTP/1.1\r\n");
    CHECK_HAS(serve_heard(web.serve), "X-Name: thole\r\n");
    CHECK_HAS(serve_heard(web.serve), "X-Empty:");
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .method = "POST", .body = "a\0b", .body_size = 3},
                 &h);
    CHECK_HAS(serve_heard(web.serve), "POST /ready?x=1 HTTP/1.1\r\n");
    CHECK_HAS(serve_heard(web.serve), "Content-Length: 3\r\n");
    CHECK(!strstr(serve_heard(web.serve), "Expect:"));
    close_web(&web);
}

TEST(http_reads_an_error_status_as_an_answer)
{
    const char *reply = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n";
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = reply}, "127.0.0.1");
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = web.url}, &h);
    CHECK_EQ(h.status, 503);
    CHECK_STR(h.err.msg, "");
    close_web(&web);
}

TEST(http_finds_localhost_on_either_family)
{
    static const int families[] = {AF_INET, AF_INET6};
    for (int i = 0; i < (serve_can(AF_INET6) ? 2 : 1); i++) {
        Web web = open_web(&(ServeAsk){.family = families[i], .reply = OK_REPLY}, "localhost");
        Heard h;
        ask_and_wait(&web, &(HttpAsk){.url = web.url, .timeout_ms = 10000}, &h);
        CHECK_EQ(h.status, 200);
        close_web(&web);
    }
}

TEST(http_speaks_through_a_unix_socket)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/socket", test_dir());
    Web web = open_web(&(ServeAsk){.family = AF_UNIX, .path = path, .reply = OK_REPLY}, "docker");
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = "http://docker/info", .unix_socket = path}, &h);
    CHECK_EQ(h.status, 200);
    CHECK_HAS(serve_heard(web.serve), "GET /info ");
    close_web(&web);
}

TEST(http_ignores_proxies_of_the_environment)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = web.url}, &h);
    CHECK_EQ(h.status, 200);
    close_web(&web);
}

TEST(http_says_why_there_is_no_answer)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    Heard h;
    char url[128];
    snprintf(url, sizeof(url), "%s", web.url);
    web.serve = serve_free(web.serve); /* nobody listens there any more */
    ask_and_wait(&web, &(HttpAsk){.url = url}, &h);
    CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
    CHECK_EQ(h.status, 0);
    CHECK_HAS(h.err.msg, url);
    CHECK_HAS(h.err.msg, "onnection refused");
    ask_and_wait(&web, &(HttpAsk){.url = "file:///etc/passwd"}, &h);
    CHECK_EQ(h.err.kind, ERR_INVALID);
    ask_and_wait(&web, &(HttpAsk){.url = "http://:::"}, &h);
    CHECK_EQ(h.err.kind, ERR_INVALID);
    web.serve = serve_new(web.loop, &(ServeAsk){.family = AF_INET, .reply = "nonsense\r\n\r\n"});
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", serve_port(web.serve));
    ask_and_wait(&web, &(HttpAsk){.url = url}, &h);
    CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
    close_web(&web);
}

TEST(http_gives_up_in_time)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET}, "127.0.0.1");
    Heard h;
    int64_t before = clock_mono_ms();
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .timeout_ms = 60}, &h);
    CHECK(clock_mono_ms() - before >= 59);
    CHECK_EQ(h.err.kind, ERR_TIMEOUT);
    CHECK_HAS(h.err.msg, "no answer within 60 ms");
    while (serve_open(web.serve)) /* and hangs up */
        ASSERT(loop_turn(web.loop, 10000));
    close_web(&web);
}

TEST(http_keeps_only_what_it_may_of_a_body)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .max_body = 3}, &h);
    CHECK_STR(h.body, "hel");
    CHECK_EQ(h.body_size, 3);
    close_web(&web);
}

TEST(http_takes_the_status_of_an_endless_body)
{
    const char *reply = "HTTP/1.1 200 OK\r\n\r\n";
    Web web =
        open_web(&(ServeAsk){.family = AF_INET, .reply = reply, .endless = true}, "127.0.0.1");
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .max_body = 100, .timeout_ms = 100}, &h);
    CHECK_STR(h.err.msg, "");
    CHECK_EQ(h.status, 200);
    CHECK_EQ(h.body_size, 100);
    close_web(&web);
}

TEST(http_follows_within_the_same_host_only)
{
    const char *near = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 4\r\n\r\naway";
    const char *far =
        "HTTP/1.1 302 Found\r\nLocation: http://localhost:1/other\r\nContent-Length: 0\r\n\r\n";
    Web web =
        open_web(&(ServeAsk){.family = AF_INET, .reply = near, .second = OK_REPLY}, "127.0.0.1");
    Heard h;
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .follow = true}, &h);
    CHECK_EQ(h.status, 200);
    CHECK_STR(h.body, "hello");
    CHECK_HAS(serve_heard(web.serve), "GET /other ");
    close_web(&web);

    web = open_web(&(ServeAsk){.family = AF_INET, .reply = near}, "127.0.0.1");
    ask_and_wait(&web, &(HttpAsk){.url = web.url}, &h); /* not asked to follow */
    CHECK_EQ(h.status, 302);
    CHECK_EQ(serve_count(web.serve), 1);
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .follow = true}, &h); /* in a circle */
    CHECK_EQ(h.status, 302);
    CHECK_EQ(serve_count(web.serve), 12);
    close_web(&web);

    web = open_web(&(ServeAsk){.family = AF_INET, .reply = far}, "127.0.0.1");
    ask_and_wait(&web, &(HttpAsk){.url = web.url, .follow = true}, &h);
    CHECK_EQ(h.status, 302);
    CHECK_EQ(serve_count(web.serve), 1);
    close_web(&web);
}

TEST(http_requests_may_be_freed_at_any_time)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    HttpAsk ask = {.url = web.url, .timeout_ms = 10000};
    Heard never = {0}, h = {0};
    CHECK(!http_request_free(NULL));
    http_request_free(http_ask(web.client, &ask, on_reply, &never)); /* at once */
    HttpRequest *request = http_ask(web.client, &ask, on_reply, &never);
    while (serve_count(web.serve) == 0)
        ASSERT(loop_turn(web.loop, 10000));
    http_request_free(request); /* midway */
    h.request = http_ask(web.client, &ask, on_reply, &h);
    h.other = http_ask(web.client, &ask, on_reply, &never); /* inside another's callback */
    while (!h.called)
        ASSERT(loop_turn(web.loop, 10000));
    loop_turn(web.loop, 20);
    CHECK_EQ(never.called, 0);
    CHECK_EQ(h.called, 1);
    close_web(&web);
}

TEST(http_client_may_be_freed_inside_a_callback)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    HttpAsk ask = {.url = web.url, .timeout_ms = 10000};
    Heard h = {.client = web.client};
    Heard never = {0};
    http_ask(web.client, &ask, on_reply, &h);
    for (int i = 0; i < 5; i++)
        http_ask(web.client, &(HttpAsk){.url = "http://127.0.0.1:1/", .timeout_ms = 10000},
                 on_reply, &never);
    never = (Heard){0};
    while (!h.called)
        ASSERT(loop_turn(web.loop, 10000));
    int told = never.called;
    loop_turn(web.loop, 20);
    CHECK_EQ(never.called, told); /* refused ones may have come before, none after */
    web.client = NULL;
    close_web(&web);
}

TEST(http_many_at_once)
{
    Web web = open_web(&(ServeAsk){.family = AF_INET, .reply = OK_REPLY}, "127.0.0.1");
    Heard h = {0};
    for (int i = 0; i < 15; i++)
        http_ask(web.client, &(HttpAsk){.url = web.url, .timeout_ms = 10000}, on_reply, &h);
    while (h.called < 15)
        ASSERT(loop_turn(web.loop, 10000));
    CHECK_STR(h.err.msg, "");
    close_web(&web);
}
