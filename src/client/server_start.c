/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a server: away from our terminal, session and directory, with a pipe through which it
 * says "ready" or why not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "client/client.h"
#include "data/json.h"

enum { START_MS = 10 * 1000, READY_FD = 3 };

/* Beside our own program, else in libexec/ beside its directory, else on the PATH. */
static char *server_program(void) {
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (n > 0) {
        own[n] = '\0';
        AUTO_FREE char *dir = path_dir(own);
        AUTO_FREE char *beside = path_join(dir, "thole-server");
        AUTO_FREE char *libexec = path_join(dir, "../libexec/thole/thole-server");
        if (access(beside, X_OK) == 0)
            return TAKE(beside);
        if (access(libexec, X_OK) == 0)
            return TAKE(libexec);
    }
    return xstrdup("thole-server");
}

/* In the grandchild: nothing of ours stays open but the pipe and the server's own log. */
static void become_server(const char *program, int ready, int log) {
    const char *argv[] = {program, "--ready-fd", "3", NULL};
    int null = open("/dev/null", O_RDWR);
    (void)!chdir("/");
    dup2(null, STDIN_FILENO);
    dup2(log >= 0 ? log : null, STDOUT_FILENO);
    dup2(log >= 0 ? log : null, STDERR_FILENO);
    if (ready != READY_FD)
        dup2(ready, READY_FD);
    else
        fcntl(ready, F_SETFD, 0);
    close_range(READY_FD + 1, ~0u, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 1; i < 32; i++)
        signal(i, SIG_DFL);
    execvp(program, (char *const *)argv);
    dprintf(READY_FD, "%s cannot be started: %s\n", program, strerror(errno));
    _exit(127);
}

static int spawn(const Client *client, int ready, Err *err) {
    AUTO_FREE char *program = server_program();
    AUTO_FREE char *log_path = path_join(client->state_dir, "server.log");
    AUTO_CLOSE int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, errno, "start the server");
    if (pid == 0) {
        setsid();
        if (fork() == 0)
            become_server(program, ready, log);
        _exit(0);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

/* What the server says: "ready", or a sentence. */
static int hear(int fd, const Client *client, Err *err) {
    char text[500];
    size_t n = 0;
    int64_t deadline_ms = clock_mono_ms() + START_MS;
    while (n < sizeof(text) - 1) {
        struct pollfd p[] = {
            {.fd = fd, .events = POLLIN},
            {.fd = client->interrupt > 0 ? client->interrupt : -1, .events = POLLIN}};
        int64_t left = deadline_ms - clock_mono_ms();
        bool quiet = client->say && left > START_MS - CLIENT_SAY_MS;
        int ready = left > 0 ? poll(p, COUNT(p), quiet ? CLIENT_SAY_MS : (int)left) : 0;
        if (ready == 0 && quiet) {
            client->say("waiting for the server to start, at most 10 s");
            continue;
        }
        if (ready > 0 && p[1].revents)
            return err_set(err, ERR_CANCELLED, "interrupted while the server was being started");
        if (ready == 0)
            return err_set(err, ERR_INTERNAL,
                           "the server has not started within %d s; see %s/server.log",
                           START_MS / 1000, client->state_dir);
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, "ready") == 0)
        return 0;
    if (!text[0])
        return err_set(err, ERR_UNAVAILABLE,
                       "the server did not start: it ended without a word; see %s/server.log",
                       client->state_dir);
    return err_set(err, ERR_INTERNAL, "the server did not start: %s", text);
}

static void become_review(const char *program, const char *file, int out) {
    const char *argv[] = {program, "--review", file, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execvp(program, (char *const *)argv);
    _exit(127);
}

static void read_all(int fd, Buf *text) {
    char bytes[16 * 1024];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof(bytes))) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            buf_put(text, bytes, (size_t)got);
}

int server_review(const char *file, Arena *arena, const Value **ret) {
    AUTO_FREE char *program = server_program();
    int ends[2], status = -1;
    Buf text;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become_review(program, file, ends[1]);
    close(ends[1]);
    buf_init(&text, MAX_REPLY_BYTES);
    read_all(ends[0], &text);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    int r = status == 0 ? json_parse(buf_cstr(&text), text.n, arena, ret, NULL) : -1;
    buf_deinit(&text);
    return r;
}

int server_start(const Client *client, Err *err) {
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return err_sys(err, errno, "start the server");
    int r = spawn(client, pipe[1], err);
    close(pipe[1]);
    if (r == 0)
        r = hear(pipe[0], client, err);
    close(pipe[0]);
    return r;
}
