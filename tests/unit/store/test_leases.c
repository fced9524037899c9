/* SPDX-License-Identifier: Apache-2.0 */
/* Port leases in each store. */
#include "base/limits.h"
#include "base/xalloc.h"
#include "stores.h"

static Arena arena;
static Err err;

static Lease lease_of(const char *file, const char *service, int64_t port) {
    return (Lease){.owner = {.file = file, .session = "", .slug = file + 1},
                   .service = service,
                   .name = "",
                   .port = port,
                   .automatic = true};
}

static int lease_one(Store *store, const char *file, const char *service, int64_t port) {
    Lease one = lease_of(file, service, port);
    return store_lease(store, &(Leases){&one, 1}, &err);
}

static Leases all(Store *store) {
    Leases leases = {0};
    if (store_leases(store, &arena, &leases, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return leases;
}

EACH_STORE(two_never_hold_the_same_port, 30) {
    Lease both[] = {lease_of("/b", "api", 20005), lease_of("/b", "web", 20000)};
    CHECK_EQ(lease_one(store, "/a", "api", 20000), 0);
    CHECK_EQ(store_lease(store, &(Leases){both, 2}, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "port 20000");
    CHECK_EQ(all(store).n, 1); /* of the second nothing was kept */
    CHECK_EQ(store_release(store, &(LeaseOwner){"/a", "", ""}, &err), 0);
    CHECK_EQ(store_lease(store, &(Leases){both, 2}, &err), 0);
    Leases found = all(store);
    ASSERT(found.n == 3);
    CHECK(!found.at[0].held && found.at[1].held && found.at[2].held);
}

EACH_STORE(what_is_not_leased_again_is_remembered_until_it_is_forgotten, 30) {
    Lease two[] = {lease_of("/a", "api", 20001), lease_of("/a", "web", 20002)};
    CHECK_EQ(store_lease(store, &(Leases){two, 2}, &err), 0);
    CHECK_EQ(store_lease(store, &(Leases){two, 1}, &err), 0);
    Leases found = all(store);
    ASSERT(found.n == 2);
    CHECK(found.at[0].held && !found.at[1].held);
    CHECK_EQ(store_forget(store, &(LeaseOwner){"/a", "other", ""}, &err), 0);
    CHECK_EQ(all(store).n, 2);
    CHECK_EQ(store_forget(store, &(LeaseOwner){"/a", "", ""}, &err), 0);
    CHECK_EQ(all(store).n, 0);
}

EACH_STORE(the_oldest_are_forgotten, 120) {
    enum { MANY = MAX_LEASES_REMEMBERED + 20 };
    Lease *many = xcalloc(MANY, sizeof(*many));
    for (int i = 0; i < MANY; i++)
        many[i] = lease_of("/a", arena_printf(&arena, "s%d", i), 20000 + i);
    CHECK_EQ(store_lease(store, &(Leases){many, MANY}, &err), 0);
    CHECK_EQ(store_release(store, &many[0].owner, &err), 0);
    CHECK_EQ(lease_one(store, "/b", "api", 20000), 0);
    CHECK(all(store).n <= MAX_LEASES_REMEMBERED + 1);
    free(many);
}
