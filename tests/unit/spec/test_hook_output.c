/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks print for those who come after them. */
#include "spec/hook_output.h"

#include <string.h>

#include "base/buf.h"
#include "harness/test.h"

/* "A=1|B=2" of what the text says, or the message. */
static const char *outputs_of(const char *text, size_t size, Arena *arena) {
    StrMap map;
    Err err = {.kind = ERR_NONE};
    const char *all = "";
    if (hook_output_parse(text, size, arena, &map, &err) < 0)
        return arena_strdup(arena, err.msg);
    for (size_t i = 0; i < map.n; i++)
        all = arena_printf(arena, "%s%s%s=%s", all, i ? "|" : "", map.at[i].name, map.at[i].value);
    return all;
}

typedef struct Row {
    const char *text, *want;
} Row;

static void check_rows(const Row *rows, size_t n) {
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < n; i++) {
        const char *got = outputs_of(rows[i].text, strlen(rows[i].text), &arena);
        if (strcmp(got, rows[i].want) != 0)
            test_fail(__FILE__, __LINE__, "%s gives \"%s\", not \"%s\"", rows[i].text, got,
                      rows[i].want);
    }
    arena_deinit(&arena);
}

TEST(outputs_of_hooks_are_lines_of_names_and_values)
{
    static const Row rows[] = {
        {"A=1\r\nB=2\r\n", "A=1|B=2"},
        {"  A = 1  ", "A=1"},
        {"A=\"q v\"", "A=\"q v\""},
        {"A=", "A="},
        {"A=1 # c", "A=1 # c"},
        {"A==b", "A==b"},
        {"A=1\rB=2", "A=1\rB=2"},
        {"#A=1", ""},
        {"A", ""},
        {"", ""},
        {"\n\n \n", ""},
        {"A=1\nA=2\nB=3\nA=4", "A=4|B=3"},
        {"\xc2\xa0"
         "A\xc2\xa0=\xe2\x80\x83v w\xc2\xa0",
         "A=v w"},
        {"_a9=x", "_a9=x"},
        {"A=caf\xc3\xa9", "A=caf\xc3\xa9"},
        {"A=b<<c", "A=b<<c"},
        {"no newline at\nthe=end", "the=end"},
    };
    check_rows(rows, COUNT(rows));
}

TEST(what_is_no_output_of_a_hook_is_talk)
{
    static const Row rows[] = {
        {"export A=1", ""}, {"=x", ""},     {"x y=z", ""},         {"http://x?y=1", ""},
        {"9A=1", ""},       {"a-b=1", ""},  {"\xc3\xa9=1", ""},    {"A<<", ""},
        {"A<<a b", ""},     {"A<<x=1", ""}, {"cat <<EOF | x", ""}, {"1 << 2", ""},
    };
    check_rows(rows, COUNT(rows));
}

TEST(a_value_of_several_lines_goes_up_to_its_end)
{
    static const Row rows[] = {
        {"A<<END\none\n  two=2 \n\nEND\nB=1", "A=one\n  two=2 \n|B=1"},
        {"A<<END\nEND", "A="},
        {"A<<END\n\nEND", "A="},
        {"A<<END\n\n\nEND", "A=\n"},
        {" A << END \r\none\r\ntwo\r\nEND\r\n", "A=one\ntwo"},
        {"A<<END\nEND \n END\nEND", "A=END \n END"},
        {"A<<4-f_x\n#x\n4-f_x", "A=#x"},
        {"A<<END\nB<<END\nEND\n", "A=B<<END"},
        {"x\nA<<END\nsecret\n", "line 2: A<<END has no line END that ends it"},
        {"A<<END", "line 1: A<<END has no line END that ends it"},
    };
    check_rows(rows, COUNT(rows));
}

TEST(bytes_that_no_value_can_hold_are_refused_with_their_line)
{
    Arena arena;
    arena_init(&arena);
    CHECK_STR(outputs_of("x\0y\nA=1\0z", 9, &arena),
              "line 2: the value of A has a NUL byte, which no variable can hold");
    CHECK_STR(outputs_of("talk\0=x\nA=1", 11, &arena), "A=1");
    CHECK_STR(outputs_of("A<<E\n\0\nE", 8, &arena),
              "line 3: the value of A has a NUL byte, which no variable can hold");
    CHECK_STR(outputs_of("A=\xff", 3, &arena),
              "line 1: the value of A is not UTF-8; print it in base64");
    CHECK_STR(outputs_of("\xff\nA=1", 5, &arena), "A=1");
    arena_deinit(&arena);
}

static char *filled(size_t size, const char *pattern) {
    char *text = malloc(size + 1);
    size_t n = strlen(pattern);
    for (size_t i = 0; i < size; i++)
        text[i] = pattern[i % n];
    text[size] = '\0';
    return text;
}

