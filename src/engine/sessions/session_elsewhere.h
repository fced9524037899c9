/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of other servers of ours on this machine. No registry knows those servers: what their
 * pins have open says where they keep what they run. */
#pragma once

#include "base/arena.h"

/* The state directory of a server other than that of `state_dir` which runs something of a config
 * file that is `path`, or lies below it. In `arena`; NULL: none does. One look through /proc. */
const char *session_elsewhere(const char *state_dir, const char *path, Arena *arena);
