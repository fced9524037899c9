/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"
#include "base/xalloc.h"
#include "harness/test.h"

static bool matches(const char *glob, const char *path) {
    Err err;
    GlobSet *set = glob_set_new(&glob, 1, &err);
    ASSERT(set);
    bool match = glob_set_match(set, path);
    glob_set_free(set);
    return match;
}

static bool enters(const char *glob, const char *dir) {
    Err err;
    GlobSet *set = glob_set_new(&glob, 1, &err);
    ASSERT(set);
    bool enters = glob_set_enters(set, dir);
    glob_set_free(set);
    return enters;
}

TEST(glob_matches_by_the_table)
{
    static const struct {
        const char *glob, *path;
        bool match;
    } table[] = {
        {"src", "src", true},
        {"src", "src/app.js", true},
        {"src/", "src/a/b/c", true},
        {"./src//a/", "src/a/x", true},
        {"src", "srcs", false},
        {"src", "lib/src", false},
        {".", "anything/at/all", true},
        {"*.js", "app.js", true},
        {"*.js", "src/app.js", false},
        {"*.js", "lib.js/inside", true},
        {"**/*.js", "app.js", true},
        {"**/*.js", "a/b/app.js", true},
        {"**/*.js", "a/b/app.ts", false},
        {"**", "x", true},
        {"**", "x/y", true},
        {"src/**", "src/x", true},
        {"src/**", "src/x/y", true},
        {"src/**", "src", false},
        {"src/**/test", "src/test", true},
        {"src/**/test", "src/a/b/test", true},
        {"src/**/test", "src/a/b/test/x", true},
        {"src/**/test", "src/a/tests", false},
        {"**/a/**/b/**/c", "a/x/b/y/b/z/c", true},
        {"**/a/**/b/**/c", "a/x/c/y/b/z", false},
        {"a/*/c", "a/b/c", true},
        {"a/*/c", "a/b/b/c", false},
        {"a/*/c", "a/c", false},
        {"a?c", "abc", true},
        {"a?c", "a/c", false},
        {"a?c",
         "a\xc3\xa4"
         "c",
         true},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[^a-c]x", "dx", true},
        {"[]x]", "]", true},
        {"[a\\]]", "]", true},
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa4", true},
        {"[a-]", "-", true},
        {"*", ".hidden", true},
        {"{a,b}.js", "a.js", true},
        {"{a,b}.js", "c.js", false},
        {"src/{a,b/c}/*.{js,ts}", "src/b/c/x.ts", true},
        {"src/{a,b/c}/*.{js,ts}", "src/b/x.ts", false},
        {"{a,{b,c}d}", "cd", true},
        {"{a,}b", "b", true},
        {"a\\{b", "a{b", true},
        {"\\*", "*", true},
        {"\\*", "x", false},
        {"a\\,b", "a,b", true},
        {"***", "ab", true},
        {"a**b", "axxb", true},
        {"a**b", "a/b", false},
        {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"**/*a/**/*a/**/*b", "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (matches(table[i].glob, table[i].path) != table[i].match)
            test_fail(__FILE__, __LINE__, "%s %s %s", table[i].glob,
                      table[i].match ? "does not match" : "matches", table[i].path);
}

TEST(glob_enters_only_where_something_can_match)
{
    CHECK(enters("src/*.js", ""));
    CHECK(enters("src/*.js", "src"));
    CHECK(!enters("src/*.js", "lib"));
    CHECK(!enters("src/a/*.js", "src/b"));
    CHECK(enters("src/a/*.js", "src/a"));
    CHECK(enters("src/*.js",
                 "src/x.js/deeper")); /* a directory of that name is meant with all in it */
    CHECK(enters("**/x", "any/where"));
    CHECK(enters("src/**/x", "src/any"));
    CHECK(!enters("src/**/x", "lib"));
    CHECK(enters(".", "any"));
}

TEST(glob_takes_away_wherever_it_stands)
{
    Err err;
    const char *globs[] = {"!**/node_modules", "web", "!web/*.md", "api/*.go"};
    GlobSet *set = glob_set_new(globs, 4, &err);
    ASSERT(set);
    CHECK(glob_set_match(set, "web/src/a"));
    CHECK(!glob_set_match(set, "web/README.md"));
    CHECK(!glob_set_match(set, "web/node_modules/x/y.js"));
    CHECK(!glob_set_enters(set, "web/node_modules"));
    CHECK(glob_set_enters(set, "web/src"));
    CHECK(glob_set_names(set, "api"));
    CHECK(!glob_set_names(set, "ap"));
    CHECK(glob_set_names(set, ""));
    glob_set_free(set);
}

TEST(glob_base_is_what_has_no_wildcard)
{
    static const char *const table[][2] = {
        {"src/a/*.js", "src/a"}, {"src/a.js", "src/a.js"}, {"**", ""}, {".", ""},
        {"s\\*c/x", "s*c/x"},    {"a/b[c]/d", "a"}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        Err err;
        GlobSet *set = glob_set_new(&table[i][0], 1, &err);
        ASSERT(set);
        AUTO_FREE char *below = xasprintf("%s/x", table[i][1]);
        CHECK(glob_set_names(set, table[i][1]));
        CHECK(!glob_set_names(set, below + !*table[i][1]));
        glob_set_free(set);
    }
}

TEST(glob_says_why_it_is_none)
{
    static const char *const table[][2] = {
        {"", "empty"},
        {"!", "empty"},
        {"/etc/*", "absolute"},
        {"{a,/etc}", "absolute"},
        {"../x", "out of the project"},
        {"a/../../x", "out of the project"},
        {"a[b", "a [ is not closed"},
        {"a[b/]", "a [ is not closed"},
        {"{a,b", "a { is not closed"},
        {"a\\", "nothing follows"},
        {"{1,2,3,4,5,6,7,8}{1,2,3,4,5,6,7,8}{1,2,3,4,5,6,7,8}", "more than 256"},
        {"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{", "more than 32 braces"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        Err err = {0};
        CHECK_EQ(glob_check(table[i][0], &err), -1);
        CHECK_HAS(err.msg, table[i][1]);
    }
    Err err;
    const char *globs[] = {"fine", "[x"};
    CHECK(!glob_set_new(globs, 2, &err));
    CHECK_HAS(err.msg, "\"[x\"");
}
