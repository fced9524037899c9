/* SPDX-License-Identifier: Apache-2.0 */
/* Files of older releases, as those have written them (tests/golden/store), brought up to date. */
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "environments.h"
#include "store/sqlite/sqlite.h"
#include "stores.h"

static void put_release(int format) {
    AUTO_FREE char *bytes = NULL;
    AUTO_FREE char *path =
        test_source(arena_printf(&arena, "tests/golden/store/release-%d.db", format));
    size_t size;
    ASSERT(file_read(path, 1 << 20, &bytes, &size, &err) == 0);
    ASSERT(file_write(sqlite_here_path(), bytes, size, 0600, &err) == 0);
}

static int64_t format_of_file(void) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    ASSERT(sqlite3_open(sqlite_here_path(), &db) == SQLITE_OK);
    ASSERT(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK);
    ASSERT(sqlite3_step(statement) == SQLITE_ROW);
    int64_t format = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return format;
}

static int lease_one(Store *store, const char *file, int64_t port) {
    Lease one = {.owner = {file, "", file + 1}, .service = "api", .name = "", .port = port};
    return store_lease(store, &(Leases){&one, 1}, &err);
}

static Leases leases(Store *store) {
    Leases all = {0};
    if (store_leases(store, &arena, &all, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return all;
}

/* ---- of each release ---- */

static void check_release_1(Store *store) {
    Leases found = leases(store);
    ASSERT(found.n == 3);
    CHECK_STR(found.at[0].service, "api");
    CHECK(found.at[0].held && found.at[0].automatic);
    CHECK_STR(found.at[1].name, "admin");
    CHECK_STR(found.at[2].owner.session, "two");
    CHECK(!found.at[2].held);
}

static StoredEnvironment of_ada(Store *store, const char *name) {
    EnvironmentRead read = {{"/home/ada/shop/thole.yaml", name}, ENVIRONMENT_ALL_PARTS};
    StoredEnvironment found = {0};
    if (store_environment(store, &read, &arena, &found, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return found;
}

static void check_release_2(Store *store) {
    PortBlocksTaken blocks = {0};
    EnvironmentEntry a = of_ada(store, "feat-a").entry, b = of_ada(store, "feat-b").entry;
    CHECK_EQ(listed(store, 0).n, 2);
    CHECK_EQ(a.status, ENVIRONMENT_RUNNING);
    CHECK_EQ(a.created_ns, INT64_C(1767323045123456789));
    CHECK_EQ(entry_port(&a, "web"), 61234);
    CHECK_STR(strmap_get(entry_outputs(&a, "db"), "URL"), "postgres://x");
    CHECK_STR(strmap_get(&a.values, "TOKEN"), "t0ken");
    CHECK_STR(a.compute->path, "/nowhere/feat-a");
    CHECK_STR(value_get_str(a.compute->unknown, "zone"), "z");
    CHECK_EQ(value_count(value_get(value_get(a.unknown, "later"), "kept")), 2);
    ASSERT(a.steps.n == 1 && a.audit.n == 2 && b.audit.n == 1);
    CHECK_STR(value_get_str(a.steps.at[0].unknown, "mood"), "good");
    CHECK_STR(a.audit.at[1].action, "imported");
    CHECK_STR(a.audit.at[1].user, "ada");
    CHECK(!a.audit.at[1].unknown);
    CHECK_STR(b.failed_step, "seed_db");
    ASSERT(store_port_blocks(store, &arena, &blocks, &err) == 0 && blocks.n == 1);
    CHECK_EQ(blocks.at[0].block, 2);
}

/* What was begun before servers had names is nobody's. */
static void check_release_3(Store *store) {
    ProjectRead read = {.project = "/home/ada/shop/thole.yaml"};
    EnvironmentState project = {0};
    EnvironmentEntry c = of_ada(store, "feat-c").entry;
    CHECK_EQ(listed(store, 0).n, 3);
    ASSERT(c.steps.n == 1 && c.audit.n == 1);
    CHECK_EQ(c.steps.at[0].status, CHECKPOINT_STARTED);
    CHECK_EQ(c.steps.at[0].run, 3);
    CHECK(!c.steps.at[0].server);
    CHECK_EQ(c.steps.at[0].operation, 0);
    CHECK_EQ(value_count(value_get(c.audit.at[0].unknown, "later")), 1);
    ASSERT(store_project(store, &read, &arena, &project, &err) == 0);
    CHECK_STR(value_get_str(project.unknown, "owner"), "ada");
}

/* What it holds is found, and it takes what is new. */
static void check_release(int format, void (*check)(Store *store)) {
    Checkpoint step = step_of("create", CHECKPOINT_COMPLETED);
    AuditEntry audit = audit_of("executed", "later");
    put_release(format);
    CHECK_EQ(format_of_file(), format);
    Store *store = sqlite_here();
    check(store);
    EnvironmentEntry entry = full_entry("new");
    EnvironmentWrite write = {.key = key_of("new"),
                              .entry = &entry,
                              .steps = &step,
                              .step_n = 1,
                              .audit = &audit,
                              .audit_n = 1};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK(value_equal(got(store, "new").entry.audit.at[0].unknown, audit.unknown));
    CHECK_STR(got(store, "new").entry.steps.at[0].server, step.server);
    CHECK_EQ(store_environment_remove(store, key_of("new"), 0, &err), 0);
    store_free(store);
    CHECK_EQ(format_of_file(), STORE_DB_FORMAT);
    store = sqlite_here();
    check(store);
    store_free(store);
}

TEST(one_of_release_1_is_brought_up_to_date)
{ check_release(1, check_release_1); }

TEST(one_of_release_2_is_brought_up_to_date)
{ check_release(2, check_release_2); }

TEST(one_of_release_3_is_brought_up_to_date)
{ check_release(3, check_release_3); }

TEST(what_is_held_in_one_of_release_1_is_held_on)
{
    put_release(1);
    Store *store = sqlite_here();
    CHECK_EQ(lease_one(store, "/a", 20000), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    store_free(store);
}

/* ---- by many ---- */

/* All of them make it, or bring it up to date, or find it done: each then writes its own. */
static void open_by_16(void) {
    enum { MANY = 16 };
    int go[2];
    ASSERT(pipe(go) == 0);
    for (int i = 0; i < MANY; i++) {
        if (fork() != 0)
            continue;
        char c;
        Store *store = sqlite_here();
        close(go[1]);
        (void)!read(go[0], &c, 1); /* all begin when the last is there */
        int r = lease_one(store, arena_printf(&arena, "/many-%d", i), 21000 + i);
        if (r < 0)
            test_fail(__FILE__, __LINE__, "%s", err.msg);
        store_free(store);
        _exit(r < 0);
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0, status; i < MANY; i++)
        CHECK(wait(&status) > 0 && status == 0);
}

static void forget_file(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(suffixes); i++)
        unlink(arena_printf(&arena, "%s%s", sqlite_here_path(), suffixes[i]));
}

TEST_TIMEOUT(the_first_to_open_it_may_be_many, 120) {
    static const size_t held[STORE_DB_FORMAT] = {0, 3, 0, 0}; /* by the release; 0: there is none */
    for (int round = 0; round < 8; round++) {
        int format = round % STORE_DB_FORMAT;
        forget_file();
        if (format)
            put_release(format);
        open_by_16();
        Store *store = sqlite_here();
        CHECK_EQ(leases(store).n, held[format] + 16);
        store_free(store);
        CHECK_EQ(format_of_file(), STORE_DB_FORMAT);
    }
}
