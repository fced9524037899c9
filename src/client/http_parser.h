/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 reply, taken apart as its bytes come: status, and the body without its framing.
 * Bounded; whatever comes in. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef struct HttpParser {
    int at;     /* where in the reply we are (http_parser.c) */
    int status; /* 0 until the head is complete */
    bool head_done, done;
    bool chunked, sized;
    uint64_t left; /* of the body, or of the chunk */
    Buf line;      /* of the head, or a chunk's size */
    Buf body;      /* what has come and was not taken; the caller drops what it has used */
    size_t head_bytes;
} HttpParser;

void http_parser_init(HttpParser *parser, size_t max_body);
void http_parser_deinit(HttpParser *parser);
/* -1: no HTTP, or beyond a limit. What follows a complete reply is ignored. */
MUST int http_parser_feed(HttpParser *parser, const char *bytes, size_t size, Err *err);
/* The connection has ended: -1 if that was in the middle of the reply. */
MUST int http_parser_end(HttpParser *parser, Err *err);
