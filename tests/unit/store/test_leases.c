/* SPDX-License-Identifier: Apache-2.0 */
/* Port leases in each store. */
#include "base/limits.h"
#include "base/xalloc.h"
#include "port_leases.h"
#include "stores.h"

EACH_STORE(two_never_hold_the_same_port, 30) {
    Lease both[] = {port_lease("/b", "api", 20005), port_lease("/b", "web", 20000)};
    CHECK_EQ(lease_port(store, "/a", "api", 20000), 0);
    CHECK_EQ(store_lease(store, &(Leases){both, 2}, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "port 20000");
    CHECK_EQ(all_leases(store).n, 1); /* of the second nothing was kept */
    CHECK_EQ(store_release(store, &(LeaseOwner){"/a", "", ""}, &err), 0);
    CHECK_EQ(store_lease(store, &(Leases){both, 2}, &err), 0);
    Leases found = all_leases(store);
    ASSERT(found.n == 3);
    CHECK(!found.at[0].held && found.at[1].held && found.at[2].held);
}

EACH_STORE(what_is_not_leased_again_is_remembered_until_it_is_forgotten, 30) {
    Lease two[] = {port_lease("/a", "api", 20001), port_lease("/a", "web", 20002)};
    CHECK_EQ(store_lease(store, &(Leases){two, 2}, &err), 0);
    CHECK_EQ(store_lease(store, &(Leases){two, 1}, &err), 0);
    Leases found = all_leases(store);
    ASSERT(found.n == 2);
    CHECK(found.at[0].held && !found.at[1].held);
    CHECK_EQ(store_forget(store, &(LeaseOwner){"/a", "other", ""}, &err), 0);
    CHECK_EQ(all_leases(store).n, 2);
    CHECK_EQ(store_forget(store, &(LeaseOwner){"/a", "", ""}, &err), 0);
    CHECK_EQ(all_leases(store).n, 0);
}

EACH_STORE(the_oldest_are_forgotten, 120) {
    enum { MANY = MAX_LEASES_REMEMBERED + 20 };
    Lease *many = xcalloc(MANY, sizeof(*many));
    for (int i = 0; i < MANY; i++)
        many[i] = port_lease("/a", arena_printf(&arena, "s%d", i), 20000 + i);
    CHECK_EQ(store_lease(store, &(Leases){many, MANY}, &err), 0);
    CHECK_EQ(store_release(store, &many[0].owner, &err), 0);
    CHECK_EQ(lease_port(store, "/b", "api", 20000), 0);
    CHECK(all_leases(store).n <= MAX_LEASES_REMEMBERED + 1);
    free(many);
}
