/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* `thole down --all`: returns its exit code. */
int down_all(Cli *cli, int64_t timeout_ms);
