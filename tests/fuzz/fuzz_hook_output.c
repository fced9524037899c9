/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "spec/hook_output.h"

/* No value that was printed is shown: each line with one is masked. */
static void check_mask(const char *text, size_t size, const StrMap *outputs, Arena *arena) {
    HookOutputMask mask = {0};
    for (const char *p = text, *end = text + size; p < end;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((line_end ? line_end : end) - p);
        const char *line = arena_strndup(arena, p, n);
        const char *shown = hook_output_mask(&mask, line, arena);
        for (size_t i = 0; i < outputs->n; i++) {
            const char *at = strchr(shown, '=');
            size_t name = strlen(outputs->at[i].name);
            if (at == shown + name && memcmp(shown, outputs->at[i].name, name) == 0 &&
                strcmp(at + 1, SCHEMA_MASKED) != 0)
                __builtin_trap();
        }
        p += n + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    Arena arena;
    StrMap outputs;
    Err err = {.kind = ERR_NONE};
    arena_init(&arena);
    if (hook_output_parse(text, size, &arena, &outputs, &err) < 0) {
        if (!err.msg[0])
            __builtin_trap(); /* refused without saying why */
    } else {
        for (size_t i = 0; i < outputs.n; i++)
            if (!utf8_valid(outputs.at[i].value, strlen(outputs.at[i].value)) ||
                (i > 0 && strcmp(outputs.at[i - 1].name, outputs.at[i].name) >= 0))
                __builtin_trap();
        check_mask(text, size, &outputs, &arena);
    }
    arena_deinit(&arena);
    return 0;
}
