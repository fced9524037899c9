/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "cli/report_print.h"
#include "cli/review.h"

static int run(Cli *cli, void *options, Err *err) {
    const Value *status;
    if (review_ask(cli, &status, err) < 0)
        return -1;
    bool valid = value_get_bool(status, "valid", false);
    size_t problems = value_count(value_get(status, "problems"));
    report_print_review(cli, status);
    if (strcmp(cli_output(cli), "json") == 0)
        cli_print(cli, status);
    else if (valid)
        printf("%s is valid\n", cli->config_file);
    if (!valid)
        cli_say("%s has %zu problem%s", cli->config_file, problems, problems == 1 ? "" : "s");
    return valid ? EXIT_DONE : EXIT_USAGE;
}

const Command command_vet = {
    .name = "vet",
    .args = "[-o text|json]",
    .doc = "Checks the config file and starts nothing: 0 valid, 2 not",
    .outputs = "text|json",
    .run = run,
    .no_names = true,
};
