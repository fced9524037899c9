/* SPDX-License-Identifier: Apache-2.0 */
/* Which ignored files go along into a new worktree. */
#include "spec/worktree_include.h"

#include <string.h>

#include "base/attr.h"
#include "harness/test.h"

typedef struct Row {
    const char *text, *path;
    bool matches;
} Row;

TEST(worktrees_get_the_ignored_files_that_are_asked_for)
{
    static const Row rows[] = {
        {".env*\n", ".env", true},
        {".env*\n", "web/.env.local", true},
        {".env*\n", "web/env", false},
        {".env*\r\n!.env.production\r\n", ".env.production", false},
        {"!.env.production\n.env*\n", ".env.production", true},
        {"/config/local/", "config/local/a/b.json", true},
        {"/config/local/", "config/local/", true},
        {"/config/local/", "config/local", false}, /* a file */
        {"/config/local/", "web/config/local/a", false},
        {"node_modules", "web/node_modules/x/y.js", true},
        {"node_modules\n!node_modules/x/y.js", "node_modules/x/y.js", true},
        {"a/*\n!a/b", "a/b", false},
        {"a/*\n!a/b", "a/c", true},
        {"**/secret.json", "x/y/secret.json", true},
        {"\xef\xbb\xbf.env", ".env", true},
        {"# comment\n\n  \n", "# comment", false},
        {"\\#x", "#x", true},
        {"a b", "a b", true},
        {"", "a", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        WorktreeInclude *include = worktree_include_parse(rows[i].text, strlen(rows[i].text));
        if (worktree_include_matches(include, rows[i].path) != rows[i].matches)
            test_fail(__FILE__, __LINE__, "%s: %s %s", rows[i].text, rows[i].path,
                      rows[i].matches ? "is left" : "goes along");
        worktree_include_free(include);
    }
}

TEST(worktrees_get_nothing_of_git_and_nothing_from_outside)
{
    static const char *const paths[] = {
        ".git/config", "sub/.git",    "sub/.git/", ".thole/x", "",     "../x",
        "a/../../x",   "/etc/passwd", "a//b",      "./a",      "a/..", "/"};
    WorktreeInclude *include = worktree_include_parse("*\n", 2);
    for (size_t i = 0; i < COUNT(paths); i++)
        if (worktree_include_matches(include, paths[i]))
            test_fail(__FILE__, __LINE__, "%s goes along", paths[i]);
    CHECK(worktree_include_matches(include, "a"));
    CHECK(worktree_include_matches(include, "..a/.github/b.."));
    worktree_include_free(include);
    CHECK(!worktree_include_free(NULL));
}

TEST(what_is_linked_is_said_with_the_pattern)
{
    static const char text[] = ".env*\nlink:node_modules\nlink:/cache/\n!cache/own\n";
    WorktreeInclude *include = worktree_include_parse(text, strlen(text));
    CHECK(worktree_include_matches(include, "node_modules/"));
    CHECK(worktree_include_links(include, "node_modules/"));
    CHECK(worktree_include_matches(include, "web/node_modules/x"));
    CHECK(worktree_include_matches(include, "cache/"));
    CHECK(worktree_include_links(include, "cache/"));
    CHECK(worktree_include_matches(include, ".env"));
    CHECK(!worktree_include_links(include, ".env"));
    CHECK(!worktree_include_links(include, "elsewhere"));
    worktree_include_free(include);
}

TEST(what_is_asked_for_by_name_is_a_path_below_the_root)
{
    static const char *const bad[] = {"",    "link:", "/etc/passwd", "../x",      "a/../b",    ".",
                                      "./a", "a//b",  "link:/etc",   "link:../x", ".git/hooks"};
    bool link;
    CHECK_STR(worktree_include_named(".env", &link), ".env");
    CHECK(!link);
    CHECK_STR(worktree_include_named("link:web/node_modules/", &link), "web/node_modules/");
    CHECK(link);
    CHECK_STR(worktree_include_named("a:b", &link), "a:b");
    CHECK(!link);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (worktree_include_named(bad[i], &link))
            test_fail(__FILE__, __LINE__, "%s goes along", bad[i]);
}

TEST(lines_that_bring_nothing_are_known)
{
    static const char text[] =
        "\xef\xbb\xbf.env*\n# .none\n\n!.env.production\n.envv \r\nlink:cache\n*.log";
    static const struct {
        size_t number;
        const char *text;
    } unused[] = {{5, ".envv"}, {6, "link:cache"}, {7, "*.log"}};
    WorktreeInclude *include = worktree_include_parse(text, strlen(text));
    IncludeLine line;
    size_t at = 0;
    CHECK(!worktree_include_matches(include, ".env.production"));
    for (size_t i = 0; i < COUNT(unused); i++) {
        ASSERT(worktree_include_unused(include, &at, &line));
        CHECK_EQ(line.number, unused[i].number);
        CHECK_STR(line.text, unused[i].text);
    }
    CHECK(worktree_include_line_matches(&line, "web/a.log"));
    CHECK(!worktree_include_line_matches(&line, ".env"));
    CHECK(!worktree_include_unused(include, &at, &line));
    CHECK(worktree_include_matches(include, "cache/"));
    at = 0;
    CHECK(worktree_include_unused(include, &at, &line) && line.number == 5);
    CHECK(worktree_include_unused(include, &at, &line) && line.number == 7);
    worktree_include_free(include);
}
