/* SPDX-License-Identifier: Apache-2.0 */
/* What config_load.c and config_store.c share. */
#pragma once

#include "spec/config.h"

/* Fills in what follows from other members: argv of scripts, the kind of the probe,
 * restart_written. */
void resolve_service(Service *service, Arena *arena);
