/* SPDX-License-Identifier: Apache-2.0 */
/* A Value tree as YAML text, in the block style that people write. What it writes reads back as
 * the same tree, with any YAML 1.2 or 1.1 reader: strings that such a reader could take for
 * something else are quoted. */
#pragma once

#include "base/buf.h"
#include "data/value.h"

void yaml_write(const Value *v, Buf *out);
