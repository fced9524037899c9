/* SPDX-License-Identifier: Apache-2.0 */
/* A compose file, as far as an environment needs it: which services there are, their images, and
 * the port of the host that each publishes first.
 *
 *     "6379"  "6379:6379"  "${REDIS_PORT:-6379}:6379"  "127.0.0.1:6379:6379"  "8000-8009:80-89/tcp"
 *     {target: 6379, published: "6379", host_ip: 127.0.0.1, protocol: tcp}
 *
 * Of a range the first one counts. A variable without a default has none: port 0, and its name. */
#pragma once

#include "spec/environment_config.h"
#include "spec/source.h"

typedef struct InfraServices {
    InfraService *at;
    size_t n;
} InfraServices;

/* Reads `text` of source->file. Problems go to the report with their place. In `arena`. */
MUST int compose_file_parse(Source *source, const char *text, size_t size, Arena *arena,
                            InfraServices *ret);
