/* SPDX-License-Identifier: Apache-2.0 */
/* The seam to the kernel: system calls that supervision needs, so that tests can fail the n-th one
 * or kill the program at a named point. Used by the server and by the freestanding pin alike: no
 * memory, no other part of base.
 *
 * In ordinary builds each is the call itself (EINTR repeated where that is right), inline. Built
 * with -DSYS_FAULTS (the programs named *-faults) each first asks sys_fault():
 *   THOLE_FAULT=<call>:<n>[:<errno>]  the n-th such call of this program fails ("any": any call;
 *                                     "write:3:ENOSPC")
 *   THOLE_CRASH=<point>:<n>           SIGKILL to itself at the n-th arrival at sys_point("<point>")
 *   THOLE_CRASH_DIR=<path>            likewise whoever arrives first once there is a file
 *                                     <path>/<program>.<point>, which it removes: for programs that
 *                                     are running already
 *   THOLE_CLOCK_FILE=<path>           the wall clock is off by the microseconds that are written
 *                                     there, and the clock that goes on while the machine sleeps by
 *                                     a second number
 *   THOLE_IDLE_MS=<ms>                how long a server with nothing to do stays
 *   THOLE_FAULT_PROGRAM=<name>        only in the program that called sys_program("<name>")
 *   THOLE_FAULT_FILE=<path>           each fault that fires appends "<program> <call or point>
 *                                     <pid>" */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/close_range.h>
#include <linux/sched.h>

#ifdef SYS_FAULTS
bool sys_fault(const char *call); /* true: fail now, errno is set */
void sys_point(const char *name);
void sys_program(const char *name);
int64_t sys_clock_step(clockid_t clock); /* how far a test has set the clock, us */
int64_t sys_idle_ms(int64_t ms);         /* or what a test has said instead */
int sys_clock_watch(void); /* can be read when a test has set the clock; -1: none does */
#else
static inline bool sys_fault(const char *call) {
    (void)call;
    return false;
}
static inline void sys_point(const char *name) {
    (void)name;
}
static inline void sys_program(const char *name) {
    (void)name;
}
static inline int64_t sys_clock_step(clockid_t clock) {
    (void)clock;
    return 0;
}
static inline int64_t sys_idle_ms(int64_t ms) {
    return ms;
}
static inline int sys_clock_watch(void) {
    return -1;
}
#endif

/* --- clocks --- */

static inline int64_t sys_clock_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + sys_clock_step(clock);
}
static inline int64_t sys_mono_ms(void) {
    return sys_clock_us(CLOCK_MONOTONIC) / 1000;
}
static inline int64_t sys_wall_us(void) {
    return sys_clock_us(CLOCK_REALTIME);
}
/* Of two times the one that comes first; 0 is never. */
static inline int64_t sys_earlier(int64_t a, int64_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* --- files --- */

/* Repeats `call` while it is interrupted. */
#define SYS_RETRY(call)                        \
    ({                                         \
        __typeof__(call) result_;              \
        do                                     \
            result_ = (call);                  \
        while (result_ < 0 && errno == EINTR); \
        result_;                               \
    })

static inline int sys_openat(int dir, const char *path, int flags, mode_t mode) {
    return sys_fault("openat") ? -1 : SYS_RETRY(openat(dir, path, flags, mode));
}
static inline ssize_t sys_read(int fd, void *bytes, size_t size) {
    return sys_fault("read") ? -1 : SYS_RETRY(read(fd, bytes, size));
}
static inline ssize_t sys_write(int fd, const void *bytes, size_t size) {
    return sys_fault("write") ? -1 : SYS_RETRY(write(fd, bytes, size));
}
static inline ssize_t sys_writev(int fd, const struct iovec *parts, int count) {
    return sys_fault("writev") ? -1 : SYS_RETRY(writev(fd, parts, count));
}
static inline int sys_renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return sys_fault("renameat") ? -1 : renameat(from_dir, from, to_dir, to);
}
static inline int sys_unlinkat(int dir, const char *path, int flags) {
    return sys_fault("unlinkat") ? -1 : unlinkat(dir, path, flags);
}
static inline int sys_mkdirat(int dir, const char *path, mode_t mode) {
    return sys_fault("mkdirat") ? -1 : mkdirat(dir, path, mode);
}
static inline int sys_fsync(int fd) {
    return sys_fault("fsync") ? -1 : fsync(fd);
}
static inline int sys_timerfd_create(clockid_t clock, int flags) {
    return sys_fault("timerfd_create") ? -1 : timerfd_create(clock, flags);
}
static inline int sys_timerfd_settime(int fd, int flags, const struct itimerspec *when) {
    return sys_fault("timerfd_settime") ? -1 : timerfd_settime(fd, flags, when, NULL);
}
static inline int sys_chdir(const char *path) {
    return sys_fault("chdir") ? -1 : chdir(path);
}
static inline int sys_dup2(int from, int to) {
    return sys_fault("dup2") ? -1 : SYS_RETRY(dup2(from, to));
}
static inline int sys_dup3(int from, int to, int flags) {
    return sys_fault("dup3") ? -1 : SYS_RETRY(dup3(from, to, flags));
}
static inline int sys_pipe2(int fds[2], int flags) {
    return sys_fault("pipe2") ? -1 : pipe2(fds, flags);
}
static inline int sys_ioctl(int fd, unsigned long request, void *arg) {
    return sys_fault("ioctl") ? -1 : ioctl(fd, request, arg);
}
static inline void *sys_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    return sys_fault("mmap") ? MAP_FAILED : mmap(at, size, prot, flags, fd, offset);
}
static inline ssize_t sys_getdents64(int fd, void *entries, size_t size) {
    return sys_fault("getdents64") ? -1 : syscall(SYS_getdents64, fd, entries, size);
}

