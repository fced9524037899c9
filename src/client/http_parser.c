/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_parser.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"

enum { AT_STATUS, AT_HEADER, AT_BODY, AT_CHUNK_SIZE, AT_CHUNK, AT_CHUNK_END, AT_TRAILER, AT_DONE };

void http_parser_init(HttpParser *parser, size_t max_body) {
    *parser = (HttpParser){.at = AT_STATUS};
    buf_init(&parser->line, MAX_HEADER_BYTES);
    buf_init(&parser->body, max_body);
}

void http_parser_deinit(HttpParser *parser) {
    buf_deinit(&parser->line);
    buf_deinit(&parser->body);
}

static int no_http(Err *err) {
    return err_set(err, ERR_UNAVAILABLE, "what answers on the server's socket does not speak HTTP");
}

static int status_line(HttpParser *parser, Err *err) {
    const char *line = buf_cstr(&parser->line);
    if (!str_starts(line, "HTTP/1.") ||
        sscanf(line + strlen("HTTP/1."), "%*1d %3d", &parser->status) != 1 || parser->status < 100)
        return no_http(err);
    parser->at = AT_HEADER;
    return 0;
}

/* The value of the header in `line`, if it is `name`. */
static const char *header(const char *line, const char *name) {
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + strspn(line + n + 1, " \t");
}

static void finish(HttpParser *parser) {
    parser->at = AT_DONE;
    parser->done = true;
}

static void head_complete(HttpParser *parser) {
    if (parser->status < 200) { /* 100 Continue: the reply is still to come */
        parser->status = 0;
        parser->at = AT_STATUS;
        return;
    }
    parser->head_done = true;
    if (parser->chunked)
        parser->at = AT_CHUNK_SIZE;
    else if ((parser->sized && parser->left == 0) || parser->status == 204)
        finish(parser);
    else
        parser->at = AT_BODY;
}

static int header_line(HttpParser *parser, Err *err) {
    const char *line = buf_cstr(&parser->line), *value;
    int64_t length;
    if (!line[0]) {
        head_complete(parser);
    } else if ((value = header(line, "Content-Length"))) {
        if (number_parse(value, 0, INT64_MAX, &length) < 0)
            return no_http(err);
        parser->left = (uint64_t)length;
        parser->sized = true;
    } else if ((value = header(line, "Transfer-Encoding"))) {
        parser->chunked = strcasecmp(value, "chunked") == 0;
    }
    return 0;
}

static int chunk_size_line(HttpParser *parser, Err *err) {
    const char *line = buf_cstr(&parser->line);
    char *end;
    if (strspn(line, "0123456789abcdefABCDEF") == 0 || strspn(line, "0123456789abcdefABCDEF") > 8)
        return no_http(err);
    parser->left = strtoull(line, &end, 16);
    parser->at = parser->left ? AT_CHUNK : AT_TRAILER;
    return 0;
}

static int whole_line(HttpParser *parser, Err *err) {
    switch (parser->at) {
    case AT_STATUS: return status_line(parser, err);
    case AT_HEADER: return header_line(parser, err);
    case AT_CHUNK_SIZE: return chunk_size_line(parser, err);
    case AT_CHUNK_END: parser->at = AT_CHUNK_SIZE; return parser->line.n ? no_http(err) : 0;
    default: /* AT_TRAILER */
        if (!parser->line.n)
            finish(parser);
        return 0;
    }
}

static int feed_line(HttpParser *parser, const char **at, const char *end, Err *err) {
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const char *stop = newline ? newline : end;
    parser->head_bytes += (size_t)(stop - *at);
    buf_put(&parser->line, *at, (size_t)(stop - *at));
    *at = newline ? newline + 1 : end;
    if (parser->line.failed || (!parser->head_done && parser->head_bytes > MAX_HEADER_BYTES))
        return err_set(err, ERR_LIMIT, "the server's reply has a head of more than %d bytes",
                       MAX_HEADER_BYTES);
    if (!newline)
        return 0;
    if (parser->line.n && parser->line.p[parser->line.n - 1] == '\r')
        parser->line.p[--parser->line.n] = '\0';
    int r = whole_line(parser, err);
    buf_reset(&parser->line);
    return r;
}

static int feed_body(HttpParser *parser, const char **at, const char *end, Err *err) {
    size_t size = (size_t)(end - *at);
    bool bounded = parser->chunked || parser->sized;
    if (bounded && size > parser->left)
        size = (size_t)parser->left;
    if (!buf_put(&parser->body, *at, size))
        return err_set(err, ERR_LIMIT, "the server's reply is larger than %zu bytes",
                       parser->body.max);
    *at += size;
    if (!bounded)
        return 0;
    parser->left -= size;
    if (parser->left > 0)
        return 0;
    if (parser->chunked)
        parser->at = AT_CHUNK_END;
    else
        finish(parser);
    return 0;
}

int http_parser_feed(HttpParser *parser, const char *bytes, size_t size, Err *err) {
    const char *at = bytes, *end = bytes + size;
    while (at < end && !parser->done) {
        bool in_body = parser->at == AT_BODY || parser->at == AT_CHUNK;
        int r = in_body ? feed_body(parser, &at, end, err) : feed_line(parser, &at, end, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

int http_parser_end(HttpParser *parser, Err *err) {
    if (parser->at == AT_BODY && !parser->sized)
        finish(parser);
    return parser->done ? 0
                        : err_set(err, ERR_UNAVAILABLE, "the server's reply ended in the middle");
}
