/* SPDX-License-Identifier: Apache-2.0 */
/* Who may work on an environment, in each store. */
#include "environments.h"
#include "stores.h"

static EnvironmentLease taken(Store *store, const char *name, const char *holder) {
    EnvironmentLease lease = lease_of(name, holder), mine = {0};
    if (store_environment_lease(store, &lease, &arena, &mine, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return mine;
}

static int write_under(Store *store, int64_t version, int64_t token) {
    EnvironmentEntry entry = entry_of("a");
    StrPair by = {"BY", arena_printf(&arena, "%lld", (long long)token)};
    EnvironmentWrite write = {.key = key_of("a"),
                              .version = version,
                              .token = token,
                              .entry = &entry,
                              .values = &(StrMap){&by, 1}};
    return store_environment_write(store, &write, NULL, &err);
}

/* Key-values are fenced, too. */
static const char *written_by(Store *store) {
    StoredEnvironment found = got(store, "a");
    return strmap_get(&found.entry.values, "BY");
}

EACH_STORE(a_lease_keeps_others_out, 30) {
    EnvironmentLease mine = taken(store, "a", "one"), lease = lease_of("a", "two"), his;
    CHECK_STR(mine.key.name, "a");
    CHECK_STR(mine.server, "one");
    CHECK(mine.token > 0);
    CHECK_EQ(mine.expires_ms, clock_ms + ENVIRONMENT_LEASE_MS);
    CHECK_EQ(store_environment_lease(store, &lease, &arena, &his, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_STR(err.msg, "environment 'a': box:/state is at work on it (create)");
    CHECK_STR(his.server, "one");
    CHECK_STR(his.doing, "create");
    CHECK_EQ(his.token, mine.token);
    CHECK_EQ(his.expires_ms, mine.expires_ms);
    CHECK(taken(store, "b", "two").token > mine.token);
    CHECK_EQ(store_environment_release(store, &mine, &err), 0);
    CHECK(taken(store, "a", "two").token > mine.token);
}

EACH_STORE(the_same_holder_takes_it_again_at_once, 30) {
    EnvironmentLease first = taken(store, "a", "one"), again = taken(store, "a", "one");
    CHECK(again.token > first.token);
    CHECK_EQ(write_under(store, 0, first.token), -1); /* what was begun before is fenced off */
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_EQ(write_under(store, 0, again.token), 0);
}

EACH_STORE(an_expired_lease_is_taken_over, 30) {
    EnvironmentLease old = taken(store, "a", "one"), his, lease = lease_of("a", "two");
    CHECK_EQ(write_under(store, 0, old.token), 0);
    clock_ms += ENVIRONMENT_LEASE_MS - 1;
    CHECK_EQ(store_environment_lease(store, &lease, &arena, &his, &err), -1);
    clock_ms++;
    CHECK_EQ(write_under(store, 1, old.token), 0); /* nobody else was at work meanwhile */
    EnvironmentLease now = taken(store, "a", "two");
    CHECK(now.token > old.token);
    CHECK_EQ(write_under(store, 2, old.token), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_STR(err.msg,
              "environment 'a': its lease is over, and box:/state is at work on it now (create)");
    CHECK_EQ(store_environment_remove(store, key_of("a"), old.token, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_EQ(store_environment_renew(store, &old, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_EQ(store_environment_release(store, &old, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    uint32_t block;
    PortBlockClaim claim = {key_of("a"), 5, 40, .token = old.token};
    CHECK_EQ(store_port_block(store, &claim, &block, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_EQ(got(store, "a").version, 2);
    CHECK_STR(written_by(store), arena_printf(&arena, "%lld", (long long)old.token));
    claim.token = now.token;
    CHECK_EQ(store_port_block(store, &claim, &block, &err), 0);
    CHECK_EQ(write_under(store, 2, now.token), 0);
    CHECK_STR(written_by(store), arena_printf(&arena, "%lld", (long long)now.token));
    CHECK_EQ(store_environment_remove(store, key_of("a"), now.token, &err), 0);
}

EACH_STORE(a_renewed_lease_goes_on, 30) {
    EnvironmentLease mine = taken(store, "a", "one"), lease = lease_of("a", "two"), his;
    clock_ms += ENVIRONMENT_LEASE_MS; /* late, but nobody has taken it */
    CHECK_EQ(store_environment_renew(store, &mine, &err), 0);
    clock_ms += ENVIRONMENT_LEASE_MS - 1;
    CHECK_EQ(store_environment_lease(store, &lease, &arena, &his, &err), -1);
    CHECK_EQ(write_under(store, 0, mine.token), 0);
}

EACH_STORE(a_released_lease_is_nobodys, 30) {
    EnvironmentLease mine = taken(store, "a", "one");
    CHECK_EQ(store_environment_release(store, &mine, &err), 0);
    CHECK_EQ(store_environment_release(store, &mine, &err), 0); /* asked twice */
    CHECK_EQ(write_under(store, 0, mine.token), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_STR(err.msg, "environment 'a': its lease is over");
    CHECK_EQ(store_environment_renew(store, &mine, &err), -1);
    CHECK_EQ(write_under(store, 0, 0), 0); /* who needs no lease needs none */
}

EACH_STORE(a_clock_that_is_set_back_locks_nobody_out, 30) {
    EnvironmentLease old = taken(store, "a", "one");
    clock_ms -= 10 * ENVIRONMENT_LEASE_MS;
    CHECK(taken(store, "a", "two").token > old.token);
}

/* A removed one goes on being worked on: its next maker waits. */
EACH_STORE(a_lease_outlives_its_environment, 30) {
    EnvironmentLease mine = taken(store, "a", "one"), lease = lease_of("a", "two"), his;
    CHECK_EQ(write_under(store, 0, mine.token), 0);
    CHECK_EQ(store_environment_remove(store, key_of("a"), mine.token, &err), 0);
    CHECK_EQ(store_environment_lease(store, &lease, &arena, &his, &err), -1);
    CHECK_EQ(store_environment_release(store, &mine, &err), 0);
}