static inline int sys_inotify_init(int flags) {
    return sys_fault("inotify_init") ? -1 : inotify_init1(flags);
}
static inline int sys_inotify_add_watch(int fd, const char *path, uint32_t mask) {
    return sys_fault("inotify_add_watch") ? -1 : inotify_add_watch(fd, path, mask);
}

/* --- sockets --- */

static inline int sys_socket(int domain, int type, int protocol) {
    return sys_fault("socket") ? -1 : socket(domain, type, protocol);
}
static inline int sys_socketpair(int domain, int type, int protocol, int fds[2]) {
    return sys_fault("socketpair") ? -1 : socketpair(domain, type, protocol, fds);
}
static inline int sys_bind(int fd, const struct sockaddr *address, socklen_t size) {
    return sys_fault("bind") ? -1 : bind(fd, address, size);
}
static inline int sys_listen(int fd, int backlog) {
    return sys_fault("listen") ? -1 : listen(fd, backlog);
}
static inline int sys_accept4(int fd, int flags) {
    return sys_fault("accept4") ? -1 : SYS_RETRY(accept4(fd, NULL, NULL, flags));
}
static inline int sys_connect(int fd, const struct sockaddr *address, socklen_t size) {
    return sys_fault("connect") ? -1 : SYS_RETRY(connect(fd, address, size));
}
static inline ssize_t sys_sendmsg(int fd, const struct msghdr *message, int flags) {
    return sys_fault("sendmsg") ? -1 : SYS_RETRY(sendmsg(fd, message, flags));
}
static inline ssize_t sys_recvmsg(int fd, struct msghdr *message, int flags) {
    return sys_fault("recvmsg") ? -1 : SYS_RETRY(recvmsg(fd, message, flags));
}

/* --- processes --- */

static inline pid_t sys_fork(void) {
    return sys_fault("fork") ? -1 : fork();
}
/* Like fork, with a pidfd of the child, and into the cgroup of the directory `cgroup` unless that
 * is -1 or does not work. */
static inline pid_t sys_clone_pidfd(int *ret_pidfd, int cgroup) {
    if (sys_fault("clone3"))
        return -1;
    int fd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)&fd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)(cgroup >= 0 ? cgroup : 0),
    };
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0 && cgroup >= 0) {
        args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
        args.cgroup = 0;
        pid = syscall(SYS_clone3, &args, sizeof(args));
    }
    if (pid < 0 && (errno == ENOSYS || errno == EPERM)) { /* old kernels, some sandboxes */
        pid = fork();
        if (pid > 0)
            fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    }
    if (pid > 0)
        *ret_pidfd = fd;
    return (pid_t)pid;
}
static inline int sys_execve(const char *file, char *const argv[], char *const env[]) {
    return sys_fault("execve") ? -1 : execve(file, argv, env);
}
static inline int sys_kill(pid_t pid, int signal) {
    return sys_fault("kill") ? -1 : kill(pid, signal);
}
static inline int sys_pidfd_open(pid_t pid) {
    return sys_fault("pidfd_open") ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
}
static inline int sys_pidfd_send_signal(int pidfd, int signal) {
    return sys_fault("pidfd_send_signal")
               ? -1
               : (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
static inline int sys_waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
    if (sys_fault("waitid"))
        return -1;
    info->si_pid = 0; /* WNOHANG leaves it alone when there is nothing */
    return SYS_RETRY(waitid(type, id, info, options));
}
static inline int sys_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    return sys_fault("poll") ? -1 : poll(fds, count, timeout_ms);
}
