/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a config file, on stderr as a compiler says it; in a terminal with the line it
 * is about. */
#pragma once

#include "cli/cli.h"

/* The problems in the details of a Status; NULL, or without any: nothing is said. */
void report_print(const Cli *cli, const Value *reply);

/* The problems and warnings in the status of a ConfigReview. */
void report_print_review(const Cli *cli, const Value *status);
