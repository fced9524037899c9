/* SPDX-License-Identifier: Apache-2.0 */
/* What an environment may be called, and what is made of it. */
#include "spec/environment_name.h"

#include <string.h>

#include "base/attr.h"
#include "harness/test.h"

static void refuses(const char *name, const char *why) {
    Err err = {.kind = ERR_NONE};
    if (environment_name_check(name, &err) == 0)
        test_fail(__FILE__, __LINE__, "accepted: %s", name);
    CHECK_EQ(err.kind, ERR_INVALID);
    CHECK_HAS(err.msg, "the name of an environment ");
    CHECK_HAS(err.msg, why);
    for (const char *p = err.msg; *p; p++)
        CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
}

TEST(names_of_environments_may_be_those_of_branches)
{
    static const char *const good[] = {"a",
                                       "feat-auth",
                                       "feat/my-feature",
                                       "release/v1.2.3",
                                       "caf\xc3\xa9",
                                       "Prod",
                                       "pr_1",
                                       "a@b",
                                       "50%",
                                       "a,b=c+d",
                                       "\xe6\x97\xa5\xe6\x9c\xac",
                                       "a/b/c"};
    Err err;
    for (size_t i = 0; i < COUNT(good); i++)
        if (environment_name_check(good[i], &err) < 0)
            test_fail(__FILE__, __LINE__, "%s", err.msg);
    char longest[ENVIRONMENT_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refuses(longest, "longer than 100 bytes; this has 101");
    longest[ENVIRONMENT_NAME_MAX] = '\0';
    CHECK(environment_name_check(longest, &err) == 0);
}

TEST(names_of_environments_are_refused_where_they_could_do_harm)
{
    static const struct {
        const char *name, *why;
    } bad[] = {
        {"", "empty"},
        {"-rf", "begin with"},
        {".git", "begin with"},
        {"/etc", "begin with"},
        {"a/", "end with"},
        {"a.", "end with"},
        {"a.lock", "end with"},
        {"a//b", "part between slashes"},
        {"a/../b", "part between slashes"},
        {"a/./b", "part between slashes"},
        {"a/..", "end with"},
        {"../../x", "begin with"},
        {"a b", "blanks"},
        {"a\tb", "blanks"},
        {"a\nb", "blanks"},
        {"a\xc2\xa0"
         "b",
         "blanks"},
        {"a\xe2\x80\xa8"
         "b",
         "blanks"},
        {"a\x1b[31m", "nobody sees"},
        {"a\x7f", "nobody sees"},
        {"a\xc2\x9b", "nobody sees"},
        {"a\xe2\x80\x8b"
         "b",
         "nobody sees"},
        {"a\xe2\x80\xae"
         "b",
         "nobody sees"},
        {"\xef\xbb\xbf"
         "a",
         "nobody sees"},
        {"a\xff", "UTF-8"},
        {"a\xc0\xaf"
         "b",
         "UTF-8"},
        {"x;touch${IFS}pwned", "contain ;"},
        {"'; DROP TABLE environments; --", "blanks"},
        {"a'b", "contain '"},
        {"a\"b", "contain \""},
        {"a\\b", "contain \\"},
        {"$(id)", "contain $"},
        {"`id`", "contain `"},
        {"a|b", "contain |"},
        {"a>b", "contain >"},
        {"a*", "contain *"},
        {"a?", "contain ?"},
        {"a[b", "contain ["},
        {"a{b}", "contain {"},
        {"a!b", "contain !"},
        {"a#b", "contain #"},
        {"~a", "contain ~"},
        {"a^b", "contain ^"},
        {"a:b", "contain :"},
        {"a&b", "contain &"},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        refuses(bad[i].name, bad[i].why);
}

typedef struct Row {
    const char *name, *want;
} Row;

TEST(slugs_of_environments_are_directories_and_labels)
{
    static const Row rows[] = {
        {"feat-auth", "feat-auth"},
        {"a", "a"},
        {"feat/a", "feat-a-d54ad7"},
        {"feat_a", "feat-a-a40a70"},
        {"feat--a", "feat-a-6ebc1f"},
        {"Prod", "prod-5f5635"},
        {"feat-a-d54ad7", "feat-a-d54ad7-e2c578"}, /* or it were that of feat/a */
        {"\xe6\x97\xa5", "env-85217f"},
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(environment_slug(rows[i].name, &arena), rows[i].want);
    char name[ENVIRONMENT_NAME_MAX + 1] = "";
    memset(name, 'a', ENVIRONMENT_NAME_MAX);
    const char *slug = environment_slug(name, &arena);
    CHECK_EQ(strlen(slug), 40 + 1 + 6);
    name[ENVIRONMENT_NAME_MAX - 1] = 'b'; /* the hash is of all of it */
    CHECK(strcmp(slug, environment_slug(name, &arena)) != 0);
    memset(name, 'a', 39);
    memcpy(name + 39, "//b", 4);
    CHECK(!strstr(environment_slug(name, &arena), "--"));
    arena_deinit(&arena);
}

TEST(sanitized_names_are_those_of_previewctl)
{
    static const Row rows[] = {{"Feat/My Feature", "feat_my_feature"},
                               {"\xc3\xa9", "__"},
                               {"a-b_c.9", "a-b_c_9"},
                               {"", ""}};
    static const struct {
        const char *project, *name, *want;
    } projects[] = {
        {"shop", "feat-a", "shop-feat-a"},
        {"My Shop", "pr_1", "my_shop-pr_1"},
        {"shop", "feat/a", "shop-feat_a-d54ad7"},
        {"shop", "feat_a", "shop-feat_a"},
        {".shop", "a", "shop-a"},
        {"\xc3\xa9", "\xe6\x97\xa5", "env-85217f"},
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(environment_sanitize(rows[i].name, &arena), rows[i].want);
    for (size_t i = 0; i < COUNT(projects); i++)
        CHECK_STR(environment_compose_project(projects[i].project, projects[i].name, &arena),
                  projects[i].want);
    arena_deinit(&arena);
}

TEST(names_of_services_become_names_of_variables)
{
    static const Row rows[] = {
        {"web-app", "WEB_APP"}, {"a.b", "A_B"}, {"X9_y", "X9_Y"}, {"\xc3\xa9", "__"}};
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(environment_variable(rows[i].name, &arena), rows[i].want);
    arena_deinit(&arena);
}
