/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* The problems of a config file in a Status' details, or problems and warnings of a review's status,
 * each on stderr as a compiler says it. In a terminal with the line they are about. */
void report_print(const Cli *cli, const Value *reply);
