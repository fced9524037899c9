/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who; and what the log says of ourselves. */
#include "harness/test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/log.h"

TEST(boot_id_is_that_of_the_kernel)
{
    AUTO_FREE char *text = NULL;
    ASSERT(file_read("/proc/sys/kernel/random/boot_id", 100, &text, NULL, NULL) == 0);
    CHECK_EQ(strlen(boot_id()), 36);
    CHECK(strncmp(text, boot_id(), 36) == 0);
}

TEST(ns_inodes_are_known_and_shared_with_a_child)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    CHECK(pidns_inode(0) != 0);
    CHECK(mntns_inode(0) != 0);
    CHECK_EQ(pidns_inode(pid), pidns_inode(0));
    CHECK_EQ(mntns_inode(pid), mntns_inode(0));
    CHECK(pidns_inode(0) != mntns_inode(0));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK_EQ(pidns_inode(pid), 0);
}

/* A child with that name that waits; returns once it has the name. */
static pid_t child_named(const char *name) {
    int told[2];
    char c;
    ASSERT(pipe(told) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, name);
        (void)!write(told[1], "x", 1);
        pause();
        _exit(0);
    }
    ASSERT(read(told[0], &c, 1) == 1);
    close(told[0]);
    close(told[1]);
    return pid;
}

TEST(proc_stat_survives_hostile_names)
{
    static const char *const names[] = {"plain", ") Z 1 2 3", "a b) (c", "((((", "new\nline"};
    for (size_t i = 0; i < COUNT(names); i++) {
        ProcStat stat = {0};
        pid_t pid = child_named(names[i]);
        CHECK_EQ(proc_stat(pid, &stat), 0);
        CHECK_STR(stat.name, names[i]);
        CHECK_EQ(stat.ppid, getpid());
        CHECK(stat.state == 'S' || stat.state == 'R');
        CHECK(stat.start_ticks > 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        CHECK_EQ(proc_stat(pid, &stat), -1);
    }
}

TEST(proc_alive_knows_the_very_process)
{
    ProcStat stat = {0};
    siginfo_t info;
    pid_t pid = child_named("thole-test");
    ASSERT(proc_stat(pid, &stat) == 0);
    CHECK(proc_alive(pid, stat.start_ticks));
    CHECK(proc_alive(pid, 0));
    CHECK(!proc_alive(pid, stat.start_ticks + 1)); /* another one that got the number */
    kill(pid, SIGKILL);
    ASSERT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK(!proc_alive(pid, stat.start_ticks)); /* a zombie is dead */
    CHECK(!proc_alive(pid, 0));
    waitpid(pid, NULL, 0);
    CHECK(!proc_alive(pid, 0));
    CHECK(!proc_alive(0, 0));
    CHECK(!proc_alive(-1, 0));
}

TEST(random_uuid_is_of_version_4_and_new)
{
    char a[37], b[37];
    random_uuid(a);
    random_uuid(b);
    CHECK_EQ(strlen(a), 36);
    CHECK_EQ(strspn(a, "0123456789abcdef-"), 36);
    CHECK_EQ(a[14], '4');
    CHECK(strchr("89ab", a[19]) != NULL);
    CHECK(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
    CHECK(strcmp(a, b) != 0);
}

TEST(random_hex_has_two_digits_a_byte)
{
    char a[13] = "", b[13] = "";
    random_hex(a, 6);
    random_hex(b, 6);
    CHECK_EQ(strlen(a), 12);
    CHECK_EQ(strspn(a, "0123456789abcdef"), 12);
    CHECK(strcmp(a, b) != 0);
}

/* What `fn` writes to stderr. */
static const char *said_by(void (*fn)(void)) {
    static char text[8192];
    int fds[2], kept = dup(STDERR_FILENO);
    ASSERT(pipe(fds) == 0 && dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
    fn();
    ASSERT(dup2(kept, STDERR_FILENO) == STDERR_FILENO);
    close(fds[1]);
    ssize_t n = 0, got;
    while ((got = read(fds[0], text + n, sizeof(text) - 1 - (size_t)n)) > 0)
        n += got;
    text[n] = '\0';
    close(fds[0]);
    close(kept);
    return text;
}

static void say_each(void) {
    log_debug("fine %d", 1);
    log_info("news %d", 2);
    log_warn("odd %d", 3);
    log_error("bad %d", 4);
}

static void say_much(void) {
    char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_error("%s", text);
}

TEST(log_says_time_level_and_text)
{
    const char *text = said_by(say_each);
    CHECK(!strstr(text, "fine"));
    CHECK_HAS(text, "Z info  news 2\n");
    CHECK_HAS(text, "Z warn  odd 3\n");
    CHECK_HAS(text, "Z error bad 4\n");
    int year;
    CHECK(sscanf(text, "%4d-", &year) == 1 && year >= 2024);
}

TEST(log_level_decides)
{
    log_set_level(LOG_ERROR);
    const char *text = said_by(say_each);
    CHECK(!strstr(text, "odd"));
    CHECK_HAS(text, "bad 4");
    log_set_level(LOG_DEBUG);
    CHECK_HAS(said_by(say_each), "fine 1");
}

TEST(log_lines_are_whole_and_bounded)
{
    const char *text = said_by(say_much);
    CHECK(strlen(text) <= 2048);
    CHECK_EQ(text[strlen(text) - 1], '\n');
}
