/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Zone zone;
    Err err;
    arena_init(&arena);
    if (zone_parse(data, size, &arena, &zone, &err) == 0)
        for (int64_t t = -3000000000; t < 9000000000; t += 86400 * 45)
            (void)zone_utc(&zone, zone_local(&zone, t));
    arena_deinit(&arena);
    return 0;
}
