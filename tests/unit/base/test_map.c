/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/map.h"
#include "base/xalloc.h"

static int one, two, three;

TEST(map_puts_gets_and_removes)
{
    Map map;
    map_init(&map);
    CHECK(!map_get(&map, "a"));
    CHECK(!map_remove(&map, "a"));
    CHECK(!map_put(&map, "a", &one));
    CHECK(!map_put(&map, "b", &two));
    CHECK_EQ(map.n, 2);
    CHECK(map_get(&map, "a") == &one);
    CHECK(map_put(&map, "a", &three) == &one);
    CHECK_EQ(map.n, 2);
    CHECK(map_get(&map, "a") == &three);
    CHECK(map_remove(&map, "a") == &three);
    CHECK(!map_get(&map, "a"));
    CHECK(map_get(&map, "b") == &two);
    CHECK_EQ(map.n, 1);
    map_deinit(&map);
    CHECK_EQ(map.n, 0);
}

TEST(map_owns_its_keys)
{
    Map map;
    char key[] = "key";
    map_init(&map);
    map_put(&map, key, &one);
    key[0] = 'X';
    CHECK(map_get(&map, "key") == &one);
    CHECK(!map_get(&map, "Xey"));
    map_put(&map, "", &two); /* an empty key is a key */
    CHECK(map_get(&map, "") == &two);
    map_deinit(&map);
}

TEST(map_iterates_over_each_once)
{
    Map map;
    int seen[100] = {0}, n = 0;
    map_init(&map);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        map_put(&map, key, &seen[i]);
    }
    size_t at = 0;
    const char *key;
    void *value;
    while (map_next(&map, &at, &key, &value)) {
        n++;
        ++*(int *)value;
        CHECK(map_get(&map, key) == value);
    }
    CHECK_EQ(n, 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(seen[i], 1);
    map_deinit(&map);
    at = 0;
    CHECK(!map_next(&map, &at, &key, &value));
}

/* Random operations against an array that is right for sure. Few keys, so that removing and putting
 * again is frequent and runs of taken slots grow, join and break. */
static void fuzz(unsigned seed, int keys, int rounds) {
    int *truth = xcalloc((size_t)keys, sizeof(*truth)); /* 1 + index of the value, 0: absent */
    static int values[64];
    size_t n = 0;
    Map map;
    map_init(&map);
    for (int i = 0; i < rounds; i++) {
        int k = (int)((unsigned)rand_r(&seed) % (unsigned)keys), v = rand_r(&seed) % 64,
            doing = rand_r(&seed) % 8;
        char key[24];
        snprintf(key, sizeof(key), "%x", (unsigned)k * 2654435761u);
        void *was = truth[k] ? &values[truth[k] - 1] : NULL;
        if (doing < 3) {
            ASSERT(map_put(&map, key, &values[v]) == was);
            n += !was;
            truth[k] = v + 1;
        } else if (doing < 6) {
            ASSERT(map_remove(&map, key) == was);
            n -= was != NULL;
            truth[k] = 0;
        } else {
            ASSERT(map_get(&map, key) == was);
        }
        ASSERT(map.n == n);
    }
    for (int k = 0; k < keys; k++) {
        char key[24];
        snprintf(key, sizeof(key), "%x", (unsigned)k * 2654435761u);
        ASSERT(map_get(&map, key) == (truth[k] ? &values[truth[k] - 1] : NULL));
    }
    map_deinit(&map);
    free(truth);
}

TEST(map_agrees_with_an_array_whatever_happens)
{
    for (unsigned seed = 1; seed <= 20; seed++)
        fuzz(seed, seed % 4 == 0 ? 5000 : 10 + (int)seed * 3, 20000);
}
