/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"

static char *in_dir(const char *name) {
    return path_join(test_dir(), name);
}

static void holds(const char *path, const char *want) {
    AUTO_FREE char *text = NULL;
    Err err = {0};
    if (file_read(path, 1 << 20, &text, NULL, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    else
        CHECK_STR(text, want);
}

TEST(file_read_reads_all_and_ends_with_nul)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file"), *text = NULL, *big = xmalloc(300000), *back = NULL;
    size_t size;
    ASSERT(file_write(path, "a\0b", 3, 0600, &err) == 0);
    ASSERT(file_read(path, 100, &text, &size, &err) == 0);
    CHECK_EQ(size, 3);
    CHECK(memcmp(text, "a\0b\0", 4) == 0);
    memset(big, 'x', 300000);
    ASSERT(file_write(path, big, 300000, 0600, &err) == 0);
    ASSERT(file_read(path, 1 << 20, &back, &size, &err) == 0);
    CHECK(size == 300000 && memcmp(big, back, size) == 0 && back[size] == '\0');
}

TEST(file_read_of_files_whose_size_is_not_known)
{
    Err err = {0};
    AUTO_FREE char *text = NULL, *none = NULL;
    size_t size;
    ASSERT(file_read("/proc/self/status", 1 << 20, &text, &size, &err) == 0);
    CHECK_HAS(text, "Name:");
    CHECK_EQ(strlen(text), size);
    ASSERT(file_read("/dev/null", 100, &none, &size, &err) == 0);
    CHECK_EQ(size, 0);
}

TEST(file_read_keeps_the_limit)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file"), *text = NULL, *untouched = NULL;
    ASSERT(file_write(path, "12345", 5, 0600, &err) == 0);
    CHECK_EQ(file_read(path, 5, &text, NULL, &err), 0);
    CHECK_EQ(file_read(path, 4, &untouched, NULL, &err), -1);
    CHECK_EQ(err.kind, ERR_LIMIT);
    CHECK_HAS(err.msg, "larger than 4 bytes");
    CHECK_EQ(file_read("/dev/zero", 100000, &untouched, NULL, &err), -1);
    CHECK_EQ(err.kind, ERR_LIMIT);
    CHECK(!untouched);
}

TEST(file_read_says_what_is_wrong)
{
    Err err = {0};
    AUTO_FREE char *none = in_dir("none"), *pipe_path = in_dir("pipe"), *text = NULL;
    CHECK_EQ(file_read(none, 10, &text, NULL, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_HAS(err.msg, none);
    CHECK_EQ(file_read(test_dir(), 10, &text, NULL, &err), -1);
    CHECK_HAS(err.msg, "is a directory");
    ASSERT(mkfifo(pipe_path, 0600) == 0);
    CHECK_EQ(file_read(pipe_path, 10, &text, NULL, &err), -1); /* and does not wait for a writer */
    CHECK_HAS(err.msg, "pipe");
}

TEST(a_file_is_new_or_refused)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file"), *link = in_dir("link");
    ASSERT(file_write_new(path, "mine", 4, 0600, &err) == 0);
    holds(path, "mine");
    CHECK_EQ(file_write_new(path, "yours", 5, 0600, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    holds(path, "mine");
    ASSERT(symlink("nowhere", link) == 0);
    CHECK_EQ(file_write_new(link, "yours", 5, 0600, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
}

TEST(what_is_appended_stands_at_the_end)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file");
    ASSERT(file_append(path, "one ", 4, 0600, &err) == 0);
    ASSERT(file_append(path, "two", 3, 0600, &err) == 0);
    holds(path, "one two");
}

TEST(a_new_file_that_has_no_room_is_not_left_half)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file"), *other = in_dir("other");
    struct rlimit small = {10, 10};
    signal(SIGXFSZ, SIG_IGN);
    ASSERT(setrlimit(RLIMIT_FSIZE, &small) == 0); /* the first write is a short one */
    errno = 0;
    CHECK_EQ(file_write_new(path, "more than it may have", 21, 0600, &err), -1);
    CHECK_HAS(err.msg, "file too large");
    CHECK(access(path, F_OK) < 0);
    CHECK_EQ(file_append(other, "more than it may have", 21, 0600, &err), -1);
    CHECK_HAS(err.msg, "file too large");
}

TEST(file_write_truncates)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file");
    CHECK_EQ(file_write(path, "long text", 9, 0600, &err), 0);
    CHECK_EQ(file_write(path, "x", 1, 0600, &err), 0);
    holds(path, "x");
    CHECK_EQ(file_write(test_dir(), "x", 1, 0600, &err), -1);
}

TEST(file_write_atomic_replaces_and_leaves_nothing_beside)
{
    Err err = {0};
    struct stat st;
    AUTO_FREE char *path = in_dir("file"), *temporary = in_dir("file.tmp");
    for (int sync = 0; sync <= 1; sync++) {
        CHECK_EQ(file_write_atomic(path, "one", 3, 0600, sync, &err), 0);
        holds(path, "one");
        CHECK_EQ(file_write_atomic(path, "two!", 4, 0600, sync, &err), 0);
        holds(path, "two!");
        CHECK(access(temporary, F_OK) < 0);
    }
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK_EQ(chdir(test_dir()), 0);
    CHECK_EQ(file_write_atomic("plain", "p", 1, 0600, true, &err), 0);
    holds("plain", "p");
}

TEST(file_write_atomic_is_never_seen_half)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("file"), *big = xmalloc(200001);
    memset(big, 'a', 200000);
    big[200000] = '\0';
    ASSERT(file_write_atomic(path, big, 200000, 0600, false, &err) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 200; i++) {
            memset(big, 'a' + i % 26, 200000);
            if (file_write_atomic(path, big, 200000, 0600, false, NULL) < 0)
                _exit(1);
        }
        _exit(0);
    }
    int status, reads = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        AUTO_FREE char *text = NULL;
        size_t size;
        ASSERT(file_read(path, 1 << 20, &text, &size, &err) == 0);
        ASSERT(size == 200000 && strspn(text, (char[]){text[0], '\0'}) == size);
        reads++;
    }
    CHECK_EQ(status, 0);
    CHECK(reads > 0);
}

