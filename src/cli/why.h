/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of causes of a target, asked of the server. */
#pragma once

#include "cli/cli.h"

/* {target, lines: [{target, run, time, message}], command}, in cli->arena. NULL: there is no such
 * target. */
const Value *why_ask(Cli *cli, const char *slug, const char *name, Err *err);
