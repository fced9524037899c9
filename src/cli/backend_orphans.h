/* SPDX-License-Identifier: Apache-2.0 */
/* What `thole server stop --all` does about what is left of tasks that nobody knows. */
#pragma once

#include "cli/cli.h"

/* Ends processes of the local backend that have lost their directory, and says so of each task.
 * Exit code; -1: err. */
MUST int backend_end_orphans(Cli *cli, Err *err);
