/* SPDX-License-Identifier: Apache-2.0 */
/* Which file THOLE_STORE means. */
#include "base/attr.h"
#include "harness/test.h"
#include "environments.h"
#include "store/sqlite/sqlite.h"

static void check_refused(const char *name, const char *sentence) {
    CHECK(!store_file(name, "/state", &err));
    CHECK_EQ(err.kind, ERR_INVALID);
    CHECK_HAS(err.msg, "THOLE_STORE");
    CHECK_HAS(err.msg, sentence);
}

TEST(the_store_is_in_the_state_directory_unless_it_is_named)
{
    AUTO_FREE char *unset = store_file(NULL, "/state", NULL), *empty = store_file("", "/s", NULL),
                   *named = store_file("/srv/shared.db", "/state", NULL);
    CHECK_STR(unset, "/state/thole.db");
    CHECK_STR(empty, "/s/thole.db");
    CHECK_STR(named, "/srv/shared.db");
}

TEST(what_names_no_file_is_refused)
{
    check_refused("postgres://me@db/thole", "comes later");
    check_refused("postgresql:///thole", "comes later");
    check_refused("shared.db", "shared.db is not an absolute path");
}

/* Environments of two servers are in one file, and the leases of each in its own. */
TEST(servers_share_environments_and_no_leases)
{
    const char *shared = arena_printf(&arena, "%s/shared.db", test_dir());
    Store *servers[2];
    for (int i = 0; i < 2; i++) {
        SqliteFiles files = {arena_printf(&arena, "%s/%d.db", test_dir(), i), shared};
        Lease lease = {.owner = {"/a", "", "a"}, .service = "api", .name = "", .port = 20000};
        servers[i] = sqlite_store_new(&files, 1000);
        CHECK_EQ(store_lease(servers[i], &(Leases){&lease, 1}, &err), 0);
    }
    CHECK_EQ(make(servers[0], "a"), 1);
    CHECK_EQ(make(servers[1], "a"), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_EQ(got(servers[1], "a").version, 1);
    store_free(servers[0]);
    store_free(servers[1]);
}
