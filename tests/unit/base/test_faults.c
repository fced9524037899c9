/* SPDX-License-Identifier: Apache-2.0 */
/* The programs with faults: the n-th call fails, the n-th point kills, and nothing else. */
#include "harness/test.h"

#include "base/file.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"

static void ask(const char *variable, const char *value) {
    setenv(variable, value, 1);
    sys_program("test");
}

static int opened(void) {
    int fd = sys_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : errno;
}

TEST(faults_fail_the_nth_call_only)
{
    ask("THOLE_FAULT", "openat:3:EMFILE");
    CHECK_EQ(opened(), 0);
    CHECK_EQ(sys_write(-1, "x", 1), -1); /* another call does not count */
    CHECK_EQ(opened(), 0);
    CHECK_EQ(opened(), EMFILE);
    CHECK_EQ(opened(), 0);
}

TEST(faults_have_any_errno)
{
    ask("THOLE_FAULT", "openat:1");
    CHECK_EQ(opened(), EIO);
    ask("THOLE_FAULT", "openat:1:ENOSPC");
    CHECK_EQ(opened(), ENOSPC);
    ask("THOLE_FAULT", "openat:1:2");
    CHECK_EQ(opened(), ENOENT);
}

TEST(faults_of_any_call)
{
    siginfo_t info;
    ask("THOLE_FAULT", "any:2:EPERM");
    CHECK_EQ(sys_kill(getpid(), 0), 0);
    CHECK_EQ(sys_waitid(P_ALL, 0, &info, WEXITED), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(opened(), 0);
}

/* Each call of the seam under its own name, once. */
TEST(faults_reach_every_call)
{
    static const char *const names[] = {
        "openat",  "read",       "write",  "writev", "renameat", "unlinkat",   "mkdirat",
        "fsync",   "chdir",      "dup2",   "dup3",   "pipe2",    "mmap",       "getdents64",
        "socket",  "socketpair", "bind",   "listen", "accept4",  "connect",    "sendmsg",
        "recvmsg", "fork",       "clone3", "execve", "kill",     "pidfd_open", "pidfd_send_signal",
        "waitid",  "poll"};
    int fds[2], pidfd;
    struct iovec part = {NULL, 0};
    struct sockaddr address = {.sa_family = AF_UNIX};
    struct msghdr message = {0};
    siginfo_t info;
    char *nothing[] = {NULL};
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_FREE char *fault = xasprintf("%s:1:%d", names[i], EXDEV);
        ask("THOLE_FAULT", fault);
        errno = 0;
        long results[] = {
            i == 0 ? sys_openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0) : 0,
            i == 1 ? sys_read(0, fds, 0) : 0,
            i == 2 ? sys_write(1, fds, 0) : 0,
            i == 3 ? sys_writev(1, &part, 1) : 0,
            i == 4 ? sys_renameat(AT_FDCWD, "", AT_FDCWD, "") : 0,
            i == 5 ? sys_unlinkat(AT_FDCWD, "", 0) : 0,
            i == 6 ? sys_mkdirat(AT_FDCWD, "", 0) : 0,
            i == 7 ? sys_fsync(-1) : 0,
            i == 8 ? sys_chdir("") : 0,
            i == 9 ? sys_dup2(-1, -1) : 0,
            i == 10 ? sys_dup3(-1, -1, 0) : 0,
            i == 11 ? sys_pipe2(fds, O_CLOEXEC) : 0,
            i == 12 ? (sys_mmap(NULL, 0, 0, 0, -1, 0) == MAP_FAILED ? -1 : 0) : 0,
            i == 13 ? sys_getdents64(-1, fds, 0) : 0,
            i == 14 ? sys_socket(AF_UNIX, SOCK_STREAM, 0) : 0,
            i == 15 ? sys_socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : 0,
            i == 16 ? sys_bind(-1, &address, sizeof(address)) : 0,
            i == 17 ? sys_listen(-1, 1) : 0,
            i == 18 ? sys_accept4(-1, 0) : 0,
            i == 19 ? sys_connect(-1, &address, sizeof(address)) : 0,
            i == 20 ? sys_sendmsg(-1, &message, 0) : 0,
            i == 21 ? sys_recvmsg(-1, &message, 0) : 0,
            i == 22 ? sys_fork() : 0,
            i == 23 ? sys_clone_pidfd(&pidfd, -1) : 0,
            i == 24 ? sys_execve("", nothing, nothing) : 0,
            i == 25 ? sys_kill(0, 0) : 0,
            i == 26 ? sys_pidfd_open(0) : 0,
            i == 27 ? sys_pidfd_send_signal(-1, 0) : 0,
            i == 28 ? sys_waitid(P_ALL, 0, &info, 0) : 0,
            i == 29 ? sys_poll(NULL, 0, 0) : 0,
        };
        if (errno != EXDEV || results[i] != -1)
            test_fail(__FILE__, __LINE__, "%s did not fail", names[i]);
    }
}

