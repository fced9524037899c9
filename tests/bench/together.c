/* SPDX-License-Identifier: Apache-2.0 */
/* together N DIR ARGV…: the bare loop for many at once: starts ARGV N times, each with a log file
 * in DIR, and waits for all. */
#include "bench.h"

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc < 4)
        die("usage: together N DIR ARGV…");
    long n = number(argv[1]);
    for (long i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%04ld.log", argv[2], i);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        spawn(argv + 3, &actions);
        posix_spawn_file_actions_destroy(&actions);
    }
    int status;
    for (long left = n; left > 0; left--) {
        errno = ECANCELED;
        if (wait(&status) < 0 || status != 0)
            die("%s failed", argv[3]);
    }
    return 0;
}
