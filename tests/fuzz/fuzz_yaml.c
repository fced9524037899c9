/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "data/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Report report;
    const Value *value = NULL;
    arena_init(&arena);
    report_init(&report, &arena);
    YamlText text = {"fuzz.yaml", (const char *)data, size};
    if (yaml_parse(&text, &arena, &report, &value) < 0 && report.errors == 0)
        __builtin_trap(); /* refused without saying why */
    arena_deinit(&arena);
    return 0;
}
