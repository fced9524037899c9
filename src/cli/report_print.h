/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a config file, on stderr as a compiler says it; in a terminal with the line it
 * is about. */
#pragma once

#include "cli/cli.h"

/* The problems in the details of a Status; NULL, or without any: nothing is said. */
void report_print(const Cli *cli, const Value *reply);

/* A Status says first whose field is wrong; people want to know what is wrong with what they wrote.
 * Nothing is changed where its problems are printed. */
void report_take_cause(const Value *reply, Err *err);

/* The problems and warnings in the status of a ConfigReview. */
void report_print_review(const Cli *cli, const Value *status);
