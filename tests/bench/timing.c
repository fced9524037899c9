/* SPDX-License-Identifier: Apache-2.0 */
/* timing N ARGV…: runs a command N times, one after the other, output discarded; prints for each
 * "<when> <how long>" in nanoseconds. Fails when the command does. In C, because starting a process
 * from Python costs more than what is measured. */
#include "bench.h"

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc < 3)
        die("usage: timing N ARGV…");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    for (long left = number(argv[1]); left > 0; left--) {
        int64_t began = now_ns();
        int status = reap(spawn(argv + 2, &actions));
        printf("%lld %lld\n", (long long)began, (long long)(now_ns() - began));
        errno = ECANCELED;
        if (status != 0)
            die("%s: status %d", argv[2], status);
    }
    posix_spawn_file_actions_destroy(&actions);
    return 0;
}
