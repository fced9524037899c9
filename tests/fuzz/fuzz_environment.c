/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/limits.h"
#include "spec/environment.h"

/* A state that is taken is written as one that is taken, and says the same then. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Report report;
    EnvironmentState state;
    const Value *v;
    Buf out[2];
    arena_init(&arena);
    report_init(&report, &arena);
    for (size_t i = 0; i < 2; i++)
        buf_init(&out[i], MAX_JSON_BYTES);
    if (json_parse((const char *)data, size, &arena, &v, NULL) < 0) {
        arena_deinit(&arena);
        return 0;
    }
    if (state_decode(v, "fuzz", &arena, &report, &state) < 0) {
        if (report.errors == 0)
            __builtin_trap(); /* refused without saying why */
    } else {
        for (size_t i = 0; i < 2; i++) {
            JsonWriter w;
            json_writer_init(&w, &out[i]);
            json_object_begin(&w);
            state_encode(&state, ENTRY_SEED, &w);
            json_object_end(&w);
            if (json_parse(buf_cstr(&out[i]), out[i].n, &arena, &v, NULL) < 0 ||
                state_decode(v, "again", &arena, &report, &state) < 0)
                __builtin_trap();
        }
        if (strcmp(buf_cstr(&out[0]), buf_cstr(&out[1])) != 0)
            __builtin_trap();
    }
    for (size_t i = 0; i < 2; i++)
        buf_deinit(&out[i]);
    arena_deinit(&arena);
    return 0;
}
