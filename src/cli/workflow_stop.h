/* SPDX-License-Identifier: Apache-2.0 */
/* Ending all workflows that are not over, for `thole server stop --all`. `list` is the `workflows`
 * of the server's status. */
#pragma once

#include "cli/cli.h"

/* Each is cancelled; what could not be asked for is said. */
void workflows_cancel(Cli *cli, const Value *list);
/* Waits for the end of each, which is said. Exit code; -1: err (ERR_TIMEOUT: `timeout_ms`, if
 * there is one, was not enough). */
MUST int workflows_wait_over(Cli *cli, const Value *list, int64_t timeout_ms, Err *err);
