/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP front: what two parsers could read differently is refused, limits hold, connections are
 * kept. */
#include "client.h"

#include <sys/socket.h>

#include "api/http_server.h"
#include "base/limits.h"

typedef struct Abuse {
    const char *name, *bytes;
    size_t size; /* 0: strlen */
    int status;  /* 0: the connection is just closed */
} Abuse;

#define GET "GET /healthz HTTP/1.1\r\nHost: x\r\n"
#define POST                                                                            \
    "POST /apis/thole.dev/v1alpha1/configreviews HTTP/1.1\r\nHost: x\r\nContent-Type: " \
    "application/json\r\n"

static const Abuse abuses[] = {
    {"plain", GET "\r\n", 0, 200},
    {"1.0 without Host", "GET /healthz HTTP/1.0\r\n\r\n", 0, 200},
    {"1.1 without Host", "GET /healthz HTTP/1.1\r\n\r\n", 0, 400},
    {"two Hosts", GET "Host: evil\r\n\r\n", 0, 400},
    {"two Hosts of one name", GET "host: x\r\n\r\n", 0, 400},
    {"absolute URI", "GET http://evil/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"no slash", "GET healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"two lengths", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 0, 400},
    {"length and chunks", POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     0, 400},
    {"two encodings",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
    {"gzip", POST "Transfer-Encoding: gzip\r\n\r\n", 0, 400},
    {"gzip and chunks", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, 400},
    {"chunks in 1.0", "POST /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0,
     400},
    {"negative length", POST "Content-Length: -2\r\n\r\n{}", 0, 400},
    {"no number", POST "Content-Length: two\r\n\r\n{}", 0, 400},
    {"huge length", POST "Content-Length: 99999999999999999999\r\n\r\n{}", 0, -1},
    {"length beyond the limit", POST "Content-Length: 67108865\r\n\r\n", 0, 413},
    {"NUL escape", "GET /healthz%00 HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"NUL escape in the query", "GET /healthz?a=%00 HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"half an escape", "GET /healthz%4 HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"no escape", "GET /healthz%zz HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"fragment", "GET /healthz#a HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"NUL in the path", "GET /healthz\0/x HTTP/1.1\r\nHost: x\r\n\r\n", 37, 400},
    {"control character", "GET /health\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 0, 400},
    {"space before the colon", GET "Content-Length : 5\r\n\r\n", 0, 400},
    {"version 2.9", "GET /healthz HTTP/2.9\r\nHost: x\r\n\r\n", 0, -1},
    {"encoded slash is no slash", "GET /apis%2Ftilt.dev HTTP/1.1\r\nHost: x\r\n\r\n", 0, 404},
    {"dots are names", "GET /apis/../healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, 404},
    {"two slashes", "GET //healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, 404},
    {"a slash at the end", "GET /apis/ HTTP/1.1\r\nHost: x\r\n\r\n", 0, 200},
};

TEST(parser_abuses)
{
    Front *front = front_new();
    for (size_t i = 0; i < COUNT(abuses); i++) {
        const Abuse *abuse = &abuses[i];
        Client *client = client_new(front);
        client_send(client, abuse->bytes, abuse->size ? abuse->size : strlen(abuse->bytes));
        Answer answer = client_answer(client);
        bool fine = abuse->status < 0 ? answer.status == 0 || answer.status >= 400
                                      : answer.status == abuse->status;
        if (!fine)
            test_fail(__FILE__, __LINE__, "%s: %d %s", abuse->name, answer.status, answer.body);
        answer_free(&answer);
        client_free(client);
    }
    Answer answer = ask_get(front, "/healthz");
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    front_free(front);
}

/* After a refusal nothing else of that connection is taken for a request. */
TEST(a_refused_request_ends_its_connection)
{
    Front *front = front_new();
    Client *client = client_new(front);
    client_text(client, GET "Host: evil\r\n\r\n" GET "\r\n");
    Answer answer = client_answer(client);
    CHECK_EQ(answer.status, 400);
    CHECK_HAS(answer.head, "Connection: close");
    CHECK_HAS(answer.body, "a request has exactly one Host header");
    answer_free(&answer);
    answer = client_answer(client);
    CHECK_EQ(answer.status, 0);
    answer_free(&answer);
    client_free(client);
    front_free(front);
}

TEST(requests_share_a_connection_also_unasked)
{
    Front *front = front_new();
    Client *client = client_new(front);
    client_text(client, GET "\r\n" GET "\r\n"
                            "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        Answer answer = client_answer(client);
        CHECK_EQ(answer.status, 200);
        CHECK_HAS(answer.body, i < 2 ? "ok" : "9.9.9");
        answer_free(&answer);
    }
    client_free(client);
    front_free(front);
}

TEST(bytes_may_come_one_by_one)
{
    Front *front = front_new();
    Client *client = client_new(front);
    static const char bytes[] = POST
        "Transfer-Encoding: "
        "chunked\r\n\r\n3\r\n{\"s\r\n18\r\npec\":{\"tiltfilePath\":\"/a\r\n3\r\n\"}}\r\n0\r\n\r\n";
    for (size_t i = 0; i < sizeof(bytes) - 1; i++)
        client_send(client, bytes + i, 1);
    Answer answer = client_answer(client);
    CHECK_EQ(answer.status, 201);
    CHECK_HAS(answer.body, "\"tiltfilePath\":\"/a\"");
    answer_free(&answer);
    client_free(client);
    front_free(front);
}

static Answer post_of_size(Front *front, size_t size, bool chunked) {
    Client *client = client_new(front);
    char *body = malloc(size + 1), head[300];
    memset(body, ' ', size);
    memcpy(body, "{}", 2);
    if (chunked)
        snprintf(head, sizeof(head), POST "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
    else
        snprintf(head, sizeof(head), POST "Content-Length: %zu\r\n\r\n", size);
    client_text(client, head);
    client_send(client, body, size);
    if (chunked)
        client_text(client, "\r\n0\r\n\r\n");
    Answer answer = client_answer(client);
    client_free(client);
    free(body);
    return answer;
}

TEST_TIMEOUT(a_body_may_have_20_mib, 60) {
    Front *front = front_new();
    Answer answer = post_of_size(front, MAX_REQUEST_BYTES, false);
    CHECK_EQ(answer.status, 422); /* it was read: it lacks a path */
    answer_free(&answer);
    answer = post_of_size(front, MAX_REQUEST_BYTES + 1, true);
    CHECK_EQ(answer.status, 413);
    CHECK_HAS(answer.body, "64 MiB");
    answer_free(&answer);
    front_free(front);
}

TEST(a_client_may_ask_whether_to_go_on)
{
    Front *front = front_new();
    Client *client = client_new(front);
    client_text(client, POST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    Answer answer = client_answer(client);
    CHECK_EQ(answer.status, 100);
    answer_free(&answer);
    client_text(client, "{}");
    answer = client_answer(client);
    CHECK_EQ(answer.status, 422);
    answer_free(&answer);
    client_free(client);
    front_free(front);
}

TEST(headers_have_a_limit)
{
    Front *front = front_new();
    Client *client = client_new(front);
    char *long_header = malloc(100000);
    memset(long_header, 'a', 100000);
    memcpy(long_header, GET "A: ", strlen(GET "A: "));
    client_send(client, long_header, 100000);
    client_text(client, "\r\n\r\n");
    Answer answer = client_answer(client);
    CHECK(answer.status == 431 || answer.status == 413 || answer.status == 0);
    answer_free(&answer);
    client_free(client);
    free(long_header);
    answer = ask_get(front, "/healthz");
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    front_free(front);
}

TEST(thirty_kb_of_headers_are_fine)
{
    Front *front = front_new();
    char *header = malloc(30100);
    memset(header, 'a', 30000);
    memcpy(header, "A: ", 3);
    snprintf(header + 30000, 3, "\r\n");
    Answer answer = ask(front, "GET", "/healthz", header, NULL);
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    free(header);
    front_free(front);
}

/* Nothing of a client's headers or bytes can be told to a browser as something else. */
TEST(replies_say_how_they_are_to_be_read)
{
    Front *front = front_new();
    Answer answer = ask_get(front, "/apis");
    CHECK_HAS(answer.head, "Content-Type: application/json\r\n");
    CHECK_HAS(answer.head, "X-Content-Type-Options: nosniff\r\n");
    CHECK_HAS(answer.head, "Cache-Control: no-cache, private\r\n");
    CHECK(!strstr(answer.head, "Access-Control"));
    answer_free(&answer);
    front_free(front);
}

static int refuse_all(void *arg, const Peer *peer, Err *err) {
    return err_set(err, ERR_DENIED, "the client is somebody else");
}

static void say_denied(void *arg, Request *request) {
    Buf buf;
    buf_init(&buf, 1000);
    buf_puts(&buf, request->denied ? request->denied : "not denied");
    request_reply(request, 403, NULL, &buf);
}

TEST(who_is_not_admitted_hears_why_at_each_request)
{
    Loop *loop = loop_new();
    HttpServer *server = http_server_new(
        &(HttpServerOptions){.loop = loop, .handle = say_denied, .admit = refuse_all});
    int pair[2];
    char reply[2000] = "";
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    http_server_add(server, pair[0]);
    ASSERT(send(pair[1], GET "\r\n", strlen(GET "\r\n"), 0) > 0);
    size_t n = 0;
    for (int i = 0; i < 200 && !strstr(reply, "somebody else"); i++) {
        loop_turn(loop, 10);
        ssize_t got = recv(pair[1], reply + n, sizeof(reply) - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    CHECK_HAS(reply, "HTTP/1.1 403");
    CHECK_HAS(reply, "the client is somebody else");
    close(pair[1]);
    http_server_free(server);
    loop_free(loop);
}

TEST(too_many_connections_are_refused_with_a_reply)
{
    Loop *loop = loop_new();
    HttpServer *server = http_server_new(
        &(HttpServerOptions){.loop = loop, .handle = say_denied, .max_connections = 2});
    int pairs[3][2];
    for (int i = 0; i < 3; i++) {
        ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pairs[i]) == 0);
        http_server_add(server, pairs[i][0]);
    }
    char reply[400] = "";
    CHECK(recv(pairs[2][1], reply, sizeof(reply) - 1, 0) > 0);
    CHECK_HAS(reply, "HTTP/1.1 503");
    CHECK_EQ(http_server_connections(server), 2);
    for (int i = 0; i < 3; i++)
        close(pairs[i][1]);
    http_server_free(server);
    loop_free(loop);
}

static bool one_connection(void *arg) {
    return http_server_connections(arg) == 0;
}

/* A client that sends half a head is not waited for for ever. */
TEST(an_idle_connection_is_closed)
{
    Front *front = front_new();
    HttpServer *server = http_server_new(
        &(HttpServerOptions){.loop = front->loop, .handle = say_denied, .idle_timeout_s = 1});
    int pair[2];
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    http_server_add(server, pair[0]);
    ASSERT(send(pair[1], "GET /hea", 8, 0) == 8);
    CHECK(front_wait(front, one_connection, server));
    close(pair[1]);
    http_server_free(server);
    front_free(front);
}

static const FakeLine log_lines[] = {{"api:serve", "one", 1, 1, false, 0},
                                     {"api:serve", "two", 1, 1, false, 0}};

/* However a client wants it framed, it gets the whole stream and then its end. */
TEST(streams_are_framed_as_the_client_speaks)
{
    static const struct {
        const char *version, *header;
        bool chunked, kept;
    } cases[] = {
        {"1.1", "", true, true},
        {"1.1", "Connection: close\r\n", true, false},
        {"1.0", "", false, false},
        {"1.0", "Connection: keep-alive\r\n", false, false},
    };
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    front->engine->lines = log_lines;
    front->engine->line_n = COUNT(log_lines);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char request[300];
        snprintf(request, sizeof(request),
                 "GET /apis/tilt.dev/v1alpha1/sessions/shop-1/log?format=raw HTTP/%s\r\nHost: "
                 "x\r\n%s\r\n",
                 cases[i].version, cases[i].header);
        Client *client = client_new(front);
        client_text(client, request);
        Answer answer = client_answer(client);
        CHECK_EQ(answer.status, 200);
        CHECK_EQ(strstr(answer.head, "Transfer-Encoding: chunked") != NULL, cases[i].chunked);
        if (cases[i].chunked)
            CHECK_STR(answer.body, "one\ntwo\n");
        answer_free(&answer);
        if (!cases[i].chunked) {
            answer = client_answer(client); /* until the end of the connection */
            CHECK_STR(buf_cstr(&client->in), "one\ntwo\n");
            answer_free(&answer);
        }
        if (cases[i].kept) {
            client_text(client, GET "\r\n");
            answer = client_answer(client);
            CHECK_EQ(answer.status, 200);
            answer_free(&answer);
        }
        client_free(client);
    }
    front_free(front);
}