TEST(hooks_may_talk_much_and_say_little)
{
    static const char too_large[] = "the outputs of the hook are larger than 1048576 bytes";
    size_t size = 10 << 20;
    Arena arena;
    arena_init(&arena);
    char *talk = filled(size, "all work and no play\n");
    CHECK_STR(outputs_of(talk, size, &arena), "");
    free(talk);
    talk = filled(size, "x"); /* one line */
    CHECK_STR(outputs_of(talk, size, &arena), "");
    memcpy(talk, "A=", 2);
    CHECK_HAS(outputs_of(talk, size, &arena), too_large);
    memcpy(talk, "A<<END\n", 7);
    CHECK_HAS(outputs_of(talk, size, &arena), too_large);
    free(talk);
    talk = filled(size, "ABC=1234567\n");
    CHECK_HAS(outputs_of(talk, size, &arena), too_large);
    free(talk);
    talk = filled(HOOK_OUTPUT_MAX + 1, "x"); /* name and value exactly as large as may be */
    memcpy(talk, "A=", 2);
    CHECK_EQ(strlen(outputs_of(talk, HOOK_OUTPUT_MAX + 1, &arena)), HOOK_OUTPUT_MAX + 1);
    free(talk);
    talk = filled(HOOK_OUTPUT_MAX + 9, "x");
    memcpy(talk, "A<<E\n", 5);
    memcpy(talk + 5 + HOOK_OUTPUT_MAX - 1, "\nE", 3);
    CHECK_EQ(strlen(outputs_of(talk, HOOK_OUTPUT_MAX + 6, &arena)), HOOK_OUTPUT_MAX + 1);
    free(talk);
    arena_deinit(&arena);
}

TEST(declared_outputs_must_be_printed)
{
    static const char *const names[] = {"C", "A", "B"};
    StrList declared = {(const char **)names, 3}, none = {0};
    StrPair pairs[] = {{"A", ""}, {"X", "1"}};
    StrMap outputs = {pairs, 2};
    Err err = {.kind = ERR_NONE};
    CHECK(hook_output_require(&outputs, &declared, "", 0, &err) < 0);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "the hook did not print C, B");
    declared = (StrList){(const char **)names + 1, 1};
    CHECK(hook_output_require(&outputs, &declared, "", 0, &err) == 0);
    char *name = filled(300, "LONG_"); /* more than a message has room for */
    declared = (StrList){(const char *[]){name}, 1};
    CHECK(hook_output_require(&outputs, &declared, "", 0, &err) < 0);
    free(name);
    CHECK(hook_output_require(&(StrMap){0}, &none, "", 0, &err) == 0);
}

/* It is talk; who has meant it is told why nothing was taken. */
TEST(a_heredoc_without_an_end_is_named)
{
    static const Row rows[] = {
        {"talk\nA<<\nx\n", "the hook did not print A: line 2 has not one word of letters, digits, "
                           "_ and - after A<<"},
        {"A << X Y\nX Y\n", "the hook did not print A: line 1 has not one word of letters, digits, "
                            "_ and - after A<<"},
        {"B<<\nAA<<\nsee A<<\n", "the hook did not print A"},
    };
    const StrList declared = {(const char *[]){"A"}, 1};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Err err = {.kind = ERR_NONE};
        size_t size = strlen(rows[i].text);
        CHECK(hook_output_require(&(StrMap){0}, &declared, rows[i].text, size, &err) < 0);
        CHECK_STR(err.msg, rows[i].want);
    }
}

TEST(people_see_no_value_that_a_hook_prints)
{
    static const Row rows[] = {
        {"Creating user ada", "Creating user ada"},
        {" PASSWORD = hunter2 ", "PASSWORD=********"},
        {"# a=b", "# a=b"},
        {"", ""},
        {"KEY<<END", "KEY<<END"},
        {"-----BEGIN PRIVATE KEY-----", "********"},
        {"A=1", "********"},
        {"", "********"},
        {"END ", "********"},
        {"END\r", "END\r"},
        {"talk", "talk"},
        {"A=1\r", "A=********"},
    };
    HookOutputMask mask = {0};
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *shown = hook_output_mask(&mask, rows[i].text, strlen(rows[i].text), &arena);
        CHECK_STR(shown ? shown : rows[i].text, rows[i].want);
    }
    arena_deinit(&arena);
}

/* A value with a NUL byte is refused, once it is read; it is shown before. */
TEST(a_nul_byte_is_no_end_of_a_line_that_is_shown)
{
    HookOutputMask mask = {0};
    Arena arena;
    arena_init(&arena);
    CHECK(!hook_output_mask(&mask, "KEY<<END", 8, &arena));
    CHECK_STR(hook_output_mask(&mask, "END\0", 4, &arena), "********");
    CHECK_STR(hook_output_mask(&mask, "secret", 6, &arena), "********");
    CHECK(!hook_output_mask(&mask, "END", 3, &arena));
    CHECK_STR(hook_output_mask(&mask, "A=\0secret", 9, &arena), "A=********");
    arena_deinit(&arena);
}
