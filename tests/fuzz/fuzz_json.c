/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "data/json.h"

#include <string.h>

enum { OUT_MAX = 64 << 20 };

static bool parse(const char *text, size_t size, Arena *arena, const Value **ret) {
    Err err = {0};
    if (json_parse(text, size, arena, ret, &err) == 0)
        return true;
    if (err.msg[0] == '\0')
        __builtin_trap(); /* refused without saying why */
    return false;
}

static void write(const Value *value, Buf *out) {
    JsonWriter writer;
    buf_init(out, OUT_MAX);
    json_writer_init(&writer, out);
    json_value(&writer, value);
}

/* What was read can be written, read again, and is then written the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    const Value *value = NULL, *again = NULL;
    arena_init(&arena);
    if (parse((const char *)data, size, &arena, &value)) {
        Buf first, second;
        write(value, &first);
        if (!parse(buf_cstr(&first), strlen(buf_cstr(&first)), &arena, &again))
            __builtin_trap();
        write(again, &second);
        if (strcmp(buf_cstr(&first), buf_cstr(&second)) != 0)
            __builtin_trap();
        buf_deinit(&first);
        buf_deinit(&second);
    }
    arena_deinit(&arena);
    return 0;
}
