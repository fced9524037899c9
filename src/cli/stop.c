/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/action.h"
#include "cli/commands.h"

static int run(Cli *cli, void *options, Err *err) {
    return action_run(cli, ACTION_STOP, options, err);
}

const Command command_stop = {
    .name = "stop",
    .args = "NAME… [-l KEY[=VALUE]] [--timeout D]",
    .doc = "Stops targets; what depends on them goes on",
    .more = "Waits until it has happened.",
    .options = action_options,
    .option_n = ACTION_OPTION_N,
    .options_size = sizeof(ActionOptions),
    .run = run,
};
