/* SPDX-License-Identifier: Apache-2.0 */
/* thole: the command line. Everything that takes more than words is asked of the server. */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return cli_run(argc, argv);
}
