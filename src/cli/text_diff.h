/* SPDX-License-Identifier: Apache-2.0 */
/* How one text differs from another, as `diff -u` says it. Pure: no I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

typedef struct TextDiff {
    const char *before_name, *after_name; /* what stands behind --- and +++ */
    const char *before, *after;           /* NULL: there is no such file; its name is /dev/null */
    bool color;
} TextDiff;

/* Nothing is added if both are the same. */
void text_diff(const TextDiff *diff, Buf *out);
