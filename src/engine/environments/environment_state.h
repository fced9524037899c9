/* SPDX-License-Identifier: Apache-2.0 */
/* All environments of a project at once: to be exported, and imported. */
#pragma once

#include "engine/environments/environment.h"

/* Whole, with their audit logs if `audit`; the result is an EnvironmentState. */
Op *environments_export(Engine *engine, const char *project, bool audit, OpFn fn, void *arg);
/* All of them or none: ERR_CONFLICT names one that is there already, ERR_NOT_FOUND says that there
 * is no such project. They keep their ports. No result. */
Op *environments_import(Engine *engine, const char *project, const EnvironmentState *state, OpFn fn,
                        void *arg);
