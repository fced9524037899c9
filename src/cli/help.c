/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/commands.h"
#include "config.h"

void help_commands(void) {
    printf("thole %s: runs what a repository needs while people work on it\n\n"
           "usage: thole [-C DIR] [--file FILE] [--session NAME] COMMAND …\n\n",
           THOLE_VERSION);
    for (const Command *const *at = commands; *at; at++)
        printf("  %-10s %s\n", (*at)->name, (*at)->doc);
    printf("\n`thole help COMMAND` says more about one.\n");
}

void help_command(const Command *command) {
    OptionSet sets[] = {{command->options, command->option_n, NULL},
                        {global_options, GLOBAL_OPTION_N, NULL}};
    printf("usage: thole %s %s\n\n%s.\n\n", command->name, command->args, command->doc);
    if (command->outputs)
        printf("-o takes %s.\n\n", command->outputs);
    options_print(sets, COUNT(sets));
}

static int run(Cli *cli, void *options) {
    (void)options;
    Err err;
    if (!cli->names.n) {
        help_commands();
        return EXIT_DONE;
    }
    const Command *command = command_find(cli->names.at[0]);
    if (!command)
        return command_unknown(cli->names.at[0], &err), cli_fail(&err);
    help_command(command);
    return EXIT_DONE;
}

const Command command_help = {
    .name = "help",
    .args = "[COMMAND]",
    .doc = "Says what there is, or more about one command",
    .run = run,
    .offline = true,
};
