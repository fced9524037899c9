/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the seam that do more than the kernel's. */
#include "harness/test.h"

#include "base/attr.h"
#include "base/sys.h"

TEST(sys_clone_pidfd_gives_a_child_and_its_pidfd)
{
    int pidfd = -1;
    siginfo_t info;
    pid_t pid = sys_clone_pidfd(&pidfd, -1);
    if (pid == 0) {
        pause();
        _exit(1);
    }
    ASSERT(pid > 0 && pidfd >= 0);
    CHECK(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0); /* nothing yet, and said so */
    CHECK_EQ(sys_pidfd_send_signal(pidfd, SIGUSR1), 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    CHECK_EQ(sys_poll(&ended, 1, 20000), 1);
    CHECK_EQ(sys_waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_status, SIGUSR1);
    close(pidfd);
}

TEST(sys_clone_pidfd_does_without_a_cgroup_that_does_not_work)
{
    int pidfd = -1, no_cgroup = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    siginfo_t info;
    pid_t pid = sys_clone_pidfd(&pidfd, no_cgroup);
    if (pid == 0)
        _exit(7);
    ASSERT(pid > 0 && pidfd >= 0);
    CHECK_EQ(sys_waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    CHECK_EQ(info.si_status, 7);
}

TEST(sys_pidfd_open_and_signal)
{
    pid_t pid = sys_fork();
    if (pid == 0) {
        pause();
        _exit(1);
    }
    AUTO_CLOSE int pidfd = sys_pidfd_open(pid);
    CHECK(pidfd >= 0);
    CHECK_EQ(sys_pidfd_send_signal(pidfd, 0), 0);
    CHECK_EQ(sys_kill(pid, SIGKILL), 0);
    siginfo_t info;
    CHECK_EQ(sys_waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    CHECK_EQ(sys_pidfd_send_signal(pidfd, 0), -1);
    CHECK_EQ(errno, ESRCH);
}

static volatile sig_atomic_t signals, wake_fd = -1;
static volatile pid_t wake_pid;

/* What the call waits for happens at the fifth signal, when it was interrupted four times. */
static void on_signal(int number) {
    (void)number;
    if (++signals != 5)
        return;
    if (wake_fd >= 0)
        (void)!write(wake_fd, "x", 1);
    if (wake_pid)
        kill(wake_pid, SIGKILL);
}

/* Signals that do not restart calls, every millisecond. */
static void signals_on(int fd, pid_t pid) {
    struct sigaction action = {.sa_handler = on_signal};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec often = {{0, 1000000}, {0, 1000000}};
    timer_t timer;
    wake_fd = fd;
    wake_pid = pid;
    ASSERT(sigaction(SIGUSR1, &action, NULL) == 0);
    ASSERT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
           timer_settime(timer, 0, &often, NULL) == 0);
}

TEST(sys_read_survives_signals)
{
    int fds[2];
    char c;
    ASSERT(sys_pipe2(fds, O_CLOEXEC) == 0);
    signals_on(fds[1], 0);
    CHECK_EQ(sys_read(fds[0], &c, 1), 1);
    CHECK(signals >= 5);
}

TEST(sys_waitid_survives_signals)
{
    siginfo_t info;
    pid_t pid = sys_fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    signals_on(-1, pid);
    CHECK_EQ(sys_waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK(signals >= 5);
}

TEST(sys_earlier_takes_zero_for_never)
{
    CHECK_EQ(sys_earlier(5, 7), 5);
    CHECK_EQ(sys_earlier(7, 5), 5);
    CHECK_EQ(sys_earlier(0, 7), 7);
    CHECK_EQ(sys_earlier(7, 0), 7);
    CHECK_EQ(sys_earlier(0, 0), 0);
}

TEST(sys_files_work_relative_to_a_directory)
{
    AUTO_CLOSE int dir = sys_openat(AT_FDCWD, test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    char bytes[16] = "", entries[4096];
    ASSERT(dir >= 0 && sys_mkdirat(dir, "d", 0700) == 0);
    AUTO_CLOSE int fd = sys_openat(dir, "d/a", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct iovec parts[] = {{(char[]){"ab"}, 2}, {(char[]){"cd"}, 2}};
    CHECK_EQ(sys_writev(fd, parts, 2), 4);
    CHECK_EQ(sys_write(fd, "ef", 2), 2);
    CHECK_EQ(sys_fsync(fd), 0);
    CHECK_EQ(sys_renameat(dir, "d/a", dir, "b"), 0);
    CHECK_EQ(pread(fd, bytes, sizeof(bytes), 0), 6);
    CHECK_STR(bytes, "abcdef");
    const char *map = sys_mmap(NULL, 6, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED && memcmp(map, "abcdef", 6) == 0);
    CHECK(sys_getdents64(dir, entries, sizeof(entries)) > 0);
    CHECK_EQ(sys_unlinkat(dir, "b", 0), 0);
    CHECK_EQ(sys_unlinkat(dir, "d", AT_REMOVEDIR), 0);
    CHECK_EQ(sys_dup3(fd, 200, O_CLOEXEC), 200);
    CHECK(fcntl(200, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(sys_dup2(fd, 201), 201);
    CHECK(!(fcntl(201, F_GETFD) & FD_CLOEXEC));
    CHECK_EQ(sys_chdir(test_dir()), 0);
}
