/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* The problems of a config file in a Status' details (or a review's status), each on stderr like a compiler says it. */
void report_print(const Cli *cli, const Value *reply);
