/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of other servers of ours on this machine. No registry knows those servers: what their
 * pins have open says where they keep what they run. */
#pragma once

#include "base/arena.h"

/* The state directory of a server other than that of `state_dir` which runs something of a config
 * file that is `path`, or lies below it. In `arena`; NULL: none does. One look through /proc. */
const char *session_elsewhere(const char *state_dir, const char *path, Arena *arena);

/* In a state directory, locked by its server: the path of the socket on which that listens. */
#define SERVER_LOCK "server.lock"
/* The variables with which `thole` reaches the server of the state directory `there`, which is not
 * `state_dir`, or starts it: "THOLE_RUNTIME_DIR=/r THOLE_STATE_DIR=/s". In `arena`. */
const char *session_elsewhere_vars(const char *state_dir, const char *there, Arena *arena);