TEST(faults_of_another_program_are_not_ours)
{
    setenv("THOLE_FAULT_PROGRAM", "pin", 1);
    ask("THOLE_FAULT", "openat:1:EIO");
    CHECK_EQ(opened(), 0);
    sys_program("pin"); /* a fork that became one: counted from here */
    CHECK_EQ(opened(), EIO);
}

TEST(faults_count_anew_in_each_program)
{
    ask("THOLE_FAULT", "openat:2:EIO");
    CHECK_EQ(opened(), 0);
    sys_program("next");
    CHECK_EQ(opened(), 0);
    CHECK_EQ(opened(), EIO);
}

TEST(faults_without_a_name_are_read_at_the_first_call)
{
    setenv("THOLE_FAULT", "openat:1:EIO", 1);
    CHECK_EQ(opened(), EIO);
    setenv("THOLE_FAULT", "nonsense", 1);
    sys_program("test");
    CHECK_EQ(opened(), 0);
}

TEST(faults_say_that_they_fired)
{
    AUTO_FREE char *path = path_join(test_dir(), "fired"), *text = NULL, *want = NULL;
    setenv("THOLE_FAULT_FILE", path, 1);
    ask("THOLE_FAULT", "openat:2:EIO");
    opened();
    CHECK(access(path, F_OK) < 0);
    opened();
    ASSERT(file_read(path, 1000, &text, NULL, NULL) == 0);
    want = xasprintf("test openat %d\n", getpid());
    CHECK_STR(text, want);
}

/* The signal that ended a child that passes two points, and what is in the file of fired faults. */
static int passes_points(const char *crash, char **ret_fired) {
    AUTO_FREE char *path = path_join(test_dir(), "fired");
    siginfo_t info;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("THOLE_FAULT_FILE", path, 1);
        ask("THOLE_CRASH", crash);
        for (int i = 0; i < 3; i++) {
            sys_point("claim");
            sys_point("spawn");
        }
        _exit(0);
    }
    ASSERT(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0);
    if (file_read(path, 1000, ret_fired, NULL, NULL) < 0)
        *ret_fired = xstrdup("");
    return info.si_code == CLD_EXITED ? 0 : info.si_status;
}

TEST(crash_kills_at_the_nth_arrival)
{
    AUTO_FREE char *none = NULL, *fired = NULL;
    CHECK_EQ(passes_points("claim:4", &none), 0);
    CHECK_STR(none, "");
    CHECK_EQ(passes_points("claim:3", &fired), SIGKILL);
    CHECK_HAS(fired, "test claim ");
}

TEST(crash_at_an_unknown_point_never_comes)
{
    AUTO_FREE char *none = NULL;
    CHECK_EQ(passes_points("elsewhere:1", &none), 0);
}

/* Whatever call fails, a reader finds the old text or the new one, and no file lies about when we
 * say that it failed. */
TEST(file_write_atomic_under_every_fault)
{
    AUTO_FREE char *path = path_join(test_dir(), "file"),
                   *temporary = path_join(test_dir(), "file.tmp");
    bool passed = false;
    int failed = 0;
    for (int n = 1; !passed; n++) {
        AUTO_FREE char *fault = xasprintf("any:%d:ENOSPC", n), *text = NULL;
        Err err = {0};
        ask("THOLE_FAULT", "");
        ASSERT(file_write_atomic(path, "old", 3, 0600, true, &err) == 0);
        ask("THOLE_FAULT", fault);
        passed = file_write_atomic(path, "new", 3, 0600, true, &err) == 0;
        ask("THOLE_FAULT", "");
        ASSERT(file_read(path, 10, &text, NULL, NULL) == 0);
        CHECK(access(temporary, F_OK) < 0);
        if (passed) {
            CHECK_STR(text, "new");
        } else {
            failed++;
            CHECK_EQ(err.kind, ERR_UNAVAILABLE);
            CHECK_HAS(err.msg, "no space left on device");
            CHECK(strcmp(text, "old") == 0 || strcmp(text, "new") == 0);
        }
    }
    CHECK_EQ(failed, 6); /* create, write, sync, rename, and opening and syncing the directory */
}

TEST(file_write_atomic_killed_before_the_rename_keeps_the_old)
{
    AUTO_FREE char *path = path_join(test_dir(), "file"), *text = NULL;
    siginfo_t info;
    ASSERT(file_write_atomic(path, "old", 3, 0600, false, NULL) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        ask("THOLE_CRASH", "rename:1");
        _exit(file_write_atomic(path, "new", 3, 0600, false, NULL) == 0);
    }
    ASSERT(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0);
    CHECK_EQ(info.si_status, SIGKILL);
    ASSERT(file_read(path, 10, &text, NULL, NULL) == 0);
    CHECK_STR(text, "old");
    CHECK_EQ(file_write_atomic(path, "newer", 5, 0600, false, NULL), 0); /* over what was left */
}

TEST(file_read_passes_a_fault_on)
{
    AUTO_FREE char *text = NULL;
    Err err = {0};
    ask("THOLE_FAULT", "read:1:EIO");
    CHECK_EQ(file_read("/proc/self/status", 1 << 20, &text, NULL, &err), -1);
    CHECK_HAS(err.msg, "/proc/self/status");
    CHECK(!text);
}
