/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/action.h"
#include "cli/commands.h"

static int run(Cli *cli, void *options, Err *err) {
    return action_run(cli, ACTION_RESTART, options, err);
}

const Command command_restart = {
    .name = "restart",
    .args = "NAME… [-l KEY[=VALUE]] [--timeout D] [--force]",
    .doc = "Starts fresh runs of targets",
    .more = "Waits until servers run and jobs have ended.",
    .options = run_options,
    .option_n = RUN_OPTION_N,
    .options_size = sizeof(ActionOptions),
    .run = run,
    .once = true,
};
