/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline of a session, asked of the server. */
#pragma once

#include "cli/cli.h"

/* The columns of the terminal; where there is none, what COLUMNS says, or 100. */
int timeline_width(int fd);
/* `query`: as the route takes it. The answer is 200 and the caller's. */
MUST int timeline_ask(Cli *cli, const char *slug, const char *query, HttpAnswer *ret, Err *err);
