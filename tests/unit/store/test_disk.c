/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that takes nothing any more: it is said, nothing is half done, and all is well again once
 * it does. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environments.h"
#include "store/sqlite/sqlite.h"
#include "stores.h"

/* No file may grow beyond it; 0: as far as it will. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static int write_full(Store *store, const char *name) {
    EnvironmentEntry entry = full_entry(name);
    Checkpoint steps[] = {step_of("create", CHECKPOINT_STARTED), step_of("x", CHECKPOINT_FAILED)};
    AuditEntry audit[] = {audit_of("created", "1"), audit_of("started", "2")};
    EnvironmentWrite write = {.key = key_of(name),
                              .entry = &entry,
                              .steps = steps,
                              .step_n = 2,
                              .audit = audit,
                              .audit_n = 2};
    return store_environment_write(store, &write, NULL, &err);
}

/* Wherever in a write the space ends. */
TEST_TIMEOUT(a_disk_that_is_full_at_any_place, 120) {
    Store *store = sqlite_here();
    int refused = 0;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(make(store, "first"), 1);
    for (int i = 0; i < 150; i++) {
        const char *name = arena_printf(&arena, "e%d", i);
        StoredEnvironment found;
        limit_files(1 + (rlim_t)i * 4096 % (1 << 19));
        int r = write_full(store, name);
        limit_files(0);
        if (r < 0) {
            refused++;
            CHECK_EQ(err.kind, ERR_UNAVAILABLE);
            CHECK_HAS(err.msg, sqlite_here_path());
            EnvironmentRead read = {.key = key_of(name)};
            CHECK_EQ(store_environment(store, &read, &arena, &found, &err), -1);
            CHECK_EQ(err.kind, ERR_NOT_FOUND);
            CHECK_EQ(write_full(store, name), 0);
        }
        found = got(store, name);
        CHECK(found.entry.steps.n == 2 && found.entry.audit.n == 2 && found.version == 1);
        CHECK_EQ(listed(store, 0).n, (size_t)i + 2);
    }
    CHECK(refused > 10 && refused < 140);
    store_free(store);
}

static void become(uid_t uid) {
    if (getuid() == 0)
        ASSERT(seteuid(uid) == 0);
}

/* As somebody to whom permissions mean something. */
static void set_modes(mode_t dir, mode_t file) {
    become(0);
    ASSERT(chmod(test_dir(), dir) == 0);
    ASSERT(chmod(sqlite_here_path(), file) == 0);
    become(65534);
}

TEST(one_that_must_not_be_written)
{
    Store *store = sqlite_here();
    CHECK_EQ(make(store, "a"), 1);
    store_free(store);
    set_modes(0555, 0444);
    store = sqlite_here();
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(make(store, "b"), -1);
        CHECK_EQ(err.kind, ERR_UNAVAILABLE);
        CHECK_HAS(err.msg, sqlite_here_path());
        CHECK_HAS(err.msg, "read-only");
    }
    set_modes(0777, 0666);
    CHECK_EQ(make(store, "b"), 1); /* the same store, without being opened by anybody */
    CHECK_EQ(listed(store, 0).n, 2);
    store_free(store);
    become(0);
}

TEST(a_place_where_nothing_can_be_made)
{
    Store *store = sqlite_store_new(&(SqliteFiles){"/proc/thole.db", NULL}, 100);
    StoredEnvironments list;
    CHECK_EQ(make(store, "a"), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "/proc/thole.db");
    CHECK_EQ(store_environments(store, 0, &arena, &list, &err), 0); /* there is none */
    CHECK_EQ(list.n, 0);
    store_free(store);
}
