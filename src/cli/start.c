/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/action.h"
#include "cli/commands.h"

static int run(Cli *cli, void *options, Err *err) {
    return action_run(cli, ACTION_START, options, err);
}

const Command command_start = {
    .name = "start",
    .args = "NAME… [-l KEY[=VALUE]] [--timeout D] [--force]",
    .doc = "Starts targets and what they depend on",
    .more = "Waits until servers run and jobs have ended.",
    .options = run_options,
    .option_n = RUN_OPTION_N,
    .options_size = sizeof(ActionOptions),
    .run = run,
};
