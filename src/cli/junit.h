/* SPDX-License-Identifier: Apache-2.0 */
/* `thole ci --junit FILE`: a test report that continuous integration reads. One testsuite for the
 * session, one testcase for each target that took part. */
#pragma once

#include "cli/cases.h"

/* Before anything begins: the file is made, and says that it did not come to its end, should nobody
 * say more. */
MUST int junit_begin(const char *file, Err *err);
/* It never began. */
MUST int junit_write_problem(const char *file, const char *problem, Err *err);
/* `problem`: what is wrong besides, "interrupted" say; NULL: nothing. */
MUST int junit_write(Cli *cli, const char *file, const Cases *cases, const char *problem, Err *err);
