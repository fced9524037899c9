/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/yaml.h"
#include "data/yaml_write.h"
#include "harness/test.h"

static Arena arena;

static const char *written(const Value *v) {
    Buf buf;
    buf_init(&buf, 1 << 20);
    yaml_write(v, &buf);
    const char *copy = arena_strdup(&arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return copy;
}

static const Value *parsed(const char *text) {
    Report report;
    const Value *v = NULL;
    report_init(&report, &arena);
    if (yaml_parse(&(YamlText){"t", text, strlen(text)}, &arena, &report, &v) < 0)
        test_fail(__FILE__, __LINE__, "%s in\n%s", report_line(&report.at[0], &arena), text);
    return v;
}

TEST(yaml_write_is_what_people_write)
{
    arena_init(&arena);
    const char *text = "a: 1\n"
                       "b:\n"
                       "  - x\n"
                       "  - w: 2\n"
                       "    z: []\n"
                       "  - - p\n"
                       "    - q\n"
                       "c: {}\n"
                       "d: null\n"
                       "e: 10s\n"
                       "f: |\n"
                       "  line\n"
                       "    more\n"
                       "\n"
                       "  end\n"
                       "g: |-\n"
                       "  a\n"
                       "  b\n"
                       "h: ./api --port=80\n"
                       "i: true\n"
                       "j: -c\n"
                       "k: http://x/?a=b&c#d\n";
    CHECK_STR(written(parsed(text)), text);
    arena_deinit(&arena);
}

TEST(yaml_write_quotes_what_could_be_misread)
{
    static const char *const texts[] = {"",
                                        " x",
                                        "x ",
                                        "yes",
                                        "No",
                                        "ON",
                                        "null",
                                        "~",
                                        "true",
                                        "1",
                                        "-1",
                                        "1.5",
                                        "0x1F",
                                        "1e3",
                                        ".5",
                                        "12:30:45",
                                        "1_000",
                                        "2001-01-01",
                                        "- x",
                                        "-",
                                        "a: b",
                                        "a:",
                                        "a #b",
                                        "#a",
                                        "&a",
                                        "*a",
                                        "!a",
                                        "|",
                                        ">",
                                        "'a'",
                                        "\"a\"",
                                        "%a",
                                        "@a",
                                        "`a",
                                        "[a",
                                        "{a",
                                        "?",
                                        "---",
                                        "...",
                                        "<<",
                                        "=",
                                        ".inf",
                                        "-.INF",
                                        ".nan",
                                        "y",
                                        "n",
                                        "a\tb",
                                        "\n",
                                        "a\n\n",
                                        " a\nb",
                                        "a\nb ",
                                        "\x7f",
                                        "\xc2\x85",
                                        "\xe2\x80\xa8x",
                                        "\xef\xbb\xbfx",
                                        "\xc2\xa0",
                                        "a\x1b[0m",
                                        "x\r\ny",
                                        "\\",
                                        "a\nb\\",
                                        "0o17",
                                        "+",
                                        "+1",
                                        "-x",
                                        "a,b",
                                        "a]",
                                        ":a",
                                        "é ü",
                                        "--x",
                                        "a\n b\n"};
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(texts); i++) {
        Value *list = value_new(&arena, VALUE_LIST);
        Value *map = value_new(&arena, VALUE_MAP);
        value_set(&arena, map, texts[i], value_new_string(&arena, texts[i]));
        value_add(&arena, list, value_new_string(&arena, texts[i]));
        value_add(&arena, list, map);
        const char *text = written(list);
        const Value *back = parsed(text);
        if (!value_equal(list, back))
            test_fail(__FILE__, __LINE__, "\"%s\" was written as\n%s", texts[i], text);
        CHECK(value_equal(parsed(written(value_at(list, 0))), value_at(list, 0)));
    }
    arena_deinit(&arena);
}

TEST(yaml_write_bytes_become_utf8)
{
    arena_init(&arena);
    CHECK_STR(written(value_new_bytes(&arena, "a\xff", 2)), "\"a\xef\xbf\xbd\"\n");
    CHECK_STR(written(value_new_bytes(&arena, "a\0b", 3)), "\"a\\u0000b\"\n");
    arena_deinit(&arena);
}

TEST(yaml_write_numbers)
{
    arena_init(&arena);
    const char *text = written(parsed("[1, -2, 1.5, 2.0, 1e300, 0x10, .inf, -.inf, .nan]"));
    CHECK_STR(
        text,
        "- 1\n- -2\n- 1.5\n- 2.0\n- 1.0000000000000001e+300\n- 16\n- .inf\n- -.inf\n- .nan\n");
    arena_deinit(&arena);
}
