/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "spec/compose_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Report report;
    InfraServices services = {0};
    arena_init(&arena);
    report_init(&report, &arena);
    Source source = {.file = "/compose.yaml", .report = &report, .arena = &arena};
    int rc = compose_file_parse(&source, (const char *)data, size, &arena, &services);
    if ((rc < 0) != (report.errors > 0))
        __builtin_trap(); /* refused without saying why, or taken in spite of it */
    for (size_t i = 0; rc == 0 && i < services.n; i++) {
        const InfraService *s = &services.at[i];
        if (s->port < 0 || s->port > 65535 || (i && strcmp(s[-1].name, s->name) >= 0))
            __builtin_trap();
    }
    arena_deinit(&arena);
    return 0;
}
