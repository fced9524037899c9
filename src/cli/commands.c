/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

const Command *const commands[] = {
    &command_up, &command_ci, &command_down, &command_ps, &command_status, &command_help, NULL,
};
