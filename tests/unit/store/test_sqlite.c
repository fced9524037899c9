/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "port_leases.h"
#include "store/environments.h"
#include "store/sqlite/sqlite.h"

static const char *db_path(void) {
    return arena_printf(&arena, "%s/thole.db", test_dir());
}

static Store *store_here(void) {
    return sqlite_store_new(&(SqliteFiles){db_path(), NULL}, 100);
}

TEST(a_lease_is_found_by_the_next_server)
{
    Store *store = store_here();
    Lease two[] = {port_lease("/a", "api", 20001), port_lease("/a", "web", 20000)};
    two[0].name = "admin";
    two[0].automatic = false;
    CHECK_EQ(store_lease(store, &(Leases){two, 2}, &err), 0);
    store_free(store);
    store = store_here();
    Leases found = all_leases(store);
    ASSERT(found.n == 2);
    CHECK_EQ(found.at[0].port, 20000);
    CHECK_STR(found.at[0].service, "web");
    CHECK(found.at[0].automatic && found.at[0].held);
    CHECK_STR(found.at[1].service, "api");
    CHECK_STR(found.at[1].name, "admin");
    CHECK_STR(found.at[1].owner.file, "/a");
    CHECK_STR(found.at[1].owner.slug, "a");
    CHECK(!found.at[1].automatic && found.at[1].held);
    store_free(store);
}

/* ---- a file that is not as it should be ---- */

static void check_left_alone(const char *sentence) {
    AUTO_FREE char *before = NULL, *after = NULL;
    size_t before_n, after_n;
    Leases leases;
    ASSERT(file_read(db_path(), 1 << 20, &before, &before_n, &err) == 0);
    Store *store = store_here();
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(store_leases(store, &arena, &leases, &err), -1);
        CHECK_EQ(err.kind, ERR_UNAVAILABLE);
        CHECK_HAS(err.msg, db_path());
        CHECK_HAS(err.msg, sentence);
        CHECK_EQ(lease_port(store, "/a", "api", 20000), -1);
        CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    }
    store_free(store);
    ASSERT(file_read(db_path(), 1 << 20, &after, &after_n, &err) == 0);
    CHECK(before_n == after_n && memcmp(before, after, before_n) == 0);
}

static void sql(const char *text) {
    sqlite3 *db;
    ASSERT(sqlite3_open(db_path(), &db) == SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void make_one(void) {
    Store *store = store_here();
    CHECK_EQ(lease_port(store, "/a", "api", 20000), 0);
    store_free(store);
}

TEST(what_is_no_database_is_left_alone)
{
    const char text[] = "this was meant to be something else entirely, for all we know";
    ASSERT(file_write(db_path(), text, sizeof(text), 0600, &err) == 0);
    check_left_alone("is damaged");
}

TEST(a_damaged_one_is_left_alone)
{
    make_one();
    int fd = open(db_path(), O_WRONLY | O_CLOEXEC);
    for (off_t at = 4096; at < 3 * 4096; at += 512)
        ASSERT(pwrite(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32, at) == 32);
    close(fd);
    check_left_alone("damaged");
}

TEST(one_of_a_newer_thole_is_left_alone)
{
    make_one();
    sql(arena_printf(&arena, "PRAGMA journal_mode = DELETE; PRAGMA user_version = %d",
                     STORE_DB_FORMAT + 1));
    check_left_alone(arena_printf(&arena, "has format %d, which a newer thole has written",
                                  STORE_DB_FORMAT + 1));
    check_left_alone("use the newer one, or another file by THOLE_STORE");
}

/* As a newer server leaves it that was killed: with what is not in the file itself yet. */
static void leave_newer(void) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        sqlite3 *db;
        ASSERT(sqlite3_open(db_path(), &db) == SQLITE_OK);
        ASSERT(sqlite3_exec(db, "CREATE TABLE later(x); PRAGMA user_version = 99", NULL, NULL,
                            NULL) == SQLITE_OK);
        _exit(0);
    }
    ASSERT(waitpid(pid, &status, 0) == pid && status == 0);
}

