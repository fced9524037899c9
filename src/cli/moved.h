/* SPDX-License-Identifier: Apache-2.0 */
/* A project directory that was moved while its session runs: the session goes by the old path, and
 * only `.thole/` in the directory still knows its name. */
#pragma once

#include "cli/cli.h"

/* That session; NULL: there is none. */
const Value *moved_find(Cli *cli);
/* The path of its config file, which is not there any more. */
const char *moved_from(const Value *session);

/* A session whose config file is gone for good: --session names it whole, or --file where it was.
 * With `stopped` also one that is down. In the arena; NULL: there is none. */
const char *moved_lost(Cli *cli, bool stopped);
/* Says of each of them what ends it. */
void moved_say_lost(Cli *cli);
