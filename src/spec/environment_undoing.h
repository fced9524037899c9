/* SPDX-License-Identifier: Apache-2.0 */
/* What was made for an environment outlives the words of the config file that made it: a service is
 * renamed, another branch is checked out. */
#pragma once

#include "spec/config.h"
#include "spec/environment.h"

/* `now`, and of `before` how that is undone of which `now` speaks no more: the destroy hooks of
 * provisioned services that it does not name, and of the machine if it has none. Those alone
 * that were provisioned for `entry`, a machine if it is on one; NULL: all. In `arena`; strings are
 * lent. */
const Config *environment_undoing(const Config *now, const Config *before,
                                  const EnvironmentEntry *entry, Arena *arena);
/* The keys, with commas, that would say how it is undone what was made for `entry`, and that the
 * config does not have; NULL: it is all known. In `arena`. */
const char *environment_undoing_unknown(const Config *config, const EnvironmentEntry *entry,
                                        Arena *arena);
