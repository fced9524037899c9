/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_parser.h"
#include "harness/test.h"

enum { BODY_MAX = 1 << 16 };

typedef struct Reply {
    int result, status;
    bool done;
    char body[256];
    Err err;
} Reply;

/* Feeds the text in pieces of `step` bytes, then the end of the connection. */
static Reply parse(const char *text, size_t size, size_t step) {
    Reply reply = {0};
    HttpParser parser;
    http_parser_init(&parser, BODY_MAX);
    for (size_t at = 0; at < size && reply.result == 0; at += step)
        reply.result =
            http_parser_feed(&parser, text + at, size - at < step ? size - at : step, &reply.err);
    if (reply.result == 0)
        reply.result = http_parser_end(&parser, &reply.err);
    reply.status = parser.status;
    reply.done = parser.done;
    snprintf(reply.body, sizeof(reply.body), "%s", buf_cstr(&parser.body));
    http_parser_deinit(&parser);
    return reply;
}

static void check_all_cuts(const char *text, int status, const char *body) {
    for (size_t step = 1; step <= strlen(text); step++) {
        Reply reply = parse(text, strlen(text), step);
        CHECK_EQ(reply.result, 0);
        CHECK_EQ(reply.status, status);
        CHECK_STR(reply.body, body);
        CHECK(reply.done);
    }
}

TEST(a_body_with_a_length)
{
    check_all_cuts("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    check_all_cuts("HTTP/1.1 404 Not Found\r\ncontent-length:\t0\r\n\r\n", 404, "");
}

TEST(a_body_in_chunks_cut_anywhere)
{
    check_all_cuts(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n1;name=value\r\n \r\n00A\r\nthe world!\r\n0\r\nTrailer: x\r\n\r\n",
        200, "hello the world!");
}

TEST(a_body_until_the_end_of_the_connection)
{
    check_all_cuts("HTTP/1.0 200 OK\r\n\r\nall of it", 200, "all of it");
    check_all_cuts("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
}

TEST(a_provisional_reply_comes_first)
{
    check_all_cuts(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", 201,
        "ok");
}

TEST(what_follows_a_complete_reply_is_ignored)
{
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n";
    check_all_cuts(text, 200, "ok");
}

TEST(what_ends_in_the_middle_is_unavailable)
{
    static const char *const texts[] = {
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        Reply reply = parse(texts[i], strlen(texts[i]), 7);
        CHECK_EQ(reply.result, -1);
        CHECK_EQ(reply.err.kind, ERR_UNAVAILABLE);
        CHECK_HAS(reply.err.msg, "ended in the middle");
    }
}

TEST(what_is_no_http_is_named)
{
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 42 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        Reply reply = parse(texts[i], strlen(texts[i]), 5);
        CHECK_EQ(reply.result, -1);
        CHECK_HAS(reply.err.msg, "does not speak HTTP");
    }
}

TEST(limits_hold)
{
    size_t size = 200 * 1024;
    char *text = malloc(size + 64);
    int head = snprintf(text, 64, "HTTP/1.1 200 OK\r\nX: ");
    memset(text + head, 'x', size);
    CHECK_EQ(parse(text, (size_t)head + size, 4096).result, -1);
    head = snprintf(text, 64, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    memset(text + head, 'x', size);
    Reply reply = parse(text, (size_t)head + size, 4096);
    CHECK_EQ(reply.result, -1);
    CHECK_EQ(reply.err.kind, ERR_LIMIT);
    free(text);
}
