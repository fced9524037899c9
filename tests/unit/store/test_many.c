/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes on one file: nothing of what any of them was told is done gets lost. */
#include <poll.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environments.h"
#include "store/sqlite/sqlite.h"
#include "stores.h"

enum { MANY = 16, UPDATES = 200 };

static Store *store_of_server(void) {
    return sqlite_store_new(&(SqliteFiles){sqlite_here_path(), NULL}, 60 * 1000);
}

typedef void (*Work)(Store *store, int who);

/* Each in a process of its own, with a store of its own. All must end well. */
static void run_many(int n, Work work) {
    (void)test_dir(); /* of all of them, and made here */
    for (int i = 0; i < n; i++) {
        if (fork() != 0)
            continue;
        Store *store = store_of_server();
        work(store, i);
        store_free(store);
        _exit(0);
    }
    for (int i = 0, status; i < n; i++)
        CHECK(wait(&status) > 0 && status == 0);
}

static void must(int r) {
    if (r == 0)
        return;
    test_fail(__FILE__, __LINE__, "%s", err.msg);
    _exit(1);
}

/* ---- updates ---- */

static void write_values(Store *store, int who) {
    for (int i = 0; i < UPDATES; i++) {
        StrPair pair = {arena_printf(&arena, "K_%d_%d", who, i), arena_printf(&arena, "%d", i)};
        AuditEntry audit = audit_of("value_set", pair.name);
        EnvironmentValues values = {
            .key = key_of("a"), .set = &(StrMap){&pair, 1}, .audit = &audit};
        must(store_environment_values(store, &values, &err));
    }
}

TEST_TIMEOUT(of_many_values_none_is_lost, 240) {
    Store *store = store_of_server();
    CHECK_EQ(make(store, "a"), 1);
    run_many(MANY, write_values);
    StoredEnvironment found = got(store, "a");
    CHECK_EQ(found.version, 1);
    CHECK_EQ(found.entry.values.n, MANY * UPDATES);
    CHECK_EQ(found.entry.audit.n, MANY * UPDATES);
    for (int who = 0; who < MANY; who++) {
        int next = 0; /* what one process has done stands in the order in which it did it */
        for (size_t i = 0; i < found.entry.audit.n; i++)
            next += strcmp(found.entry.audit.at[i].message,
                           arena_printf(&arena, "K_%d_%d", who, next)) == 0;
        CHECK_EQ(next, UPDATES);
    }
    store_free(store);
}

/* Reads the entry, counts its base up, and writes it, until nobody was faster. */
static void count_up(Store *store, int who) {
    for (int i = 0; i < UPDATES;) {
        StoredEnvironment old = got(store, "a");
        AuditEntry audit = audit_of("executed", arena_printf(&arena, "%d.%d", who, i));
        Checkpoint step = step_of(arena_printf(&arena, "step_%d", who), CHECKPOINT_COMPLETED);
        step.run = i;
        old.entry.base = arena_printf(&arena, "%d", 1 + (int)strtoll(old.entry.base, NULL, 10));
        EnvironmentWrite write = {.key = key_of("a"),
                                  .version = old.version,
                                  .entry = &old.entry,
                                  .steps = &step,
                                  .step_n = 1,
                                  .audit = &audit,
                                  .audit_n = 1};
        int r = store_environment_write(store, &write, NULL, &err);
        i += r == 0;
        if (r < 0 && err.kind != ERR_CONFLICT)
            must(r);
        arena_reset(&arena);
    }
}

static void check_counted(Store *store, int total, int each) {
    StoredEnvironment found = got(store, "a");
    CHECK_EQ(strtoll(found.entry.base, NULL, 10), total);
    CHECK_EQ(found.version, 1 + total);
    CHECK_EQ(found.entry.audit.n, total);
    CHECK_EQ(found.entry.steps.n, MANY);
    for (size_t i = 0; i < found.entry.steps.n; i++)
        CHECK_EQ(found.entry.steps.at[i].run, each - 1);
}

static void make_counted(Store *store) {
    EnvironmentEntry entry = entry_of("a");
    EnvironmentWrite write = {.key = key_of("a"), .entry = &entry};
    entry.base = "0";
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
}

TEST_TIMEOUT(of_many_versions_none_is_overwritten, 600) {
    Store *store = store_of_server();
    make_counted(store);
    run_many(MANY, count_up);
    check_counted(store, MANY * UPDATES, UPDATES);
    store_free(store);
}

/* Under a lease it is one after the other. Nobody is refused for good: who waits is told, and has
 * his turn. */
static void count_up_in_turn(Store *store, int who) {
    const char *holder = arena_printf(&arena, "server-%d", who);
    Arena own;
    arena_init(&own);
    for (int i = 0; i < 20;) {
        EnvironmentLease lease = lease_of("a", holder), mine;
        if (store_environment_lease(store, &lease, &own, &mine, &err) < 0) {
            if (err.kind != ERR_CONFLICT)
                must(-1);
            arena_reset(&own);
            continue;
        }
        StoredEnvironment old = got(store, "a");
        AuditEntry audit = audit_of("executed", NULL);
        Checkpoint step = step_of(arena_printf(&arena, "step_%d", who), CHECKPOINT_COMPLETED);
        step.run = i++;
        old.entry.base = arena_printf(&arena, "%d", 1 + (int)strtoll(old.entry.base, NULL, 10));
        EnvironmentWrite write = {.key = key_of("a"),
                                  .version = old.version,
                                  .token = mine.token,
                                  .entry = &old.entry,
                                  .steps = &step,
                                  .step_n = 1,
                                  .audit = &audit,
                                  .audit_n = 1};
        must(store_environment_write(store, &write, NULL, &err));
        must(store_environment_release(store, &mine, &err));
    }
    arena_deinit(&own);
}

