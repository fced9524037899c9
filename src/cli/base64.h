/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"

/* What is no base64 ends it. */
const char *base64_decode(const char *text, Arena *arena, size_t *ret_size);
char *base64_encode(const char *bytes, size_t size); /* returns owned */
