/* SPDX-License-Identifier: Apache-2.0 */
/* thole-pin rail NAME SERVER [ARGUMENT…]: see rail.h. Started by thole-server; of no use to people. */
#include "pin/rail.h"

#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static const char usage[] = "usage: thole-pin rail NAME SERVER [ARGUMENT...]  (started by thole-server)\n";
    if (argc < 4 || strcmp(argv[1], "rail") != 0) {
        (void)!write(STDERR_FILENO, usage, sizeof(usage) - 1);
        return 2;
    }
    return rail_main(argc - 1, argv + 1);
}
