/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "harness/test.h"
#include "spec/env_file.h"

static Arena arena;
static Report report;
static StrMap env;

static int parse_n(const char *text, size_t size) {
    report_init(&report, &arena);
    env = (StrMap){0};
    return env_file_parse(&(EnvText){".env", text, size}, &arena, &report, &env);
}

static int parse(const char *text) {
    return parse_n(text, strlen(text));
}

TEST(env_file_values_are_literal)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {"A=b", "b"},
        {"A=", ""},
        {"A=''", ""},
        {"export A=b", "b"},
        {"export\tA=b", "b"},
        {"  A = b ", "b"},
        {"A=b # comment", "b"},
        {"A=b#no comment", "b#no comment"},
        {"A= # comment", ""},
        {"A=#x", ""},
        {"A=pa$$word", "pa$$word"},
        {"A=${HOME}", "${HOME}"},
        {"A=\"$HOME\"", "$HOME"},
        {"A='$HOME'", "$HOME"},
        {"A=a=b=c", "a=b=c"},
        {"A=it's", "it's"},
        {"A='a \"b\" \\n'", "a \"b\" \\n"},
        {"A=\"a 'b' \\n\"", "a 'b' \\n"},
        {"A=\"a \\\"b\\\" \\\\ \\$ \\`\"", "a \"b\" \\ $ `"},
        {"A='x' # comment", "x"},
        {"A=\"x # y\"", "x # y"},
        {"A='one\ntwo'", "one\ntwo"},
        {"A=b\r\n", "b"},
        {"\xef\xbb\xbf"
         "A=b",
         "b"},
        {"A=1\nA=2\n", "2"},
        {"exported=1\nA=b", "b"},
        {"A=\xc3\xa9", "\xc3\xa9"},
        {"A=C:\\new", "C:\\new"},
    };
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_EQ(parse(rows[i].text), 0);
        CHECK_STR(strmap_get(&env, "A"), rows[i].value);
    }
    arena_deinit(&arena);
}

TEST(env_files_of_others_are_read_as_they_do)
{
    static const char text[] = "export A=b\nF: yaml\nD\nG :x # no\n1H=1\nQ: \"a: b\"\nA=${F}s\n";
    arena_init(&arena);
    report_init(&report, &arena);
    CHECK_EQ(env_file_parse_expanded(&(EnvText){".env", text, strlen(text)}, &arena, &report, &env),
             0);
    CHECK_EQ(env.n, 4);
    CHECK_STR(strmap_get(&env, "A"), "yamls");
    CHECK_STR(strmap_get(&env, "F"), "yaml");
    CHECK_STR(strmap_get(&env, "G"), "x");
    CHECK_STR(strmap_get(&env, "Q"), "a: b");
    CHECK_EQ(report.warnings, 2);
    CHECK_HAS(report_line(&report.at[0], &arena), ".env:3:1: warning: this line is ignored");
    arena_deinit(&arena);
}

TEST(env_file_skips_what_says_nothing)
{
    arena_init(&arena);
    CHECK_EQ(parse("\n# comment\n   \n\t# indented\nB=1\n\nA=2"), 0);
    CHECK_EQ(env.n, 2);
    CHECK_STR(env.at[0].name, "A");
    CHECK_EQ(parse(""), 0);
    CHECK_EQ(env.n, 0);
    arena_deinit(&arena);
}

TEST(env_file_problems_have_a_line)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"A=1\nB\n", ".env:2:1: expected NAME=value"},
        {"A B=1", ".env:1:1: expected NAME=value"},
        {"=1", ".env:1:1: \"\": not a name for an environment variable: use letters, digits and _, "
               "not beginning with a digit"},
        {"  1A=1",
         ".env:1:3: \"1A\": not a name for an environment variable: use letters, digits and _, not "
         "beginning with a digit"},
        {"A-B=1", ".env:1:1: \"A-B\": not a name"},
        {"A='x\n\n",
         ".env:1:3: the quote is never closed; close it on the line where it shall end"},
        {"A=\"", ".env:1:3: the quote is never closed"},
        {"A='x' y", ".env:1:7: there is more text after the closing quote; quote the whole value"},
        {"A='a\nb'\nC", ".env:3:1: expected NAME=value"},
        {"A=\xff", ".env:1:1: the file is not UTF-8"},
    };
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_EQ(parse(rows[i].text), -1);
        CHECK_HAS(report.n ? report_line(&report.at[0], &arena) : "", rows[i].line);
    }
    CHECK_EQ(parse_n("A=a\0b", 5), -1);
    CHECK_EQ(parse("x\ny\nz=1\nw\n"), -1);
    CHECK_EQ(report.errors, 3);
    arena_deinit(&arena);
}
