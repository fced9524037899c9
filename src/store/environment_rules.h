/* SPDX-License-Identifier: Apache-2.0 */
/* What all implementations of store/environments.h decide and say alike. */
#pragma once

#include "store/environments.h"

/* It keeps `server` out now. */
bool environment_lease_holds(const EnvironmentLease *lease, const char *server, int64_t now_ms);

/* All return -1. */
int environment_lease_refuse(const EnvironmentLease *lease, Err *err); /* it is this one's */
/* `now`: who has it instead; its holder is NULL if nobody has. */
int environment_lease_lost(const EnvironmentLease *now, Err *err);
int environment_not_found(EnvironmentKey key, Err *err);
int environment_is_there(EnvironmentKey key, Err *err);
int port_blocks_full(uint32_t n, Err *err);

/* The members of both, either of which may be NULL; those of `more` win. Lives in `arena`. */
Value *project_unknown(const Value *old, const Value *more, Arena *arena);

/* That puts all of `entry`, its steps, audit log and key-values too, where nothing is yet. Points
 * into both. */
EnvironmentWrite environment_write_whole(const char *project, const EnvironmentEntry *entry);

/* `version`: that it has; 0: it is not there. */
MUST int environment_check_version(const EnvironmentWrite *write, int64_t version, Err *err);
