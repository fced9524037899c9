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
#include "store/sqlite/sqlite.h"

static Arena arena;
static Err err;

static const char *db_path(void) {
    return arena_printf(&arena, "%s/thole.db", test_dir());
}

static Store *store_here(void) {
    return sqlite_store_new(db_path(), 100);
}

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

TEST(a_lease_is_found_by_the_next_server)
{
    Store *store = store_here();
    Lease two[] = {lease_of("/a", "api", 20001), lease_of("/a", "web", 20000)};
    two[0].name = "admin";
    two[0].automatic = false;
    CHECK_EQ(store_lease(store, &(Leases){two, 2}, &err), 0);
    store_free(store);
    store = store_here();
    Leases found = all(store);
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

TEST(two_never_hold_the_same_port)
{
    Store *store = store_here();
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
    store_free(store);
}

TEST(what_is_not_leased_again_is_remembered_until_it_is_forgotten)
{
    Store *store = store_here();
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
    store_free(store);
}

TEST_TIMEOUT(the_oldest_are_forgotten, 120) {
    enum { MANY = MAX_LEASES_REMEMBERED + 20 };
    Store *store = store_here();
    Lease *many = xcalloc(MANY, sizeof(*many));
    for (int i = 0; i < MANY; i++)
        many[i] = lease_of("/a", arena_printf(&arena, "s%d", i), 20000 + i);
    CHECK_EQ(store_lease(store, &(Leases){many, MANY}, &err), 0);
    CHECK_EQ(store_release(store, &many[0].owner, &err), 0);
    CHECK_EQ(lease_one(store, "/b", "api", 20000), 0);
    CHECK(all(store).n <= MAX_LEASES_REMEMBERED + 1);
    free(many);
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
        CHECK_EQ(lease_one(store, "/a", "api", 20000), -1);
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
    CHECK_EQ(lease_one(store, "/a", "api", 20000), 0);
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
    sql("PRAGMA journal_mode = DELETE; PRAGMA user_version = 2");
    check_left_alone("has format 2, which a newer thole has written");
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
    CHECK_EQ(all(store).n, 1); /* to read is allowed */
    CHECK_EQ(lease_one(store, "/a", "api", 20001), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "is locked by another process");
    ASSERT(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    CHECK_EQ(lease_one(store, "/a", "api", 20001), 0);
    sqlite3_close(db);
    store_free(store);
}

TEST(one_that_was_replaced_is_opened_anew)
{
    Store *store = store_here();
    CHECK_EQ(lease_one(store, "/a", "api", 20000), 0);
    for (const char *const *suffix = (const char *const[]){"", "-wal", "-shm", NULL}; *suffix;
         suffix++)
        unlink(arena_printf(&arena, "%s%s", db_path(), *suffix));
    CHECK_EQ(lease_one(store, "/b", "api", 20000), 0);
    struct stat st;
    CHECK_EQ(stat(db_path(), &st), 0);
    CHECK_EQ(all(store).n, 1);
    store_free(store);
}

TEST(a_full_disk_is_said_and_nothing_is_lost)
{
    make_one();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1, 1}, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    Store *store = store_here();
    CHECK_EQ(all(store).n, 1);
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK_EQ(lease_one(store, "/a", "api", 20001), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, db_path());
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ(lease_one(store, "/a", "api", 20001), 0);
    CHECK_EQ(all(store).n, 1);
    store_free(store);
}

TEST(a_directory_that_is_not_there)
{
    Leases leases;
    Store *store = sqlite_store_new("/nonexistent/thole.db", 100);
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
                if (lease_one(store, arena_printf(&arena, "/%lld", (long long)port), "api", port) <
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
        Leases found = all(store);
        ASSERT(found.n > 0);
        CHECK(found.at[found.n - 1].port >= last);
        store_free(store);
        close(fds[0]);
        close(fds[1]);
    }
}
