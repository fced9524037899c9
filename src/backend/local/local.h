/* SPDX-License-Identifier: Apache-2.0 */
/* The local backend: steps are processes under pins (pin/wire.h). One rail per state directory;
 * started when it is first needed, adopted when it is there already, replaced when it died. */
#pragma once

#include "backend/backend.h"

typedef struct LocalOptions {
    const char *state_dir;          /* names the rail's socket */
    const char *pin_program;        /* absolute path of thole-pin */
    const char *const *server_argv; /* how the rail starts the server again; NULL-terminated */
    const char *rail_log;           /* file for the rail's stderr; NULL: none */
} LocalOptions;

Backend *local_backend_new(Loop *loop, const LocalOptions *options);

/* Tells the rail that the server leaves on purpose: no other is to be started. */
void local_backend_say_bye(Backend *backend);

/* What becomes of the fields of a Config: Backend.fields. */
const BackendField *local_fields(size_t *ret_n);
