/* SPDX-License-Identifier: Apache-2.0 */
/* spawn N DIR CHILD: the bare loop that thole's start is measured against. Starts CHILD s0001 … N
 * times, each with a pipe and a log file in DIR, copies what they write, and ends (and them) as
 * soon as each has written a line and it is in its file. */
#include "bench.h"

#include <poll.h>
#include <signal.h>

typedef struct Child {
    pid_t pid;
    int log;
} Child;

static void start(Child *child, struct pollfd *pipe_end, char **argv, const char *dir) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.log", dir, argv[1]);
    child->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int ends[2];
    if (child->log < 0 || pipe2(ends, O_CLOEXEC) < 0)
        die("%s", path);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    child->pid = spawn(argv, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *pipe_end = (struct pollfd){.fd = ends[0], .events = POLLIN};
}

/* Copies what is there; returns whether the line is complete (then the pipe is not watched any
 * more). */
static int copy(const Child *child, struct pollfd *pipe_end) {
    char buffer[4096];
    ssize_t n = read(pipe_end->fd, buffer, sizeof(buffer));
    errno = n < 0 ? errno : EPIPE;
    if (n <= 0)
        die("read");
    write_all(child->log, buffer, (size_t)n);
    if (buffer[n - 1] != '\n')
        return 0;
    pipe_end->fd = -pipe_end->fd;
    return 1;
}

static long copy_ready(Child *children, struct pollfd *pipes, long started) {
    long done = 0;
    for (long i = 0; i < started; i++) {
        if (pipes[i].fd >= 0 && pipes[i].revents)
            done += copy(&children[i], &pipes[i]);
    }
    return done;
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 4)
        die("usage: spawn N DIR CHILD");
    long n = number(argv[1]);
    Child *children = calloc((size_t)n, sizeof(*children));
    struct pollfd *pipes = calloc((size_t)n, sizeof(*pipes));
    if (!children || !pipes)
        die("memory");
    long done = 0;
    for (long i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "s%04ld", i);
        start(&children[i], &pipes[i], (char *[]){argv[3], name, NULL}, argv[2]);
    }
    while (done < n) {
        if (poll(pipes, (nfds_t)n, -1) < 0)
            die("poll");
        done += copy_ready(children, pipes, n);
    }
    printf("%lld\n", (long long)now_ns());
    fflush(stdout);
    for (long i = 0; i < n; i++)
        kill(children[i].pid, SIGKILL);
    for (long i = 0; i < n; i++)
        reap(children[i].pid);
    free(children);
    free(pipes);
    return 0;
}
