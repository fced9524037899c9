/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "cli/report_print.h"
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
    } else {
        const Value *status = value_get(review, "status");
        bool valid = value_get_bool(status, "valid", false);
        size_t problems = value_count(value_get(status, "problems"));
        report_print(cli, review);
        if (strcmp(cli_output(cli), "json") == 0)
            cli_print(cli, status);
        else if (valid)
            printf("%s is valid\n", cli->config_file);
        if (!valid)
            cli_say("%s has %zu problem%s", cli->config_file, problems, problems == 1 ? "" : "s");
        r = valid ? EXIT_DONE : EXIT_USAGE;
    }
    arena_deinit(&arena);
    return r;
}

const Command command_vet = {
    .name = "vet",
    .args = "[-o text|json]",
    .doc = "Checks the config file and starts nothing: 0 valid, 2 not",
    .outputs = "text|json",
    .run = run,
    .no_names = true,
};
