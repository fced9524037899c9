/* SPDX-License-Identifier: Apache-2.0 */
/* Files of other tools: a Procfile if the first byte is a 'P', else a process-compose file. */
#include "fuzz/fuzz.h"

#include "base/report.h"
#include "data/json.h"
#include "spec/config.h"
#include "spec/env_file.h"
#include "spec/foreign/substitute.h"

#include <string.h>

enum { OUT_MAX = 64 << 20 };

/* What is accepted survives being written to spec.<generation>.json. */
static void keep(const Config *config, Arena *arena) {
    Buf text;
    JsonWriter writer;
    Err err = {0};
    buf_init(&text, OUT_MAX);
    json_writer_init(&writer, &text);
    config_encode(config, false, &writer);
    if (!text.failed && !config_decode(buf_cstr(&text), text.n, arena, &err))
        __builtin_trap();
    buf_deinit(&text);
}

static void put_in(const char *text, size_t size, Arena *arena, Report *report) {
    static StrPair pairs[] = {{"A", "value"}, {"EMPTY", ""}};
    StrMap env = {pairs, 2}, map;
    Source source = {.file = "/f", .report = report, .arena = arena};
    size_t n, errors = report->errors;
    const char *result = substitute(&source, text, size, &env, &n);
    if (!result && report->errors == errors)
        __builtin_trap(); /* refused without saying why */
    errors = report->errors;
    if (env_file_parse_expanded(&(EnvText){"/f", text, size}, arena, report, &map) < 0 &&
        report->errors == errors)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Report report;
    bool procfile = size && data[0] == 'P';
    arena_init(&arena);
    report_init(&report, &arena);
    const char *text = (const char *)data + (size > 0);
    size_t n = size ? size - 1 : 0;
    const Config *config =
        config_parse(procfile ? "/Procfile" : "/process-compose.yaml", text, n, &arena, &report);
    if (config)
        keep(config, &arena);
    else if (report.errors == 0)
        __builtin_trap(); /* refused without saying why */
    put_in(text, n, &arena, &report);
    arena_deinit(&arena);
    return 0;
}
