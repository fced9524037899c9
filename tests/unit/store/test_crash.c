/* SPDX-License-Identifier: Apache-2.0 */
/* Killed at any moment, a store holds all that was said to be done, and nothing half. Built with
 * the points of base/sys.h. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "environments.h"
#include "stores.h"
#include "walk.h"

enum { STEPS = 200 };

/* Walks until it is killed; tells after each step that it is done. */
static pid_t walk_in_child(uint64_t seed, const char *crash, int fds[2]) {
    ASSERT(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid != 0) {
        close(fds[1]);
        return pid;
    }
    if (crash)
        setenv("THOLE_CRASH", crash, 1);
    sys_program("store"); /* reads it anew */
    Walk walk;
    walk_init(&walk, sqlite_here(), seed);
    for (int i = 0; i < STEPS; i++) {
        walk_step(&walk);
        if (write(fds[1], "", 1) < 0)
            break;
    }
    store_free(walk.store);
    _exit(0);
}

static int count_steps(int fd, int until) {
    char c;
    int n = 0;
    while (n < until && read(fd, &c, 1) == 1)
        n++;
    return n;
}

static const char *model(uint64_t seed, int steps) {
    Walk walk;
    walk_init(&walk, mem_here(), seed);
    for (int i = 0; i < steps; i++)
        walk_step(&walk);
    const char *held = walk_dump(walk.store);
    store_free(walk.store);
    return held;
}

static void check_sound(void) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    ASSERT(sqlite3_open(sqlite_here_path(), &db) == SQLITE_OK);
    ASSERT(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK);
    ASSERT(sqlite3_step(statement) == SQLITE_ROW);
    CHECK_STR((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* What was told is there, and of the step after it all or nothing. */
static bool holds(uint64_t seed, int told) {
    check_sound();
    Store *store = sqlite_here();
    const char *held = walk_dump(store);
    store_free(store);
    bool same = strcmp(held, model(seed, told)) == 0;
    if (!same && strcmp(held, model(seed, told + 1)) != 0)
        test_fail(__FILE__, __LINE__, "seed %d: after %d steps it holds\n%s\nand not\n%s",
                  (int)seed, told, held, model(seed, told));
    arena_reset(&arena);
    return same;
}

static void forget_file(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < COUNT(suffixes); i++)
        unlink(arena_printf(&arena, "%s%s", sqlite_here_path(), suffixes[i]));
}

static void kill_at(const char *point, int most) {
    for (int n = 1; n <= most; n++) {
        int fds[2], status;
        forget_file();
        pid_t pid = walk_in_child((uint64_t)n, arena_printf(&arena, "%s:%d", point, n), fds);
        int told = count_steps(fds[0], STEPS);
        close(fds[0]);
        ASSERT(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* the point was met */
        CHECK(holds((uint64_t)n, told) || strcmp(point, "store-written") == 0);
    }
}

TEST_TIMEOUT(killed_before_it_is_written, 120) {
    kill_at("store-write", 40);
}

TEST_TIMEOUT(killed_when_it_is_written, 120) {
    kill_at("store-written", 40);
}

/* Somewhere in the middle of whatever it does. */
TEST_TIMEOUT(killed_at_any_moment, 240) {
    int with_the_last = 0;
    for (int round = 0; round < 120; round++) {
        int fds[2], status;
        uint64_t seed = 1000 + (uint64_t)round;
        forget_file();
        pid_t pid = walk_in_child(seed, NULL, fds);
        int told = count_steps(fds[0], 1 + round % 97);
        int64_t until_us = clock_mono_us() + (round * 37) % 600;
        while (clock_mono_us() < until_us)
            ;
        kill(pid, SIGKILL);
        ASSERT(waitpid(pid, &status, 0) == pid);
        told += count_steps(fds[0], STEPS); /* what it said before it was hit */
        close(fds[0]);
        with_the_last += !holds(seed, told);
    }
    CHECK(with_the_last < 120);
}
