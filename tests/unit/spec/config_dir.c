/* SPDX-License-Identifier: Apache-2.0 */
#include "config_dir.h"

#include <string.h>

#include "base/file.h"

Arena arena;
Report report;

void begin(void) {
    arena_init(&arena);
}

void end(void) {
    arena_deinit(&arena);
}

const char *at(const char *name) {
    return arena_printf(&arena, "%s/%s", test_dir(), name);
}

void put(const char *name, const char *text) {
    Err err;
    ASSERT(file_write(at(name), text, strlen(text), 0600, &err) == 0);
}

const Config *load_as(const ConfigAsk *ask) {
    report_init(&report, &arena);
    return config_load(ask, &arena, &report);
}

const char *said(void) {
    const char *text = report.n ? report_line(&report.at[0], &arena) : "";
    size_t n = strlen(test_dir());
    return strncmp(text, test_dir(), n) == 0 ? text + n : text;
}
