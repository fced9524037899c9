/* SPDX-License-Identifier: Apache-2.0 */
/* Variables by which git tells its hooks (and `git rebase -x`, `git bisect run`) which repository,
 * index and worktree they are about. In another worktree they lead astray: what is added there
 * would be in the commit that is being made here. Those of `git rev-parse --local-env-vars`,
 * without the ones of its configuration (GIT_CONFIG_COUNT and so on), which people set. */
#pragma once

#include <stdbool.h>

bool git_variable_is(const char *name);
