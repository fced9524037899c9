/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "cli/report_print.h"
#include "cli/review.h"

/* Which file all of them stand in; NULL: they are of several. */
static const char *file_of(const Value *problems) {
    const char *file = NULL;
    for (size_t i = 0; i < value_count(problems); i++) {
        const char *its = value_get_str(value_at(problems, i), "file");
        if (file && its && strcmp(file, its) != 0)
            return NULL;
        file = its ? its : file;
    }
    return file;
}

static int run(Cli *cli, void *options, Err *err) {
    const Value *status;
    if (review_ask(cli, &status, err) < 0)
        return -1;
    bool valid = value_get_bool(status, "valid", false);
    const Value *problems = value_get(status, "problems");
    report_print_review(cli, status);
    if (strcmp(cli_output(cli), "json") == 0)
        cli_print(cli, status);
    else if (valid)
        printf("%s is valid\n", cli->config_file);
    size_t n = value_count(problems);
    const char *file = file_of(problems);
    if (!valid)
        cli_say("%s%s%zu problem%s", file ? file : "", file ? " has " : "", n, n == 1 ? "" : "s");
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
