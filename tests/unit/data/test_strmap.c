/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/xalloc.h"
#include "data/strmap.h"

TEST(strmap_of_pairs_in_any_order)
{
    StrPair pairs[] = {{"b", "1"}, {"a", "2"}, {"c", "3"}, {"a", "4"}, {"B", "5"}, {"a", "6"}};
    StrMap map = {.at = pairs, .n = COUNT(pairs)};
    CHECK_STR(strmap_sort(&map), "a");
    ASSERT(map.n == 4);
    CHECK_STR(map.at[0].name, "B");
    CHECK_STR(strmap_get(&map, "a"), "2"); /* the first */
    CHECK_STR(strmap_get(&map, "b"), "1");
    CHECK_STR(strmap_get(&map, "c"), "3");
    CHECK(!strmap_get(&map, "d"));
    strmap_sort(&(StrMap){0});
}

TEST(strmap_of_many)
{
    enum { MANY = 1000 };
    static char names[MANY][8];
    StrPair pairs[MANY];
    StrMap map = {.at = pairs, .n = MANY};
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "%zu", (i * 7919) % MANY);
        pairs[i] = (StrPair){names[i], names[i]};
    }
    CHECK(!strmap_sort(&map));
    CHECK_EQ(map.n, MANY);
    for (size_t i = 1; i < map.n; i++)
        CHECK(strcmp(map.at[i - 1].name, map.at[i].name) < 0);
}

TEST(strmap_copy_has_strings_of_its_own)
{
    char name[] = "a", value[] = "1";
    StrPair pair = {name, value};
    Arena arena;
    arena_init(&arena);
    StrMap copy = strmap_copy(&(StrMap){&pair, 1}, &arena);
    name[0] = value[0] = 'x';
    ASSERT(copy.n == 1);
    CHECK_STR(copy.at[0].name, "a");
    CHECK_STR(copy.at[0].value, "1");
    CHECK_EQ(strmap_copy(&(StrMap){0}, &arena).n, 0);
    arena_deinit(&arena);
}

TEST(strmap_of_what_environ_holds)
{
    char text[][8] = {"B=2=3", "A=1", "none", "=x", "EMPTY=", "A=later"};
    char *lines[] = {text[0], text[1], text[2], text[3], text[4], text[5], NULL};
    Arena arena;
    arena_init(&arena);
    StrMap map = strmap_of_environment(lines, &arena);
    ASSERT(map.n == 3);
    CHECK_STR(strmap_get(&map, "A"), "1");
    CHECK_STR(strmap_get(&map, "B"), "2=3");
    CHECK_STR(strmap_get(&map, "EMPTY"), "");
    CHECK(strmap_get(&map, "B") != lines[0] + 2);
    arena_deinit(&arena);
}
