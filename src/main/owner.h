/* SPDX-License-Identifier: Apache-2.0 */
/* The owner: who made something in an engine, or began something in a store, that several may use.
 * Drawn once for each state directory, whatever becomes of its path. */
#pragma once

#include "base/err.h"

enum { OWNER_TEXT = 37 };

/* From the file `owner` of the state directory, which is made if it is not there. */
MUST int owner_of(const char *state_dir, char ret[OWNER_TEXT], Err *err);
