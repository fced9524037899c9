/* SPDX-License-Identifier: Apache-2.0 */
/* A document rewritten without losing what its writer does not know. */
#pragma once

#include "data/schema.h"

/* `old` with all that `type` describes as `now` has it: absent or null there is absent in the
 * result. What `type` does not describe stays. A map has the entries of `now`. `old` may be
 * NULL. */
const Value *state_merge(const Type *type, const Value *old, const Value *now, Arena *arena);

/* Without members that are null. */
const Value *state_without_nulls(const Value *v, Arena *arena);
