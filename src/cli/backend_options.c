/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backend_options.h"

#include <unistd.h>

#include "spec/backend_flag.h"

void backend_options_put(JsonWriter *out) {
    static const char *const backends[] = {"docker", "local"};
    Arena arena;
    arena_init(&arena);
    StrMap environment = strmap_of_environment(environ, &arena);
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