TEST(file_write_atomic_follows_no_planted_link)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("state.json"), *temporary = in_dir("state.json.tmp"),
                   *victim = in_dir("victim");
    ASSERT(file_write(victim, "precious", 8, 0644, &err) == 0 && symlink(victim, temporary) == 0);
    CHECK_EQ(file_write_atomic(path, "{}", 2, 0600, false, &err), 0);
    holds(victim, "precious");
    holds(path, "{}");
    ASSERT(file_write(temporary, "left by a killed writer", 23, 0644, &err) == 0);
    CHECK_EQ(file_write_atomic(path, "{1}", 3, 0600, false, &err), 0);
    holds(path, "{1}");
}

TEST(file_write_atomic_keeps_the_old_when_it_fails)
{
    Err err = {0};
    AUTO_FREE char *dir = in_dir("dir"), *temporary = in_dir("dir.tmp"),
                   *none = in_dir("none/file");
    ASSERT(mkdir(dir, 0700) == 0);
    /* no file replaces a directory */
    CHECK_EQ(file_write_atomic(dir, "x", 1, 0600, false, &err), -1);
    CHECK_HAS(err.msg, "into place");
    CHECK(access(temporary, F_OK) < 0);
    CHECK_EQ(file_write_atomic(none, "x", 1, 0600, false, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
}

TEST(file_lock_is_exclusive_until_closed)
{
    Err err = {0};
    AUTO_FREE char *path = in_dir("lock");
    int first = -1, second = -1;
    ASSERT(file_lock(path, false, &first, &err) == 0);
    CHECK(fcntl(first, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(file_lock(path, false, &second, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_EQ(second, -1);
    close(first);
    CHECK_EQ(file_lock(path, false, &second, &err), 0);
    close(second);
}

TEST(file_lock_waits_for_the_other)
{
    AUTO_FREE char *path = in_dir("lock");
    int fd, status, told[2];
    char c;
    ASSERT(pipe(told) == 0 && file_lock(path, false, &fd, NULL) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int mine;
        close(fd); /* the lock is the parent's still */
        (void)!write(told[1], "x", 1);
        _exit(file_lock(path, true, &mine, NULL) == 0 ? 0 : 1);
    }
    ASSERT(read(told[0], &c, 1) == 1);
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    close(fd);
    ASSERT(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
}

TEST(file_lock_says_where_it_cannot)
{
    Err err = {0};
    int fd = -1;
    AUTO_FREE char *none = in_dir("none/lock");
    CHECK_EQ(file_lock(none, false, &fd, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
}
