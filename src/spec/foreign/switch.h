/* SPDX-License-Identifier: Apache-2.0 */
/* Variables that switch something on or off, as process-compose and overmind read them. */
#pragma once

#include <string.h>

#include "data/schema.h"

/* What is missing (NULL), empty, "0" or "false" is off. */
static inline bool switch_is_on(const char *value) {
    return value && *value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

/* `env` may be NULL. */
static inline bool switch_is_set(const StrMap *env, const char *name) {
    return env && switch_is_on(strmap_get(env, name));
}
