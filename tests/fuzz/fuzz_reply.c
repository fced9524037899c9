/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "client/http_parser.h"

#include <string.h>

enum { BODY_MAX = 1 << 16 };

typedef struct Outcome {
    int result;
    HttpParser parser;
} Outcome;

/* Feeds the reply in two pieces. */
static void parse(Outcome *out, const char *bytes, size_t size, size_t cut) {
    Err err = {0};
    http_parser_init(&out->parser, BODY_MAX);
    out->result = http_parser_feed(&out->parser, bytes, cut, &err);
    if (out->result == 0)
        out->result = http_parser_feed(&out->parser, bytes + cut, size - cut, &err);
    if (out->result == 0)
        out->result = http_parser_end(&out->parser, &err);
    if (out->result < 0 && err.msg[0] == '\0')
        __builtin_trap(); /* refused without saying why */
}

/* The client's reader of replies: what it understands does not depend on how the bytes arrive. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Outcome whole, split;
    const char *bytes = (const char *)data;
    parse(&whole, bytes, size, 0);
    parse(&split, bytes, size, size > 0 ? data[size - 1] % size : 0);
    if (whole.result != split.result || whole.parser.done != split.parser.done)
        __builtin_trap();
    if (whole.result == 0 &&
        (whole.parser.status != split.parser.status || whole.parser.body.n != split.parser.body.n ||
         strcmp(buf_cstr(&whole.parser.body), buf_cstr(&split.parser.body)) != 0))
        __builtin_trap();
    http_parser_deinit(&whole.parser);
    http_parser_deinit(&split.parser);
    return 0;
}
