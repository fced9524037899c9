/* SPDX-License-Identifier: Apache-2.0 */
/* child WORD [BYTES]: writes the line "WORD <nanoseconds>", then BYTES more, then waits to be
 * ended. The service of most rows. */
#include "bench.h"

int main(int argc, char **argv) {
    char line[256];
    int n = snprintf(line, sizeof(line), "%s %lld\n", argc > 1 ? argv[1] : "child",
                     (long long)now_ns());
    write_all(STDOUT_FILENO, line, (size_t)n);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (long left = argc > 2 ? number(argv[2]) : 0; left > 0; left -= (long)sizeof(line))
        write_all(STDOUT_FILENO, line, sizeof(line));
    for (;;)
        pause();
}
