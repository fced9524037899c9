/* SPDX-License-Identifier: Apache-2.0 */
/* What a plain YAML scalar is, by the core schema of YAML 1.2. */
#pragma once

#include "data/value.h"

/* The value of a plain scalar; its text is kept with it. */
Value *yaml_scalar(Arena *arena, const char *text, size_t len);
