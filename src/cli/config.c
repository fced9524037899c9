/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/review.h"

static int run(Cli *cli, void *options) {
    (void)options;
    Arena arena;
    const Value *review;
    Err err;
    int r = EXIT_DONE;
    arena_init(&arena);
    if (review_ask(cli, &arena, &review, &err) < 0) {
        r = cli_refused(cli, review, &err);
    } else if (!value_get_bool(value_get(review, "status"), "valid", false)) {
        err_set(&err, ERR_INVALID, "%s is not valid", cli->config_file);
        r = cli_refused(cli, review, &err);
    } else {
        cli_print(cli, value_get(value_get(review, "status"), "config"));
    }
    arena_deinit(&arena);
    return r;
}

const Command command_config = {
    .name = "config",
    .args = "[-o yaml|json]",
    .doc = "Prints the config file as it is understood, with every default",
    .outputs = "yaml|json",
    .run = run,
    .no_names = true,
};
