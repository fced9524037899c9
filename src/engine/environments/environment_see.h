/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a look (environment_look.h), on a worker. */
#pragma once

#include "engine/compute/compute.h"
#include "engine/environments/environment_look.h"
#include "engine/environments/environments_inside.h"

/* ERR_NOT_FOUND: there is no such service; ERR_INVALID: its variables cannot be made yet. */
MUST int see_variables(const Operation *operation, Arena *arena, SeenVariables *ret, Err *err);
/* `known`: compose has told it just now; NULL: it is asked. */
void see_infrastructure(const Operation *operation, const ComputeLook *known, Arena *arena,
                        SeenInfrastructure *ret);
