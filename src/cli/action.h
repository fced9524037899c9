/* SPDX-License-Identifier: Apache-2.0 */
/* start, stop, restart: a wish, and waiting until it has happened. */
#pragma once

#include "cli/cli.h"

typedef struct ActionOptions {
    int64_t timeout_ms;
} ActionOptions;

extern const Option action_options[];
enum { ACTION_OPTION_N = 1 };

typedef enum Action { ACTION_START, ACTION_STOP, ACTION_RESTART } Action;

/* As Command.run. */
int action_run(Cli *cli, Action action, const ActionOptions *options, Err *err);
