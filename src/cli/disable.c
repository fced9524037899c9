/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/action.h"
#include "cli/commands.h"

static int run(Cli *cli, void *options, Err *err) {
    return action_run(cli, ACTION_DISABLE, options, err);
}

const Command command_disable = {
    .name = "disable",
    .args = "NAME… [-l KEY[=VALUE]] [--with-deps] [--timeout D]",
    .doc = "Stops targets and keeps them from running until they are enabled",
    .more = "Waits until they are stopped. Holds until the session is down.",
    .options = action_options,
    .option_n = ACTION_OPTION_ALL,
    .options_size = sizeof(ActionOptions),
    .run = run,
};