TEST(one_of_a_newer_thole_that_was_killed_is_left_alone)
{
    make_one();
    leave_newer();
    const char *wal = arena_printf(&arena, "%s-wal", db_path());
    AUTO_FREE char *before = NULL, *after = NULL;
    size_t before_n, after_n;
    ASSERT(file_read(wal, 1 << 20, &before, &before_n, &err) == 0 && before_n > 0);
    check_left_alone("has format 99, which a newer thole has written");
    ASSERT(file_read(wal, 1 << 20, &after, &after_n, &err) == 0);
    CHECK(before_n == after_n && memcmp(before, after, before_n) == 0);
}

TEST(another_programs_is_left_alone)
{
    sql("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
    check_left_alone("not one of thole");
}

TEST(an_empty_file_counts_as_absent)
{
    ASSERT(file_write(db_path(), "", 0, 0600, &err) == 0);
    make_one();
}

TEST(who_has_it_locked_is_waited_for_only_so_long)
{
    make_one();
    sqlite3 *db;
    Store *store = store_here();
    ASSERT(sqlite3_open(db_path(), &db) == SQLITE_OK);
    ASSERT(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    CHECK_EQ(all_leases(store).n, 1); /* to read is allowed */
    CHECK_EQ(lease_port(store, "/a", "api", 20001), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "is locked by another process");
    ASSERT(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    CHECK_EQ(lease_port(store, "/a", "api", 20001), 0);
    sqlite3_close(db);
    store_free(store);
}

static void for_each_file(void (*fn)(const char *path)) {
    for (const char *const *suffix = (const char *const[]){"", "-wal", "-shm", NULL}; *suffix;
         suffix++)
        fn(arena_printf(&arena, "%s%s", db_path(), *suffix));
}

static void delete (const char *path) {
    unlink(path);
}

static void put_aside(const char *path) {
    rename(path, arena_printf(&arena, "%s.aside", path));
}

static void put_back(const char *path) {
    rename(arena_printf(&arena, "%s.aside", path), path);
}

TEST(one_that_was_deleted_is_not_made_anew)
{
    Store *store = store_here();
    CHECK_EQ(lease_port(store, "/a", "api", 20000), 0);
    for_each_file(put_aside);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(lease_port(store, "/b", "api", 20001), -1);
        CHECK_EQ(err.kind, ERR_UNAVAILABLE);
        CHECK_HAS(err.msg, "was deleted while it was in use, and is not made anew; put it back");
        CHECK(access(db_path(), F_OK) < 0);
    }
    for_each_file(put_back);
    CHECK_EQ(lease_port(store, "/b", "api", 20001), 0);
    CHECK_EQ(all_leases(store).n, 2);
    for_each_file(delete);
    Store *next = store_here(); /* of a server that was started since */
    CHECK_EQ(lease_port(next, "/c", "api", 20002), 0);
    CHECK_EQ(lease_port(store, "/d", "api", 20003), -1);
    CHECK_HAS(err.msg, "was replaced while it was in use");
    CHECK_EQ(all_leases(store).n, 1);
    store_free(next);
    store_free(store);
}

/* Missing is not empty, whatever came between. */
TEST(one_that_is_deleted_after_it_was_broken_is_not_made_anew)
{
    EnvironmentEntry entry = {.name = "a", .mode = "", .branch = "a", .uid = ""};
    EnvironmentWrite write = {.key = {"/p", "a"}, .entry = &entry};
    StoredEnvironments list;
    Store *store = store_here();
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    for_each_file(put_aside);
    ASSERT(file_write(db_path(), "no database", 11, 0600, &err) == 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(store_environments(store, 0, &arena, &list, &err), -1);
    CHECK_HAS(err.msg, "is damaged");
    for_each_file(delete);
    CHECK_EQ(store_environments(store, 0, &arena, &list, &err), -1);
    CHECK_HAS(err.msg, "was deleted while it was in use");
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), -1);
    CHECK(access(db_path(), F_OK) < 0);
    for_each_file(put_back);
    CHECK_EQ(store_environments(store, 0, &arena, &list, &err), 0);
    CHECK_EQ(list.n, 1);
    store_free(store);
}

/* What was listed of the one before is no beginning for a list of the new one. */
TEST(one_that_was_replaced_is_listed_as_a_whole)
{
    EnvironmentEntry entry = {.name = "a", .mode = "", .branch = "a", .uid = ""};
    EnvironmentWrite write = {.key = {"/p", "a"}, .entry = &entry};
    StoredEnvironments before, after;
    Store *store = store_here();
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    ASSERT(store_environments(store, 0, &arena, &before, &err) == 0);
    for_each_file(delete);
    Store *next = store_here();
    write.key.name = "b";
    CHECK_EQ(store_environment_write(next, &write, NULL, &err), 0);
    CHECK_EQ(store_environments(store, before.change, &arena, &after, &err), -1);
    CHECK_HAS(err.msg, "was replaced");
    ASSERT(store_environments(store, before.change, &arena, &after, &err) == 0);
    CHECK(after.whole && after.n == 1);
    store_free(next);
    store_free(store);
}

TEST(what_only_looks_makes_no_file)
{
    StoredEnvironment one;
    StoredEnvironments list;
    int64_t change, then;
    Store *store = store_here();
    CHECK_EQ(store_environments(store, 0, &arena, &list, &err), 0);
    CHECK_EQ(store_environment(store, &(EnvironmentRead){.key = {"/p", "a"}}, &arena, &one, &err),
             -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_EQ(store_environment_remove(store, (EnvironmentKey){"/p", "a"}, 0, &err), 0);
    CHECK_EQ(store_release(store, &(LeaseOwner){"/a", "", ""}, &err), 0);
    CHECK_EQ(store_change(store, &change, &err), 0);
    CHECK(access(db_path(), F_OK) < 0);
    make_one();
    CHECK_EQ(store_change(store, &then, &err), 0);
    CHECK(change != then);
    store_free(store);
}

/* ---- a disk that is not as it should be ---- */

TEST(a_full_disk_is_said_and_nothing_is_lost)
{
    make_one();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1, 1}, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    Store *store = store_here();
    CHECK_EQ(all_leases(store).n, 1);
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK_EQ(lease_port(store, "/a", "api", 20001), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, db_path());
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ(lease_port(store, "/a", "api", 20001), 0);
    CHECK_EQ(all_leases(store).n, 1);
    store_free(store);
}

TEST(a_directory_that_is_not_there)
{
    Leases leases;
    Store *store = sqlite_store_new(&(SqliteFiles){"/nonexistent/thole.db", NULL}, 100);
    CHECK_EQ(store_leases(store, &arena, &leases, &err), -1);
    CHECK_HAS(err.msg, "/nonexistent/thole.db");
    store_free(store);
}

/* Killed at any moment, the file holds all that was said to be leased. */
TEST_TIMEOUT(what_was_leased_survives_a_kill, 60) {
    make_one(); /* here, and not in a child, the directory is made */
    for (int round = 0; round < 10; round++) {
        int fds[2];
        ASSERT(pipe(fds) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            Store *store = store_here();
            for (int64_t port = 20001;; port++)
                if (lease_port(store, arena_printf(&arena, "/%lld", (long long)port), "api", port) <
                        0 ||
                    write(fds[1], &port, sizeof(port)) < 0)
                    _exit(1);
        }
        int64_t last = 0;
        for (int i = 0; i < 3 + round; i++)
            ASSERT(read(fds[0], &last, sizeof(last)) == sizeof(last));
        kill(pid, SIGKILL);
        ASSERT(waitpid(pid, NULL, 0) == pid);
        Store *store = store_here();
        Leases found = all_leases(store);
        ASSERT(found.n > 0);
        CHECK(found.at[found.n - 1].port >= last);
        store_free(store);
        close(fds[0]);
        close(fds[1]);
    }
}
