/* SPDX-License-Identifier: Apache-2.0 */
/* tell N BYTES ROUNDS: the bare loop of socket writes that a watch is measured against: one process
 * writes BYTES to each of N sockets, another listens; prints nanoseconds from the first heard to
 * the last heard, one line a round. */
#include "fanout.h"

#include <sys/resource.h>
#include <sys/socket.h>

static void tell(const int *sockets, int n, size_t bytes, int go) {
    char *message = calloc(1, bytes), byte;
    if (!message)
        die("memory");
    while (read(go, &byte, 1) == 1) {
        for (int i = 0; i < n; i++)
            write_all(sockets[i], message, bytes);
    }
    free(message);
    _exit(0);
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 4)
        die("usage: tell N BYTES ROUNDS");
    int n = (int)number(argv[1]), go[2];
    struct rlimit files = {.rlim_cur = (rlim_t)(2 * n + 64), .rlim_max = (rlim_t)(2 * n + 64)},
                  have;
    if (getrlimit(RLIMIT_NOFILE, &have) == 0 && have.rlim_max > files.rlim_max)
        files.rlim_max = have.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || pipe(go) < 0)
        die("%d open files", 2 * n);
    Ears ears;
    ears_init(&ears, n);
    int *sockets = calloc((size_t)n, sizeof(int));
    for (int i = 0; sockets && i < n; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            die("socketpair");
        sockets[i] = pair[0];
        ears_add(&ears, i, pair[1]);
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        tell(sockets, n, (size_t)number(argv[2]), go[0]);
    }
    for (long left = number(argv[3]); left > 0; left--) {
        ears_reset(&ears);
        write_all(go[1], "g", 1);
        printf("%lld\n", (long long)ears_span(&ears));
        ears_drain(&ears, 5);
    }
    close(go[1]);
    reap(pid);
    free(sockets);
    ears_free(&ears);
    return 0;
}
