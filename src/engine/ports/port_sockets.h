/* SPDX-License-Identifier: Apache-2.0 */
/* Services that are given their sockets (`pass: fd`). The server listens for them from the moment
 * their ports are leased; the backend keeps the sockets for the servers to come. */
#pragma once

#include "backend/backend.h"
#include "engine/sessions/generation.h"

typedef struct Session Session;
typedef struct Target Target;

bool ports_pass_sockets(
    const Generation *generation); /* does any service of it have them passed? */
bool ports_passes(const Session *session, const char *service);
/* What servers before have left of the session's. */
void ports_take_kept(Session *session, const KeptSockets *kept);
/* Listens where it is to be listened, and no longer where not. */
void ports_listen(Session *session);
void ports_drop_kept(const Session *session); /* at its end */
/* For the target's next run. ERR_CONFLICT: somebody else is bound to one of its ports. */
MUST int ports_sockets(const Target *target, Arena *arena, Step *ret, Err *err);
