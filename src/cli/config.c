/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/report_print.h"
#include "cli/review.h"

static int run(Cli *cli, void *options, Err *err) {
    const Value *status;
    if (review_ask(cli, &status, err) < 0)
        return -1;
    const Value *config = value_get(status, "config");
    if (!config) {
        report_print_review(cli, status);
        return err_set(err, ERR_INVALID, "%s is not valid", cli->config_file);
    }
    cli_print(cli, config);
    return EXIT_DONE;
}

const Command command_config = {
    .name = "config",
    .args = "[-o yaml|json]",
    .doc = "Prints the config file as understood here, with every default",
    .outputs = "yaml|json",
    .run = run,
    .no_names = true,
};
