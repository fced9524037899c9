/* SPDX-License-Identifier: Apache-2.0 */
/* respawn N ARGV…: the bare respawn loop: starts the command again as soon as it has ended, N
 * times. */
#include "bench.h"

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc < 3)
        die("usage: respawn N ARGV…");
    for (long left = number(argv[1]); left > 0; left--)
        reap(spawn(argv + 2, NULL));
    return 0;
}
