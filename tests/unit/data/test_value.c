/* SPDX-License-Identifier: Apache-2.0 */
#include "data/value.h"
#include "harness/test.h"

static Arena arena;

static Value *sample(void) {
    arena_init(&arena);
    Value *map = value_new(&arena, VALUE_MAP);
    value_set(&arena, map, "name", value_new_string(&arena, "api"));
    value_set(&arena, map, "port", value_new_int(&arena, 80));
    value_set(&arena, map, "on", value_new_bool(&arena, true));
    value_set(&arena, map, "none", value_new(&arena, VALUE_NULL));
    Value *list = value_new(&arena, VALUE_LIST);
    for (int i = 0; i < 100; i++)
        value_add(&arena, list, value_new_int(&arena, i));
    value_set(&arena, map, "list", list);
    return map;
}

TEST(value_reads_members)
{
    const Value *map = sample();
    CHECK_STR(value_get_str(map, "name"), "api");
    CHECK_EQ(value_get_int(map, "port", -1), 80);
    CHECK(value_get_bool(map, "on", false));
    CHECK_EQ(value_count(map), 5);
    CHECK_EQ(value_count(value_get(map, "list")), 100);
    CHECK_EQ(value_int(value_at(value_get(map, "list"), 99), -1), 99);
    CHECK(value_at(value_get(map, "list"), 100) == NULL);
    arena_deinit(&arena);
}

TEST(value_tells_absent_null_and_empty_apart)
{
    const Value *map = sample();
    CHECK(value_get(map, "other") == NULL);
    CHECK(value_is(value_get(map, "none"), VALUE_NULL));
    CHECK(!value_is(NULL, VALUE_NULL));
    CHECK_STR(value_get_str(map, "none"), NULL);
    CHECK_STR(value_str(value_new_string(&arena, "")), "");
    CHECK(!value_equal(NULL, value_get(map, "none")));
    CHECK(!value_equal(value_new(&arena, VALUE_LIST), value_new(&arena, VALUE_MAP)));
    arena_deinit(&arena);
}

TEST(value_gives_the_default_for_another_kind)
{
    const Value *map = sample();
    CHECK_EQ(value_get_int(map, "name", 7), 7);
    CHECK_STR(value_get_str(map, "port"), NULL);
    CHECK_EQ(value_get_bool(map, "port", true), true);
    CHECK(value_get(value_get(map, "port"), "x") == NULL);
    CHECK_EQ(value_count(value_get(map, "port")), 0);
    CHECK_EQ(value_count(NULL), 0);
    arena_deinit(&arena);
}

TEST(value_equality_ignores_the_order_of_maps)
{
    arena_init(&arena);
    Value *a = value_new(&arena, VALUE_MAP), *b = value_new(&arena, VALUE_MAP);
    value_set(&arena, a, "x", value_new_int(&arena, 1));
    value_set(&arena, a, "y", value_new_bytes(&arena, "a\0b", 3));
    value_set(&arena, b, "y", value_new_bytes(&arena, "a\0b", 3));
    value_set(&arena, b, "x", value_new_int(&arena, 1));
    CHECK(value_equal(a, b));
    b->map.at[0].value = value_new_bytes(&arena, "a\0c", 3);
    CHECK(!value_equal(a, b));
    CHECK(!value_equal(value_new_int(&arena, 1), value_new_real(&arena, 1)));
    arena_deinit(&arena);
}
