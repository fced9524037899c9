/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "spec/hook_output.h"

static void show(const char *text, size_t size, Buf *out, Arena *arena) {
    HookOutputMask mask = {0};
    for (const char *p = text, *end = text + size; p < end;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((line_end ? line_end : end) - p);
        const char *shown = hook_output_mask(&mask, p, n, arena);
        buf_put(out, shown ? shown : p, shown ? strlen(shown) : n);
        buf_putc(out, '\n');
        p += n + 1;
    }
}

static bool is_masked(const char *value) {
    static const char masked[] = SCHEMA_MASKED;
    size_t n = sizeof(masked) - 1;
    while (strncmp(value, masked, n) == 0 && value[n] == '\n')
        value += n + 1;
    return !*value || strcmp(value, masked) == 0;
}

/* What is shown has the same names, and each line of a value is masked. */
static void check_mask(const char *text, size_t size, const StrMap *outputs, Arena *arena) {
    Buf shown;
    StrMap seen;
    Err err;
    buf_init(&shown, 64 << 20);
    show(text, size, &shown, arena);
    if (hook_output_parse(buf_cstr(&shown), shown.n, arena, &seen, &err) == 0) {
        if (seen.n != outputs->n)
            __builtin_trap();
        for (size_t i = 0; i < seen.n; i++)
            if (strcmp(seen.at[i].name, outputs->at[i].name) != 0 || !is_masked(seen.at[i].value))
                __builtin_trap();
    } else if (err.kind != ERR_LIMIT) { /* masks may be longer than what they hide */
        __builtin_trap();
    }
    buf_deinit(&shown);
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
