/* SPDX-License-Identifier: Apache-2.0 */
/* What the reference programs share. Each is the least a program can do for the same result as
 * thole, so that a ratio against it says what thole costs; a failure of any call ends it. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...) {
    int error = errno;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(error));
    exit(1);
}

/* Wall clock, because the stamps of different processes are compared with each other. */
static inline int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline long number(const char *text) {
    char *end;
    errno = EINVAL;
    long n = (long)strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-')
        die("not a number: %s", text);
    return n;
}

static inline pid_t spawn(char **argv, posix_spawn_file_actions_t *actions) {
    pid_t pid;
    errno = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
    if (errno != 0)
        die("spawn %s", argv[0]);
    return pid;
}

static inline int reap(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            die("wait");
    }
    return status;
}

static inline void write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            die("write");
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
}
