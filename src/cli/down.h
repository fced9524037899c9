/* SPDX-License-Identifier: Apache-2.0 */
/* What `thole down --all` does, for `thole server stop --all`: that no session is up is not
 * said. */
#pragma once

#include "cli/cli.h"

/* As Command.run. */
int down_all(Cli *cli, int64_t timeout_ms, Err *err);
