/* SPDX-License-Identifier: Apache-2.0 */
/* Which file THOLE_STORE means. */
#include "base/attr.h"
#include "harness/test.h"
#include "store/store.h"

static void check_refused(const char *name, const char *sentence) {
    Err err = {0};
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
