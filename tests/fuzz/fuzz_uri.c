/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "api/http_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Uri uri;
    Err err = {0};
    arena_init(&arena);
    char *text = arena_strndup(&arena, (const char *)data, size);
    if (uri_parse(text, &arena, &uri, &err) < 0 && err.msg[0] == '\0')
        __builtin_trap(); /* refused without saying why */
    arena_deinit(&arena);
    return 0;
}
