/* SPDX-License-Identifier: Apache-2.0 */
/* Key-values of an environment, as people set them. */
#pragma once

#include "engine/environments/environment.h"

typedef struct ValuesAsk {
    const StrMap *set;
    const StrList *unset;
} ValuesAsk;

/* [A-Za-z_][A-Za-z0-9_-]*, and not too long. ERR_INVALID. */
MUST int environment_value_name_check(const char *name, Err *err);
/* Could the env files of services hold them, as the config uses them now? Reads it: blocking. */
MUST int environment_values_check(const Environment *environment, const StrMap *set, Err *err);
/* All or nothing; never a conflict, whatever is done to the environment. The result is a
 * StoredEnvironment with its key-values as they are then. */
Op *environment_set_values(Environment *environment, const ValuesAsk *ask, OpFn fn, void *arg);
