/* SPDX-License-Identifier: Apache-2.0 */
/* What others have named, as it is shown: with its control characters written out ("\x1b"), which a
 * terminal would obey. */
#pragma once

#include "base/buf.h"

bool plain_is(const char *text); /* it has none */
void plain_put(const char *text, Buf *out);
/* Returns owned. */
char *plain_copy(const char *text);
