/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/schema.h"
#include "data/yaml.h"
#include "harness/test.h"

/* A small language with one field of every kind. */
typedef enum Colour { RED, GREEN } Colour;
typedef struct Leaf {
    uint64_t set;
    int64_t port;
    const char *host;
} Leaf;
typedef struct Item {
    const char *name;
    bool on;
    int64_t line;
} Item;
typedef struct Tree {
    uint64_t set;
    int64_t count, wait_ms, bytes;
    const char *title, *token, *stored;
    bool flag;
    Colour colour;
    StrList words, files;
    StrMap env, tags;
    Leaf leaf;
    struct {
        int64_t *at;
        size_t n;
    } codes;
    struct {
        Item *at;
        size_t n;
    } items;
    struct {
        Leaf *at;
        size_t n;
    } leaves;
} Tree;

SCHEMA_DECLARE(t_colour, Colour);
SCHEMA_DECLARE(t_leaf, Leaf);
SCHEMA_DECLARE(t_item, Item);
SCHEMA_DECLARE(t_tree, Tree);
SCHEMA_DECLARE(t_numbers, int64_t);
SCHEMA_DECLARE(t_item_map, Item);
SCHEMA_DECLARE(t_leaf_list, Leaf);
SCHEMA_DECLARE(t_one_or_more, StrList);
SCHEMA_DECLARE(t_tag_map, StrMap);

static const EnumName colours[] = {{RED, "red"}, {GREEN, "green"}, {0}};
SCHEMA_ENUM(t_colour, Colour, "colour", colours);

static const Field leaf_fields[] = {
    FIELD_SET(Leaf),
    FIELD(Leaf, port, "port", t_int, .min = 1, .max = 65535,
          .flags = FIELD_REQUIRED | FIELD_OPTIONAL, .doc = "a port"),
    FIELD(Leaf, host, "host", t_string, .dflt = "localhost", .min = 1, .doc = "a host"),
};
SCHEMA_STRUCT(t_leaf, Leaf, "leaf", leaf_fields, .scalar = "port");

static const char *check_item(const char *name) {
    return strlen(name) > 3 ? "the name is too long" : NULL;
}
static const Field item_fields[] = {
    FIELD(Item, name, "name", t_string, .flags = FIELD_KEY, .check = check_item),
    FIELD(Item, on, "on", t_bool, .dflt = "true", .doc = "is it on"),
    FIELD_AT(Item),
};
SCHEMA_STRUCT(t_item, Item, "item", item_fields, .scalar = "on");
SCHEMA_MAP(t_item_map, t_item, .keys = true);
SCHEMA_LIST(t_numbers, t_int);
SCHEMA_LIST(t_leaf_list, t_leaf);
const Type t_one_or_more = {.kind = TYPE_STRINGS,
                            .name = "files",
                            .size = sizeof(StrList),
                            .align = _Alignof(StrList),
                            .scalar = "",
                            .expected = "a list of files"};
const Type t_tag_map = {.kind = TYPE_STRING_MAP,
                        .name = "tags",
                        .size = sizeof(StrMap),
                        .align = _Alignof(StrMap),
                        .keys = true,
                        .expected = "tags"};

static const Field tree_fields[] = {
    FIELD_SET(Tree),
    FIELD(Tree, count, "count", t_int, .dflt = "3", .min = 1, .max = INT64_MAX, .doc = "a count"),
    FIELD(Tree, wait_ms, "max_wait", t_duration, .dflt = "10s", .aka = "timeout delay procs",
          .doc = "a time"),
    FIELD(Tree, bytes, "bytes", t_size, .dflt = "64MiB", .doc = "a size"),
    FIELD(Tree, title, "title", t_string, .flags = FIELD_REQUIRED, .min = 2, .max = 8,
          .doc = "a title"),
    FIELD(Tree, token, "token", t_string, .flags = FIELD_SECRET, .doc = "a token"),
    FIELD(Tree, stored, "stored", t_string, .flags = FIELD_INTERNAL),
    FIELD(Tree, flag, "flag", t_bool, .doc = "a flag"),
    FIELD(Tree, colour, "colour", t_colour, .dflt = "green", .doc = "a colour"),
    FIELD(Tree, words, "words", t_strings, .dflt = "[\"sh\", \"-c\"]", .flags = FIELD_APPEND,
          .doc = "words"),
    FIELD(Tree, files, "files", t_one_or_more, .doc = "files"),
    FIELD(Tree, env, "env", t_env, .check = check_item, .doc = "variables"),
    FIELD(Tree, tags, "tags", t_tag_map, .doc = "tags"),
    FIELD(Tree, leaf, "leaf", t_leaf, .flags = FIELD_OPTIONAL, .doc = "a leaf"),
    FIELD_LIST(Tree, codes, "codes", t_numbers, .dflt = "[0]", .min = 0, .max = 255,
               .doc = "codes"),
    FIELD_LIST(Tree, items, "items", t_item_map, .doc = "items"),
    FIELD_LIST(Tree, leaves, "leaves", t_leaf_list, .doc = "leaves"),
};
SCHEMA_STRUCT(t_tree, Tree, "tree", tree_fields);

