/* SPDX-License-Identifier: Apache-2.0 */
/* sequential N FILE ARGV…: the bare sequential spawn: N times one after the other, output appended
 * to FILE. */
#include "bench.h"

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc < 4)
        die("usage: sequential N FILE ARGV…");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    for (long left = number(argv[1]); left > 0; left--) {
        errno = ECANCELED;
        if (reap(spawn(argv + 3, &actions)) != 0)
            die("%s failed", argv[3]);
    }
    posix_spawn_file_actions_destroy(&actions);
    return 0;
}
