/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/limits.h"
#include "data/json.h"
#include "harness/test.h"

/* What the text reads as, written again; or the error. */
static const char *again(Arena *arena, const char *text, size_t size) {
    const Value *v;
    Err err;
    if (json_parse(text, size, arena, &v, &err) < 0)
        return arena_strdup(arena, err.msg);
    Buf buf;
    buf_init(&buf, 1 << 20);
    JsonWriter w;
    json_writer_init(&w, &buf);
    json_value(&w, v);
    const char *copy = arena_strdup(arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return copy;
}

#define AGAIN(text, expected)                                       \
    do {                                                            \
        Arena arena;                                                \
        arena_init(&arena);                                         \
        CHECK_STR(again(&arena, text, sizeof(text) - 1), expected); \
        arena_deinit(&arena);                                       \
    } while (0)

#define REFUSED(text, part)                                     \
    do {                                                        \
        Arena arena;                                            \
        arena_init(&arena);                                     \
        CHECK_HAS(again(&arena, text, sizeof(text) - 1), part); \
        arena_deinit(&arena);                                   \
    } while (0)

TEST(json_reads_and_writes_every_kind)
{
    AGAIN("{\"b\": [1, -2, 1.5, true, false, null, \"x\"], \"a\": {}}",
          "{\"b\":[1,-2,1.5,true,false,null,\"x\"],\"a\":{}}");
    AGAIN("9223372036854775807", "9223372036854775807");
    AGAIN("0.1", "0.1");
    AGAIN("[1.0, -0.0, 1e2, -92231E-036854]", "[1.0,-0.0,100.0,-0.0]");
    AGAIN("\"a\\u0000b\\n\\u00e9\"", "\"a\\u0000b\\n\xc3\xa9\"");
    AGAIN("[]", "[]");
}

TEST(json_refuses_with_a_place)
{
    REFUSED("{\"a\": 1,\n \"a\": 2}", "line 2, column 4: duplicate object key");
    REFUSED("{\"a\" 1}", "line 1");
    REFUSED("", "not valid JSON");
    REFUSED("1 2", "line 1, column 3");
    REFUSED("\"\xff\"", "not valid JSON");
    REFUSED("9223372036854775808", "too big");
    REFUSED("{\"a\\u0000\": 1}", "NUL");
    REFUSED("[1,]", "line 1, column 4");
}

TEST(json_refuses_what_is_too_deep)
{
    char text[2 * MAX_JSON_DEPTH + 3];
    Arena arena;
    arena_init(&arena);
    memset(text, '[', MAX_JSON_DEPTH);
    memset(text + MAX_JSON_DEPTH, ']', MAX_JSON_DEPTH);
    CHECK_EQ(*again(&arena, text, 2 * MAX_JSON_DEPTH), '[');
    memset(text, '[', MAX_JSON_DEPTH + 1);
    memset(text + MAX_JSON_DEPTH + 1, ']', MAX_JSON_DEPTH + 1);
    CHECK_HAS(again(&arena, text, 2 * (MAX_JSON_DEPTH + 1)), "more than 200 deep");
    arena_deinit(&arena);
}

static Buf buf;

static JsonWriter writer(void) {
    JsonWriter w;
    buf_init(&buf, 1000);
    json_writer_init(&w, &buf);
    return w;
}

TEST(json_writer_sets_commas)
{
    JsonWriter w = writer();
    json_object_begin(&w);
    json_kv_string(&w, "a", "x");
    json_kv_int(&w, "b", -5);
    json_kv_bool(&w, "c", true);
    json_key(&w, "d");
    json_null(&w);
    json_kv_array(&w, "e");
    json_array_begin(&w);
    json_array_end(&w);
    json_stringf(&w, "%d%%", 5);
    json_raw(&w, "{\"z\":1}", 7);
    json_array_end(&w);
    json_kv_object(&w, "f");
    json_object_end(&w);
    json_kv_string(&w, "g", NULL);
    json_object_end(&w);
    CHECK_STR(buf_cstr(&buf),
              "{\"a\":\"x\",\"b\":-5,\"c\":true,\"d\":null,\"e\":[[],\"5%\",{\"z\":1}],"
              "\"f\":{},\"g\":null}");
    buf_deinit(&buf);
}

TEST(json_writer_indents_when_pretty)
{
    JsonWriter w = writer();
    w.pretty = true;
    json_object_begin(&w);
    json_kv_int(&w, "a", 1);
    json_kv_array(&w, "b");
    json_int(&w, 1);
    json_int(&w, 2);
    json_array_end(&w);
    json_kv_array(&w, "c");
    json_array_end(&w);
    json_object_end(&w);
    CHECK_STR(buf_cstr(&buf), "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": []\n}");
    buf_deinit(&buf);
}

TEST(json_writer_makes_valid_utf8_of_anything)
{
    JsonWriter w = writer();
    static const char bytes[] = "a\xff\xc3\xa9\xed\xa0\x80\0\x1f\x7f\"\\\t";
    json_stringn(&w, bytes, sizeof(bytes) - 1);
    CHECK_STR(buf_cstr(&buf), "\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u0000\\"
                              "u001f\\u007f\\\"\\\\\\t\"");
    buf_deinit(&buf);
}

TEST(json_writer_numbers)
{
    JsonWriter w = writer();
    json_array_begin(&w);
    json_int(&w, INT64_MIN);
    json_real(&w, 0.1);
    json_real(&w, 1.0 / 3);
    json_real(&w, 1e300);
    json_real(&w, NAN);
    json_real(&w, INFINITY);
    json_array_end(&w);
    CHECK_STR(buf_cstr(&buf), "[-9223372036854775808,0.1,0.3333333333333333,1e+300,null,null]");
    buf_deinit(&buf);
}

TEST(json_writer_stops_at_the_maximum)
{
    JsonWriter w;
    buf_init(&buf, 16);
    json_writer_init(&w, &buf);
    json_array_begin(&w);
    for (int i = 0; i < 100; i++)
        json_string(&w, "something long");
    CHECK(buf.failed);
    CHECK(buf.n <= 16);
    buf_deinit(&buf);
}
