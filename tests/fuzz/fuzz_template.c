/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "spec/template.h"

#include <string.h>

static void on_problem(void *arg, const char *message, const char *hint) {
    ++*(int *)arg;
}

/* What has no problem is rendered the same by who does not listen to problems; what is escaped
 * comes out as it was. */
static void check(const char *text, const TemplateValues *values, Arena *arena) {
    for (int mode = TEMPLATE_STRICT; mode <= TEMPLATE_LENIENT; mode++) {
        int problems = 0;
        TemplateProblems listener = {on_problem, &problems};
        const char *told = template_render(text, (TemplateMode)mode, values, &listener, arena);
        const char *untold = template_render(text, (TemplateMode)mode, values, NULL, arena);
        if (strcmp(told, untold) != 0)
            __builtin_trap();
        if (problems && !strstr(text, "{{"))
            __builtin_trap();
        const char *escaped = template_escape(text, (TemplateMode)mode, arena);
        if (strlen(escaped) < (1 << 20) &&
            strcmp(template_render(escaped, (TemplateMode)mode, values, NULL, arena), text) != 0)
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static StrPair vars[] = {{"a", "{{self.port}}"}, {"b", ""}};
    static Service services[] = {{.name = "api"}, {.name = "web"}};
    static PortEntry ports[] = {{"api", "", 8042, false}, {"api", "admin", 8043, true}};
    Config config = {.name = "shop", .root = "/srv", .vars = {vars, 2}};
    PortTable table = {ports, 2};
    TemplateValues values = {.config = &config, .ports = &table, .self = "api"};
    Arena arena;
    config.services.at = services;
    config.services.n = 2;
    arena_init(&arena);
    check(arena_strndup(&arena, (const char *)data, size), &values, &arena);
    arena_deinit(&arena);
    return 0;
}
