/* SPDX-License-Identifier: Apache-2.0 */
/* start, stop, restart, enable, disable: a wish, and waiting until it has happened. */
#pragma once

#include "cli/cli.h"

typedef struct ActionOptions {
    int64_t timeout_ms;
    TextList labels;
    bool force;     /* start, restart */
    bool with_deps; /* enable, disable */
} ActionOptions;

/* label, timeout; enable and disable have the third, with-deps, as well. */
extern const Option action_options[];
enum { ACTION_OPTION_N = 2, ACTION_OPTION_ALL = 3 };
/* label, timeout, force: of start and restart. */
extern const Option run_options[];
enum { RUN_OPTION_N = 3 };

typedef enum Action {
    ACTION_START,
    ACTION_STOP,
    ACTION_RESTART,
    ACTION_ENABLE,
    ACTION_DISABLE
} Action;

/* As Command.run. */
int action_run(Cli *cli, Action action, const ActionOptions *options, Err *err);
