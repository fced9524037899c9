/* SPDX-License-Identifier: Apache-2.0 */
/* What processes inherit of the client that asked for them (ClientSetup), as it is kept: bytes that
 * are no UTF-8 included. It holds secrets: only files of mode 0600 carry it. */
#pragma once

#include "data/json.h"
#include "engine/engine.h"

/* The members umask, nice, limits, env of an object that has been begun. */
void client_setup_encode(const ClientSetup *client, JsonWriter *out);
/* What was encoded; what is missing is as for a client that says nothing. In `arena`. */
void client_setup_load(const Value *v, Arena *arena, ClientSetup *ret);
/* With all that it points to, in `arena`. */
void client_setup_copy(const ClientSetup *client, Arena *arena, ClientSetup *ret);
