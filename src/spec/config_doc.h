/* SPDX-License-Identifier: Apache-2.0 */
/* The page docs/keys.md, from the tables of config.c. */
#pragma once

#include "base/buf.h"

void config_doc(Buf *out);