TEST_TIMEOUT(under_a_lease_nobody_is_in_anothers_way, 600) {
    Store *store = store_of_server();
    make_counted(store);
    run_many(MANY, count_up_in_turn);
    check_counted(store, MANY * 20, 20);
    store_free(store);
}

/* ---- ports ---- */

static void claim_block(Store *store, int who) {
    uint32_t block;
    PortBlockClaim claim = {key_of(arena_printf(&arena, "e%d", who)), 7, MANY};
    must(store_port_block(store, &claim, &block, &err));
}

TEST_TIMEOUT(many_have_each_a_block, 60) {
    bool seen[MANY] = {false};
    run_many(MANY, claim_block);
    Store *store = store_of_server();
    for (int i = 0; i < MANY; i++) {
        uint32_t block;
        PortBlockClaim claim = {key_of(arena_printf(&arena, "e%d", i)), 0, MANY};
        ASSERT(store_port_block(store, &claim, &block, &err) == 0);
        CHECK(!seen[block]);
        seen[block] = true;
    }
    store_free(store);
}

/* Of two who make the same one, one does. */
static void make_same(Store *store, int who) {
    (void)who;
    if (make(store, "a") < 0 && err.kind != ERR_CONFLICT)
        must(-1);
}

TEST_TIMEOUT(only_one_of_many_makes_it, 60) {
    run_many(MANY, make_same);
    Store *store = store_of_server();
    CHECK_EQ(got(store, "a").version, 1);
    store_free(store);
}

/* ---- what others have done ---- */

static void make_b(Store *store, int who) {
    (void)who;
    CHECK_EQ(make(store, "b"), 1);
}

TEST(what_another_process_has_changed_is_seen)
{
    Store *store = store_of_server();
    int64_t before, after;
    CHECK_EQ(make(store, "a"), 1);
    StoredEnvironments first = listed(store, 0);
    CHECK_EQ(store_change(store, &before, &err), 0);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK_EQ(before, after);
    run_many(1, make_b);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK(before != after);
    StoredEnvironments second = listed(store, first.change);
    ASSERT(second.n == 1 && !second.whole);
    CHECK_STR(second.at[0].entry.name, "b");
    store_free(store);
}

/* A reader sees an entry and what belongs to it of one moment, whatever is written meanwhile. */
static void write_pairs(Store *store, int who) {
    (void)who;
    for (int i = 1; i <= UPDATES; i++) {
        StoredEnvironment old = got(store, "a");
        Checkpoint step = step_of("count", CHECKPOINT_COMPLETED);
        AuditEntry audit = audit_of("executed", NULL);
        step.run = i;
        old.entry.base = arena_printf(&arena, "%d", i);
        EnvironmentWrite write = {.key = key_of("a"),
                                  .version = old.version,
                                  .entry = &old.entry,
                                  .steps = &step,
                                  .step_n = 1,
                                  .audit = &audit,
                                  .audit_n = 1};
        must(store_environment_write(store, &write, NULL, &err));
    }
}

TEST_TIMEOUT(a_reader_never_sees_half_a_write, 120) {
    Store *store = store_of_server();
    make_counted(store);
    pid_t writer = fork();
    if (writer == 0) {
        Store *own = store_of_server();
        write_pairs(own, 0);
        store_free(own);
        _exit(0);
    }
    int status, reads = 0;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        StoredEnvironment found = got(store, "a");
        int64_t count = strtoll(found.entry.base, NULL, 10);
        CHECK_EQ(found.entry.audit.n, count);
        CHECK_EQ(found.entry.steps.n ? found.entry.steps.at[0].run : 0, count);
        CHECK_EQ(found.version, 1 + count);
        arena_reset(&arena);
        reads++;
    }
    CHECK_EQ(status, 0);
    CHECK(reads > 0);
    store_free(store);
}

/* ---- waiting ---- */

/* Who holds it for a while holds others up, and nobody is refused. */
TEST(who_has_it_locked_is_waited_for)
{
    int ready[2], status;
    char c;
    Store *store = store_of_server();
    CHECK_EQ(make(store, "a"), 1);
    ASSERT(pipe(ready) == 0);
    pid_t locker = fork();
    if (locker == 0) {
        sqlite3 *db;
        if (sqlite3_open(sqlite_here_path(), &db) != SQLITE_OK ||
            sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        (void)!write(ready[1], "", 1);
        poll(NULL, 0, 300);
        _exit(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL));
    }
    ASSERT(read(ready[0], &c, 1) == 1);
    CHECK_EQ(make(store, "b"), 1);
    ASSERT(waitpid(locker, &status, 0) == locker && status == 0);
    store_free(store);
}

/* ---- what a list reads ---- */

/* Of audit logs nothing: there are 200 entries of each environment, and here none can be read. What
 * a list costs is in the benchmark. */
TEST(a_list_reads_no_audit_log)
{
    Store *store = store_of_server();
    sqlite3 *db;
    AuditEntry audit = audit_of("executed", "what was said of it then");
    EnvironmentEntry entry = full_entry("a");
    EnvironmentWrite write = {.key = key_of("a"), .entry = &entry, .audit = &audit, .audit_n = 1};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    int64_t change = listed(store, 0).change;
    ASSERT(sqlite3_open(sqlite_here_path(), &db) == SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, "DROP TABLE audit", NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(listed(store, 0).n, 1);
    CHECK_EQ(listed(store, change).n, 0);
    sqlite3_close(db);
    store_free(store);
}
