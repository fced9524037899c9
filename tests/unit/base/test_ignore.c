/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ignore.h"
#include "harness/test.h"

static Ignore *parse(const char *text, Ignore *outer, const char *dir) {
    IgnoreFrom from = {.outer = outer, .dir = dir};
    return ignore_parse(text, strlen(text), &from);
}

static bool ignored(const char *rules, const char *path, bool is_dir) {
    Ignore *ignore = parse(rules, NULL, "");
    bool is = ignore_look(ignore, path, is_dir) == IGNORED;
    ignore_free(ignore);
    return is;
}

TEST(ignore_reads_rules_as_git_does)
{
    static const struct {
        const char *rules, *path;
        bool is_dir, ignored;
    } table[] = {
        {"*.log", "a.log", false, true},
        {"*.log", "deep/down/a.log", false, true},
        {"/a.log", "a.log", false, true},
        {"/a.log", "deep/a.log", false, false},
        {"build/", "build", true, true},
        {"build/", "build", false, false},
        {"build/", "x/build", true, true},
        {"doc/*.txt", "doc/a.txt", false, true},
        {"doc/*.txt", "doc/x/a.txt", false, false},
        {"doc/*.txt", "x/doc/a.txt", false, false},
        {"**/foo", "foo", false, true},
        {"**/foo", "a/b/foo", false, true},
        {"**/foo/bar", "a/foo/bar", false, true},
        {"abc/**", "abc/x/y", false, true},
        {"abc/**", "abc", true, false},
        {"a/**/b", "a/b", false, true},
        {"a/**/b", "a/x/y/b", false, true},
        {"# comment\n\n  \nx", "x", false, true},
        {"\\#x", "#x", false, true},
        {"\\!x", "!x", false, true},
        {"x  ", "x", false, true},
        {"x\\ ", "x ", false, true},
        {"x\r\n", "x", false, true},
        {"*\n!keep", "keep", false, false},
        {"!keep\n*", "keep", false, true},
        {"[ab].c", "a.c", false, true},
        {"[ab].c", "c.c", false, false},
        {"foo?", "foob", false, true},
        {"\xef\xbb\xbfx", "x", false, true},
        {"/", "x", false, false},
        {"{a,b}", "a", false, false}, /* git knows no braces */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (ignored(table[i].rules, table[i].path, table[i].is_dir) != table[i].ignored)
            test_fail(__FILE__, __LINE__, "\"%s\": %s is wrong", table[i].rules, table[i].path);
}

TEST(ignore_lets_the_innermost_file_decide)
{
    Ignore *root = parse("*.gen\n/only", NULL, "");
    Ignore *sub = parse("!keep.gen\n/here", root, "sub");
    CHECK_EQ(ignore_look(sub, "sub/a.gen", false), IGNORED);
    CHECK_EQ(ignore_look(sub, "sub/keep.gen", false), IGNORED_KEPT);
    CHECK_EQ(ignore_look(sub, "sub/here", false), IGNORED);
    CHECK_EQ(ignore_look(sub, "here", false), IGNORED_NO_RULE);
    CHECK_EQ(ignore_look(sub, "only", false), IGNORED);
    CHECK_EQ(ignore_look(sub, "sub/only", false), IGNORED_NO_RULE);
    IgnoreAt above = {.ignore = NULL}, at = {.outer = &above, .ignore = sub};
    CHECK(ignore_says(&at, "sub/a.gen", false));
    CHECK(!ignore_says(&at, "sub/keep.gen", false));
    CHECK(!ignore_says(&above, "a.gen", false));
    ignore_free(sub);
}

TEST(ignore_knows_files_above_the_root)
{
    const char *text = "/apps/web/dist\n/dist\n*.o";
    IgnoreFrom from = {.dir = "", .above = "apps/web"};
    Ignore *ignore = ignore_parse(text, strlen(text), &from);
    CHECK_EQ(ignore_look(ignore, "dist", true), IGNORED);
    CHECK_EQ(ignore_look(ignore, "x.o", false), IGNORED);
    CHECK_EQ(ignore_look(ignore, "src", true), IGNORED_NO_RULE);
    ignore_free(ignore);
}

TEST(ignore_knows_what_editors_leave)
{
    static const char *const droppings[] = {".a.c.swp",      ".a.c.swx", ".a.c.swo",   "a.c~",
                                            "#a.c#",         ".#a.c",    "4913",       "flymake_x",
                                            "a___jb_tmp___", ".idea",    ".a.kate-swp"};
    static const char *const files[] = {"a.c",   "a.swp", "swp",    "#a", "a#",
                                        "49130", ".env",  ".swift", "~a"};
    for (size_t i = 0; i < sizeof(droppings) / sizeof(droppings[0]); i++)
        if (!ignore_dropping(droppings[i]))
            test_fail(__FILE__, __LINE__, "%s is one", droppings[i]);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (ignore_dropping(files[i]) || ignore_always(files[i]))
            test_fail(__FILE__, __LINE__, "%s is none", files[i]);
    CHECK(ignore_always(".git"));
    CHECK(ignore_always(".thole"));
}
