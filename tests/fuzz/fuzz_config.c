/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "base/report.h"
#include "data/json.h"
#include "spec/config.h"

#include <string.h>

enum { OUT_MAX = 64 << 20 };

static void encode(const Config *config, Buf *out) {
    JsonWriter writer;
    buf_init(out, OUT_MAX);
    json_writer_init(&writer, out);
    config_encode(config, false, &writer);
}

/* A config that is accepted survives being written to spec.<generation>.json and read back. */
static void round_trip(const Config *config, Arena *arena) {
    Buf first, second;
    Err err = {0};
    encode(config, &first);
    const Config *again = config_decode(buf_cstr(&first), strlen(buf_cstr(&first)), arena, &err);
    if (!again)
        __builtin_trap();
    encode(again, &second);
    if (strcmp(buf_cstr(&first), buf_cstr(&second)) != 0)
        __builtin_trap();
    buf_deinit(&first);
    buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    const Config *config = config_parse("/thole.yaml", (const char *)data, size, &arena, &report);
    if (config)
        round_trip(config, &arena);
    else if (report.errors == 0)
        __builtin_trap(); /* refused without saying why */
    arena_deinit(&arena);
    return 0;
}
