/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/action.h"
#include "cli/commands.h"

static int run(Cli *cli, void *options, Err *err) {
    return action_run(cli, ACTION_ENABLE, options, err);
}

const Command command_enable = {
    .name = "enable",
    .args = "NAME… [-l KEY[=VALUE]] [--with-deps]",
    .doc = "Lets targets run that were disabled, and starts what was asked for",
    .more = "Holds until the session is down, whatever the file says. Does not wait.",
    .options = action_options,
    .option_n = ACTION_OPTION_ALL,
    .options_size = sizeof(ActionOptions),
    .run = run,
};
