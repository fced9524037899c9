/* SPDX-License-Identifier: Apache-2.0 */
/* The files that an environment writes, as people see them: of a line NAME=value (an env file) or
 * "NAME": "value" (the manifest) the value is SCHEMA_MASKED if it is secret, as `thole env env` has
 * it. */
#pragma once

#include "spec/environment.h"

typedef struct SecretLines {
    const EnvironmentEntry *entry; /* what its hooks have said, and its key-values, are secret */
    StrList names;                 /* ... and what stands under one of these names */
    /* Such a text that was masked already; NULL: there is none. What is masked there is masked
     * under the same name here, and so is what has no line there: it may be an older secret. */
    const char *like;
} SecretLines;

/* In `arena`. */
const char *secret_lines_mask(const SecretLines *lines, const char *text, Arena *arena);
