/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "data/yaml.h"
#include "harness/test.h"

static Arena arena;

/* The tree as JSON, or the first problem. */
static const char *read_n(const char *text, size_t size) {
    Report report;
    const Value *v;
    report_init(&report, &arena);
    if (yaml_parse(&(YamlText){"t", text, size}, &arena, &report, &v) < 0) {
        CHECK_EQ(report.errors, 1);
        return report_line(&report.at[0], &arena);
    }
    CHECK_EQ(report.n, 0);
    Buf buf;
    buf_init(&buf, 16 << 20);
    JsonWriter w;
    json_writer_init(&w, &buf);
    json_value(&w, v);
    const char *copy = arena_strdup(&arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return copy;
}

#define READS(text, json)   CHECK_STR(read_n(text, sizeof(text) - 1), json)
#define REFUSES(text, part) CHECK_HAS(read_n(text, sizeof(text) - 1), part)

static const Value *tree(const char *text) {
    Report report;
    const Value *v = NULL;
    report_init(&report, &arena);
    ASSERT(yaml_parse(&(YamlText){"t", text, strlen(text)}, &arena, &report, &v) == 0);
    return v;
}

TEST(yaml_core_schema)
{
    arena_init(&arena);
    READS("[yes, no, on, off, y, n, Yes]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"Yes\"]");
    READS("[true, True, TRUE, false, tRue]", "[true,true,true,false,\"tRue\"]");
    READS("[null, ~, Null, nULL, ]", "[null,null,null,\"nULL\"]");
    READS("[1, -1, +1, 017, 0o17, 0x1F, 0b1, 1_000]", "[1,-1,1,17,15,31,\"0b1\",\"1_000\"]");
    READS("[1.5, .5, 5., -1e3, 1e, ., -, 1:30]",
          "[1.5,0.5,5.0,-1000.0,\"1e\",\".\",\"-\",\"1:30\"]");
    READS("[.inf, -.INF, .nan, .Inf1]", "[null,null,null,\".Inf1\"]");
    READS("['1', \"true\", !!str 1, ! 2]", "[\"1\",\"true\",\"1\",\"2\"]");
    READS("2001-01-01", "\"2001-01-01\"");
    READS("", "null");
    READS("# nothing\n", "null");
    READS("--- 1\n...\n", "1");
    READS("\xef\xbb\xbf"
          "a: 1",
          "{\"a\":1}");
    arena_deinit(&arena);
}

TEST(yaml_keeps_how_numbers_were_written)
{
    arena_init(&arena);
    CHECK_STR(value_get(tree("a: 1.10"), "a")->text, "1.10");
    CHECK_STR(value_get(tree("a: 0x1F"), "a")->text, "0x1F");
    const Value *big = value_get(tree("a: 99999999999999999999"), "a");
    CHECK_EQ(big->kind, VALUE_REAL);
    CHECK_STR(big->text, "99999999999999999999");
    arena_deinit(&arena);
}

TEST(yaml_knows_lines_and_columns)
{
    arena_init(&arena);
    const Value *v = tree("a:\n  b:\n    - x\n    - é: 1\n");
    const Value *list = value_get(value_get(v, "a"), "b");
    CHECK_EQ(v->map.at[0].line, 1);
    CHECK_EQ(value_at(list, 1)->line, 4);
    CHECK_EQ(value_at(list, 1)->column, 7);
    CHECK_EQ(value_at(list, 1)->map.at[0].value->column, 10);
    arena_deinit(&arena);
}

TEST(yaml_quoted_and_block_texts)
{
    arena_init(&arena);
    READS("a: \"x\\ty\\x41\\0\"", "{\"a\":\"x\\tyA\\u0000\"}");
    READS("a: |\n  x\n   y\nb: >-\n  p\n  q\n", "{\"a\":\"x\\n y\\n\",\"b\":\"p q\"}");
    READS("'a b': 'it''s'", "{\"a b\":\"it's\"}");
    READS("8080: x\ntrue: y\n", "{\"8080\":\"x\",\"true\":\"y\"}");
    arena_deinit(&arena);
}

TEST(yaml_anchors_aliases_and_merges)
{
    arena_init(&arena);
    READS("a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}");
    READS("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
    READS("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n",
          "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"p\":1}}");
    READS("a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {r: 0, <<: [*x, *y]}\n",
          "{\"a\":{\"p\":1},\"b\":{\"p\":2,\"q\":2},\"c\":{\"r\":0,\"p\":1,\"q\":2}}");
    READS("{'<<': 1}", "{\"<<\":1}");
    REFUSES("a: *x", "t:1:4: the alias *x names no anchor before it");
    REFUSES("a: &x [*x]", "t:1:8: the alias *x stands inside what it names");
    REFUSES("a: {<<: 1}", "t:1:9: \"<<\" takes a map or a list of maps, not this integer");
    REFUSES("a: {<<: [1]}", "takes a map");
    REFUSES("a: &x {p: 1}\nb: {<<: *x, <<: *x}", "given twice");
    REFUSES("&a a: 1", "cannot have an anchor");
    arena_deinit(&arena);
}

TEST(yaml_refuses_with_a_place_and_a_way_out)
{
    arena_init(&arena);
    REFUSES("a: 1\nb: 2\na: 3\n", "t:3:1: the key \"a\" is given twice, first in line 1");
    REFUSES("a:\n\tb: 1\n", "t:2:1: a tab cannot stand here");
    REFUSES("# \xc3\xa9\xe2\x82\xac\na:\n\tb: 1\n", "t:3:1: a tab cannot stand here");
    REFUSES("a: [1\nb: 2", "t:2:2");
    REFUSES("a: b: c", "t:1:5: a `key: value` cannot stand here");
    REFUSES("a: \"x", "the file ends inside a quoted text");
    REFUSES("a: @x", "a plain value cannot begin with this character; quote the value");
    REFUSES("a: 1\n b: 2\n", "t:2:3");
    REFUSES("[a]: 1", "t:1:1: a key must be a plain name");
    REFUSES("\"a\\0b\": 1", "a key contains a NUL");
    REFUSES("a: 1\n---\nb: 2\n", "t:2:1: a second document begins here");
    REFUSES("a: !foo 1", "the tag !foo does not fit this integer");
    REFUSES("a: !!int x", "the tag !!int does not fit this string");
    REFUSES("a: !!seq {}", "the tag !!seq does not fit this map");
    REFUSES("a: x\n\xff", "t:2:1: the byte 0xff here is not UTF-8; save the file as UTF-8");
    REFUSES("a: \xc3\xa9\x01", "t:1:5: the control character 0x01 cannot stand in YAML");
    REFUSES("a\0b", "t:1:2: the control character 0x00");
    REFUSES("\xff\xfe"
            "a\0",
            "is not UTF-8");
    REFUSES("%YAML 3.0\n---\na", "t:1:1");
    arena_deinit(&arena);
}

TEST(yaml_tags_of_the_core)
{
    arena_init(&arena);
    READS("[!!int 3, !!float 3, !!bool true, !!null '', !!str x]", "[3,3.0,true,null,\"x\"]");
    READS("!!map {a: !!seq []}", "{\"a\":[]}");
    arena_deinit(&arena);
}

TEST(yaml_bombs_are_refused_at_once)
{
    arena_init(&arena);
    char text[4000] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 20; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n,
                 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    CHECK_HAS(read_n(text, strlen(text)),
              "with its aliases expanded, the file has more than 1048576 values");
    char merges[8000] = "a0: &a0 {k0: 1}\n";
    for (int i = 1; i < 100; i++) {
        size_t n = strlen(merges);
        snprintf(merges + n, sizeof(merges) - n, "a%d: &a%d {<<: [*a%d, *a%d], k%d: *a%d}\n", i, i,
                 i - 1, i - 1, i, i - 1);
    }
    CHECK_HAS(read_n(merges, strlen(merges)), "more than 1048576 values");
    arena_deinit(&arena);
}

TEST(yaml_too_deep)
{
    arena_init(&arena);
    char text[3 * MAX_YAML_DEPTH];
    memset(text, '[', sizeof(text));
    CHECK_HAS(read_n(text, sizeof(text)), "t:1:101: nested more than 100 deep");
    memset(text, '[', MAX_YAML_DEPTH);
    memset(text + MAX_YAML_DEPTH, ']', MAX_YAML_DEPTH);
    CHECK_EQ(*read_n(text, 2 * MAX_YAML_DEPTH), '[');
    /* Depth that only aliases make. */
    char layers[8000] = "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n";
    for (int i = 1; i < 20; i++) {
        size_t n = strlen(layers);
        snprintf(layers + n, sizeof(layers) - n, "a%d: &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i,
                 i - 1);
    }
    CHECK_HAS(read_n(layers, strlen(layers)), "nested more than 100 deep");
    arena_deinit(&arena);
}

TEST(yaml_too_large)
{
    arena_init(&arena);
    size_t size = 10 << 20;
    char *text = xmalloc(size);
    memset(text, 'x', size);
    CHECK_HAS(read_n(text, size), "t:1:1: 10485760 bytes are more than the limit of 4194304");
    /* Just within, and made to be slow: brackets, flow keys, and one very long line. */
    size = MAX_CONFIG_BYTES;
    memset(text, '[', size);
    CHECK_HAS(read_n(text, size), "deep");
    memset(text, ',', size);
    CHECK_HAS(read_n(text, size), "t:1:1");
    memset(text, '?', size);
    (void)read_n(text, size);
    for (size_t i = 0; i < size; i++)
        text[i] = i % 2 ? '\n' : '-';
    CHECK_HAS(read_n(text, size), "values");
    free(text);
    arena_deinit(&arena);
}

TEST(yaml_many_keys_are_no_square)
{
    arena_init(&arena);
    Buf buf;
    buf_init(&buf, MAX_CONFIG_BYTES);
    for (int i = 0; i < 200000; i++)
        buf_printf(&buf, "key%06d: 1\n", i);
    CHECK_EQ(value_count(tree(buf_cstr(&buf))), 200000);
    buf_puts(&buf, "key000007: 1\n");
    CHECK_HAS(read_n(buf.p, buf.n),
              "t:200001:1: the key \"key000007\" is given twice, first in line 8");
    buf_deinit(&buf);
    arena_deinit(&arena);
}