static Arena arena;
static Report report;
static Tree tree;

static int decode_as(const char *text, UnknownKeys unknown) {
    const Value *v = NULL;
    report_init(&report, &arena);
    ASSERT(yaml_parse(&(YamlText){"t", text, strlen(text)}, &arena, &report, &v) == 0);
    Decoder d = {.arena = &arena, .report = &report, .file = "t", .unknown = unknown};
    return schema_decode(&d, &t_tree, v, &tree);
}

static void accept(const char *text) {
    if (decode_as(text, UNKNOWN_ERROR) < 0)
        test_fail(__FILE__, __LINE__, "%s", report_line(&report.at[0], &arena));
}

static const char *refuse(const char *text) {
    CHECK_EQ(decode_as(text, UNKNOWN_ERROR), -1);
    return report.n ? report_line(&report.at[0], &arena) : "nothing was reported";
}

#define REFUSES(text, line) CHECK_STR(refuse("title: xx\n" text), "t:" line)

static const char *encode(const EncodeOptions *options) {
    Buf buf;
    buf_init(&buf, 1 << 16);
    JsonWriter w;
    json_writer_init(&w, &buf);
    schema_encode(&t_tree, &tree, options, &w);
    const char *copy = arena_strdup(&arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return copy;
}

TEST(schema_fills_in_defaults)
{
    arena_init(&arena);
    accept("title: xx");
    CHECK_EQ(tree.count, 3);
    CHECK_EQ(tree.wait_ms, 10000);
    CHECK_EQ(tree.bytes, 64 << 20);
    CHECK_EQ(tree.colour, GREEN);
    CHECK_EQ(tree.words.n, 2);
    CHECK_STR(tree.words.at[1], "-c");
    CHECK_STR(tree.leaf.host, "localhost");
    CHECK_EQ(tree.codes.n, 1);
    CHECK(tree.token == NULL);
    CHECK(!schema_has(&t_tree, &tree, "count"));
    CHECK(schema_has(&t_tree, &tree, "title"));
    arena_deinit(&arena);
}

TEST(schema_reads_every_kind)
{
    arena_init(&arena);
    accept(
        "title: 1.10\ncount: 7\nmax_wait: 1h30m\nbytes: 100\nflag: true\ncolour: red\nwords: [a, "
        "1, true]\n"
        "files: one\nenv: {B: 1.50, A: x}\ntags: [q, p]\nleaf: {port: 80, host: h}\ncodes: [1, 2]\n"
        "items: {b: {on: false}, a: }\nleaves: [{port: 1}, 2]\nx-mine: {anything: goes}\n");
    CHECK_STR(tree.title, "1.10");
    CHECK_EQ(tree.wait_ms, 5400000);
    CHECK_EQ(tree.bytes, 100);
    CHECK_EQ(tree.colour, RED);
    CHECK_STR(tree.words.at[1], "1");
    CHECK_EQ(tree.words.n, 3);
    CHECK_EQ(tree.files.n, 1);
    CHECK_STR(tree.files.at[0], "one");
    CHECK_STR(tree.env.at[0].name, "A");
    CHECK_STR(strmap_get(&tree.env, "B"), "1.50");
    CHECK_STR(strmap_get(&tree.env, "C"), NULL);
    CHECK_STR(strmap_get(&tree.tags, "q"), "");
    CHECK_EQ(tree.leaf.port, 80);
    CHECK_STR(tree.leaf.host, "h");
    CHECK_EQ(tree.codes.at[1], 2);
    CHECK_STR(tree.items.at[0].name, "a");
    CHECK(tree.items.at[0].on);
    CHECK(!tree.items.at[1].on);
    CHECK_EQ(tree.items.at[1].line, 13);
    CHECK_EQ(tree.leaves.n, 2);
    CHECK_EQ(tree.leaves.at[1].port, 2);
    CHECK_STR(tree.leaves.at[1].host, "localhost");
    arena_deinit(&arena);
}

TEST(schema_shorthands)
{
    arena_init(&arena);
    accept("title: xx\nleaf: 80\nitems: [b, a]\n");
    CHECK_EQ(tree.leaf.port, 80);
    CHECK_STR(tree.leaf.host, "localhost");
    CHECK(schema_has(&t_leaf, &tree.leaf, "port"));
    CHECK(!schema_has(&t_leaf, &tree.leaf, "host"));
    CHECK_STR(tree.items.at[0].name, "a");
    accept("title: xx\nitems: {a: false}\n");
    CHECK(!tree.items.at[0].on);
    arena_deinit(&arena);
}

TEST(schema_problems_have_place_path_and_hint)
{
    arena_init(&arena);
    REFUSES("cuont: 1", "2:1: unknown key \"cuont\"; did you mean count?");
    REFUSES("timeout: 1s", "2:1: unknown key \"timeout\"; did you mean max_wait?");
    REFUSES("procs: 1s", "2:1: unknown key \"procs\"; did you mean max_wait?");
    REFUSES("proxy: 1s",
            "2:1: unknown key \"proxy\"; the keys here are count, max_wait, bytes, title, "
            "token, flag, colour, words, files, env, tags, leaf, codes, items, leaves");
    REFUSES("leaf: {x: 1, port: 1}", "2:8: leaf: unknown key \"x\"; the keys here are port, host");
    REFUSES("stored: x", "2:1: unknown key \"stored\"; did you mean token?");
    REFUSES("count: x", "2:8: count: expected an integer, got \"x\"");
    REFUSES("count: 0", "2:8: count: 0 is less than 1");
    REFUSES("count: 1.5", "2:8: count: expected an integer, got the number 1.5");
    REFUSES("count:",
            "2:7: count: has no value; expected an integer; give it one, or remove the key");
    REFUSES("leaf: {port: 99999}", "2:14: leaf.port: 99999 is outside 1..65535");
    REFUSES("leaf: {host: x}", "2:7: leaf: \"port\" is missing: a port");
    REFUSES("leaf: {port: 1, host: ''}", "2:23: leaf.host: must not be empty");
    REFUSES("leaf: []", "2:7: leaf: expected a map of keys, got a list");
    REFUSES("leaf:",
            "2:6: leaf: has no value; expected a map of keys; give it one, or remove the key");
    REFUSES("max_wait: 10",
            "2:11: max_wait: 10 has no unit; expected a duration such as 300ms, 10s or 1h30m; "
            "write 10s if you mean seconds");
    REFUSES("max_wait: soon",
            "2:11: max_wait: expected a duration such as 300ms, 10s or 1h30m, got \"soon\"");
    REFUSES("max_wait: -1s", "2:11: max_wait: -1s is negative; expected a duration such as 300ms, "
                             "10s or 1h30m");
    REFUSES("bytes: 1.5", "2:8: bytes: 1.5 has no unit; expected a size such as 512KiB or 64MiB, "
                          "or a number of bytes; "
                          "write 1.5MiB, or whole bytes");
    REFUSES("bytes: -1", "2:8: bytes: -1 is negative; expected a size such as 512KiB or 64MiB, or "
                         "a number of bytes");
    REFUSES("flag: yes", "2:7: flag: expected true or false, got \"yes\"; write true or false");
    REFUSES("flag: 1", "2:7: flag: expected true or false, got the number 1");
    REFUSES("colour: gren",
            "2:9: colour: expected one of red, green, got \"gren\"; did you mean green?");
    REFUSES("words: x", "2:8: words: expected a list of strings, got \"x\"");
    REFUSES("words: [a, ]\ntoken: [b, [c]]", "3:8: token: expected a string, got a list");
    REFUSES("words: [a, [b]]", "2:12: words[1]: expected a string, got a list");
    REFUSES("env: [A=1]", "2:6: env: expected a map of names and their values, got a list; write "
                          "NAME: value, without the dash");
    REFUSES("env: {A: }", "2:10: env.A: has no value; write \"\" for an empty one");
    REFUSES("env: {LONG: 1}", "2:7: env.LONG: the name is too long");
    REFUSES("env: {A: \"\\0\"}",
            "2:10: env.A: contains a NUL character, which no program could be given");
    REFUSES("codes: [1, 256]", "2:12: codes[1]: 256 is outside 0..255");
    REFUSES("items: {long: {}}", "2:9: items.long: the name is too long");
    REFUSES("items: [a, b, a]", "2:15: items: \"a\" is listed twice");
    REFUSES("tags: [q, p, q]", "2:7: tags: \"q\" is listed twice");
    REFUSES("items: x", "2:8: items: expected a list or a map of names, got \"x\"");
    REFUSES("items: {a: {off: 1}}", "2:13: items.a: unknown key \"off\"; the keys here are on");
    REFUSES("leaves: [{}]", "2:10: leaves[0]: \"port\" is missing: a port");
    CHECK_STR(refuse("count: 1"), "t:1:1: \"title\" is missing: a title");
    CHECK_STR(refuse("title: x"), "t:1:8: title: \"x\" is too short");
    CHECK_STR(refuse("title: xxxxxxxxx"), "t:1:8: title: is longer than 8 characters");
    CHECK_STR(refuse("[]"), "t:1:1: expected a map of keys, got a list");
    arena_deinit(&arena);
}

TEST(schema_collects_all_problems)
{
    arena_init(&arena);
    (void)refuse("a: 1\nb: 2\ncount: x\nitems: {a: {on: 1}, b: {on: 2}}\n");
    CHECK_EQ(report.errors, 6);
    arena_deinit(&arena);
}

TEST(schema_unknown_keys_are_a_policy)
{
    arena_init(&arena);
    CHECK_EQ(decode_as("title: xx\ncolor: 1\n", UNKNOWN_WARN), 0);
    CHECK_EQ(report.warnings, 1);
    CHECK_STR(report_line(&report.at[0], &arena),
              "t:2:1: warning: unknown key \"color\" is ignored; did you mean colour?");
    CHECK_EQ(decode_as("title: xx\ncolor: 1\n", UNKNOWN_SILENT), 0);
    CHECK_EQ(report.n, 0);
    arena_deinit(&arena);
}

TEST(schema_encodes_and_reads_back)
{
    arena_init(&arena);
    accept("title: xx\ntoken: secret\nleaf: 80\nitems: [b, a]\nmax_wait: 1h0m1s5ms\nbytes: "
           "1536\nenv: {A: 1}");
    tree.stored = "ours";
    const char *full = encode(&(EncodeOptions){.internal = true});
    CHECK_STR(
        full,
        "{\"set\":[\"max_wait\",\"bytes\",\"title\",\"token\",\"env\",\"leaf\",\"items\"],"
        "\"count\":3,"
        "\"max_wait\":\"1h1s5ms\",\"bytes\":1536,\"title\":\"xx\",\"token\":\"secret\","
        "\"stored\":\"ours\",\"flag\":false,\"colour\":\"green\",\"words\":[\"sh\",\"-c\"],"
        "\"env\":{\"A\":\"1\"},\"leaf\":{\"set\":[\"port\"],\"port\":80,\"host\":\"localhost\"},"
        "\"codes\":[0],\"items\":{\"a\":{\"on\":true,\"line\":4},\"b\":{\"on\":true,\"line\":4}}}");
    const Value *stored = NULL;
    Err err;
    ASSERT(json_parse(full, strlen(full), &arena, &stored, &err) == 0);
    Decoder d = {.arena = &arena, .report = &report, .file = "t", .internal = true};
    CHECK_EQ(schema_decode(&d, &t_tree, stored, &tree), 0);
    CHECK_STR(encode(&(EncodeOptions){.internal = true}), full);
    const char *shown = encode(&(EncodeOptions){.mask = true, .camel = true});
    CHECK_HAS(shown, "\"maxWait\":\"1h1s5ms\"");
    CHECK_HAS(shown, "\"token\":\"********\"");
    CHECK(!strstr(shown, "ours"));
    CHECK(!strstr(shown, "\"set\""));
    accept("title: xx");
    CHECK(!strstr(encode(&(EncodeOptions){.mask = true}), "token"));
    CHECK(!strstr(encode(&(EncodeOptions){.mask = true}), "leaf\""));
    arena_deinit(&arena);
}

typedef struct Twig {
    Leaf left, right;
} Twig;
SCHEMA_DECLARE(t_twig, Twig);
static const Field twig_fields[] = {FIELD(Twig, left, "left", t_leaf),
                                    FIELD(Twig, right, "right", t_leaf)};
SCHEMA_STRUCT(t_twig, Twig, "twig", twig_fields);
SCHEMA_LIST(t_twigs, t_twig);

static const char *encode_twigs(const Twig *twigs, size_t n, bool pretty, size_t max) {
    const struct {
        const Twig *at;
        size_t n;
    } list = {twigs, n};
    Buf buf;
    buf_init(&buf, max);
    JsonWriter w;
    json_writer_init(&w, &buf);
    w.pretty = pretty;
    schema_encode(&t_twigs, &list, &(EncodeOptions){.internal = true}, &w);
    const char *text = buf.failed ? NULL : arena_strdup(&arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return text;
}

TEST(schema_encodes_what_is_as_the_one_before)
{
    arena_init(&arena);
    Leaf plain = {.host = "a"}, other = {.host = "b"};
    Twig twigs[] = {{plain, plain}, {plain, other}, {other, plain}};
    const char *text = encode_twigs(twigs, 3, false, 1 << 16);
#define LEAF(host) "{\"set\":[],\"host\":\"" host "\"}"
#define TWIG(a, b) "{\"left\":" LEAF(a) ",\"right\":" LEAF(b) "}"
    CHECK_STR(text, "[" TWIG("a", "a") "," TWIG("a", "b") "," TWIG("b", "a") "]");
    Buf compact;
    const Value *pretty = NULL;
    Err err;
    const char *lines = encode_twigs(twigs, 3, true, 1 << 16);
    ASSERT(json_parse(lines, strlen(lines), &arena, &pretty, &err) == 0);
    buf_init(&compact, 1 << 16);
    JsonWriter w;
    json_writer_init(&w, &compact);
    json_value(&w, pretty);
    CHECK_STR(buf_cstr(&compact), text);
    buf_deinit(&compact);
    for (size_t max = 0; max < strlen(text); max++)
        CHECK(!encode_twigs(twigs, 3, false, max));
    arena_deinit(&arena);
}

TEST(schema_defaults_are_those_of_each_struct)
{
    const Value *v = NULL;
    struct {
        Twig *at;
        size_t n;
    } list;
    arena_init(&arena);
    report_init(&report, &arena);
    const char *text = "[{left: {port: 80, host: b}}, {left: 81}, {right: {port: 82}}, {}]";
    ASSERT(yaml_parse(&(YamlText){"t", text, strlen(text)}, &arena, &report, &v) == 0);
    Decoder d = {.arena = &arena, .report = &report, .file = "t"};
    ASSERT(schema_decode(&d, &t_twigs, v, &list) == 0);
    ASSERT(list.n == 4);
    CHECK_STR(list.at[0].left.host, "b");
    CHECK_STR(list.at[0].right.host, "localhost");
    CHECK_STR(list.at[1].left.host, "localhost");
    CHECK_EQ(list.at[1].left.port, 81);
    CHECK_EQ(list.at[2].left.port, 0);
    CHECK_EQ(list.at[3].left.set, 0);
    arena_deinit(&arena);
}

TEST(schema_strmap_merge)
{
    arena_init(&arena);
    StrPair a[] = {{"A", "1"}, {"C", "1"}}, b[] = {{"B", "2"}, {"C", "2"}, {"D", "2"}};
    StrMap low = {a, 2}, high = {b, 3}, none = {0};
    StrMap all = strmap_merge(&low, &high, &arena);
    CHECK_EQ(all.n, 4);
    CHECK_STR(strmap_get(&all, "A"), "1");
    CHECK_STR(strmap_get(&all, "B"), "2");
    CHECK_STR(strmap_get(&all, "C"), "2");
    CHECK_EQ(strmap_merge(&none, &none, &arena).n, 0);
    arena_deinit(&arena);
}

TEST(schema_merges_overlays)
{
    arena_init(&arena);
    Report r;
    const Value *low, *high;
    const char *a = "count: 1\nwords: [a]\nfiles: [a]\nleaf: {port: 1, host: x}\nflag: "
                    "true\nitems: {p: {on: true}}";
    const char *b = "words: [b]\nfiles: [b]\nleaf: {port: 2}\nflag:\nitems: {q: {}}\ntitle: xx";
    report_init(&r, &arena);
    ASSERT(yaml_parse(&(YamlText){"a", a, strlen(a)}, &arena, &r, &low) == 0);
    ASSERT(yaml_parse(&(YamlText){"b", b, strlen(b)}, &arena, &r, &high) == 0);
    Buf buf;
    buf_init(&buf, 1000);
    JsonWriter w;
    json_writer_init(&w, &buf);
    json_value(&w, schema_merge(&t_tree, low, high, &arena));
    CHECK_STR(buf_cstr(&buf),
              "{\"count\":1,\"words\":[\"a\",\"b\"],\"files\":[\"b\"],"
              "\"leaf\":{\"port\":2,\"host\":\"x\"},\"items\":{\"p\":{\"on\":true},\"q\":{}},"
              "\"title\":\"xx\"}");
    buf_deinit(&buf);
    arena_deinit(&arena);
}

TEST(schema_camel_names)
{
    arena_init(&arena);
    CHECK_STR(schema_camel("max_restarts_x", &arena), "maxRestartsX");
    CHECK_STR(schema_camel("env", &arena), "env");
    CHECK_STR(schema_camel("x_", &arena), "x_");
    arena_deinit(&arena);
}

/* --- coverage --- */

typedef struct Hole {
    int64_t a;
    const char *forgotten;
    int64_t b;
} Hole;
SCHEMA_DECLARE(t_hole, Hole);
static const Field hole_fields[] = {
    FIELD(Hole, a, "a", t_int),
    FIELD(Hole, b, "b", t_int),
};
SCHEMA_STRUCT(t_hole, Hole, "hole", hole_fields);
static const Field end_fields[] = {FIELD(Hole, a, "a", t_int)};
extern const Type t_end;
SCHEMA_STRUCT(t_end, Hole, "end", end_fields);

TEST(schema_finds_a_member_that_no_field_describes)
{
    const Type *where = NULL;
    CHECK_EQ(schema_uncovered(&t_tree, &where), -1);
    CHECK_EQ(schema_uncovered(&t_hole, &where), offsetof(Hole, forgotten));
    CHECK(where == &t_hole);
    CHECK_EQ(schema_uncovered(&t_end, &where), offsetof(Hole, forgotten));
}

TEST(schema_json_schema_is_json)
{
    arena_init(&arena);
    Buf buf;
    buf_init(&buf, 1 << 16);
    JsonWriter w;
    json_writer_init(&w, &buf);
    schema_json_schema(&t_tree, "Tree", &w);
    const Value *v = NULL;
    Err err;
    ASSERT(json_parse(buf_cstr(&buf), buf.n, &arena, &v, &err) == 0);
    const Value *properties = value_get(v, "properties");
    CHECK(value_get(properties, "count") != NULL);
    CHECK(value_get(properties, "stored") == NULL);
    CHECK(value_get(properties, "set") == NULL);
    CHECK_EQ(value_get_int(value_get(properties, "count"), "minimum", 0), 1);
    CHECK(value_get(value_get(v, "$defs"), "leaf") != NULL);
    CHECK(value_get(value_get(v, "$defs"), "item") != NULL);
    CHECK_STR(value_str(value_at(value_get(v, "required"), 0)), "title");
    buf_deinit(&buf);
    arena_deinit(&arena);
}

TEST(schema_markdown_has_a_row_per_key)
{
    Buf buf;
    buf_init(&buf, 1 << 16);
    schema_markdown(&t_tree, &buf);
    const char *page = buf_cstr(&buf);
    CHECK_HAS(page, "| `count` | integer, at least 1 | `3` | a count |\n");
    CHECK_HAS(page, "| `title` | string | required | a title |\n");
    CHECK_HAS(page, "| `colour` | `red`, `green` | `green` | a colour |\n");
    CHECK_HAS(page, "| `leaf` | [leaf](#leaf) or integer (`port`) |  | a leaf |\n");
    CHECK_HAS(page, "| `files` | string or list of strings |  | files |\n");
    CHECK_HAS(page, "## leaf\n");
    CHECK(!strstr(page, "stored"));
    buf_deinit(&buf);
}
