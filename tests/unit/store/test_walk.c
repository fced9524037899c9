/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is asked of them, all stores answer and hold the same. */
#include "base/xalloc.h"
#include "environments.h"
#include "stores.h"
#include "walk.h"

TEST_TIMEOUT(all_stores_answer_alike, 120) {
    enum { SEEDS = 12, STEPS = 250 };
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        Walk mem, sqlite;
        unlink(sqlite_here_path());
        walk_init(&mem, mem_here(), seed);
        walk_init(&sqlite, sqlite_here(), seed);
        for (int i = 0; i < STEPS; i++) {
            CHECK_STR(walk_step(&sqlite), walk_step(&mem));
            if (i % 25 == 0)
                CHECK_STR(walk_dump(sqlite.store), walk_dump(mem.store));
        }
        const char *held = walk_dump(mem.store);
        CHECK_STR(walk_dump(sqlite.store), held);
        store_free(sqlite.store);
        sqlite.store = sqlite_here(); /* and so does the next server */
        CHECK_STR(walk_dump(sqlite.store), held);
        store_free(sqlite.store);
        store_free(mem.store);
        arena_reset(&arena);
    }
}
