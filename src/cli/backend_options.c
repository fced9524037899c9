/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backend_options.h"

#include <string.h>
#include <unistd.h>

#include "spec/backend_flag.h"

static StrMap own_environment(Arena *arena) {
    StrMap map = {0};
    size_t n = 0;
    while (environ[n])
        n++;
    map.at = arena_alloc(arena, (n + 1) * sizeof(StrPair));
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(environ[i], "=");
        if (environ[i][name])
            map.at[map.n++] =
                (StrPair){arena_strndup(arena, environ[i], name), environ[i] + name + 1};
    }
    strmap_sort(&map);
    return map;
}

void backend_options_put(JsonWriter *out) {
    static const char *const backends[] = {"docker", "local"};
    Arena arena;
    arena_init(&arena);
    StrMap environment = own_environment(&arena);
    json_object_begin(out);
    for (size_t i = 0; i < COUNT(backends); i++) {
        StrMap options = backend_flags_read(backends[i], &environment, &arena);
        if (!options.n)
            continue;
        json_kv_object(out, backends[i]);
        for (size_t k = 0; k < options.n; k++)
            json_kv_string(out, options.at[k].name, options.at[k].value);
        json_object_end(out);
    }
    json_object_end(out);
    arena_deinit(&arena);
}
