/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* Has the server read the project's config file: a ConfigReview in `arena`. */
MUST int review_ask(Cli *cli, Arena *arena, const Value **ret, Err *err);
