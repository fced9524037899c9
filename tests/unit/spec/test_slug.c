/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "spec/config.h"

TEST(slug_of_the_worked_rows)
{
    static const struct {
        const char *name, *file, *slug;
    } rows[] = {
        {"TheOven", "/Users/x/code/theoven/devrig.toml", "theoven-9adfd0"},
        {"My_App 2.0!", "/srv/My_App/devrig.toml", "my-app-2-0-f181df"},
        {"---", "/a/devrig.toml", "devrig-7d8238"},
        {"a-very-long-project-name-indeed", "/b/devrig.toml", "a-very-long-project-name-d19771"},
        {"aaaaaaaaaaaaaaaaaaaaaaa-bbb", "/b/devrig.toml", "aaaaaaaaaaaaaaaaaaaaaaa-d19771"},
        {"\xc3\xa9t\xc3\xa9", "/b/devrig.toml", "t-d19771"},
        {"", "/b/devrig.toml", "devrig-d19771"},
        {"a--b__c", "/b/devrig.toml", "a-b-c-d19771"},
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(config_slug(rows[i].name, rows[i].file, &arena), rows[i].slug);
    arena_deinit(&arena);
}
