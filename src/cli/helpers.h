/* SPDX-License-Identifier: Apache-2.0 */
/* Names what runs have left running because their service says `linger`, and how to end it. */
#pragma once

#include "cli/cli.h"
#include "cli/targets.h"

/* One line on stderr if there are any; true if so. */
bool helpers_say(const TargetView *view);
/* How to end what helpers_say() has named. */
void helpers_say_how(const Cli *cli);
/* Both, of all targets or of those that were chosen. */
void helpers_say_all(const Cli *cli, const Targets *targets, bool chosen);
