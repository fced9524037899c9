/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts of an entry that are one column each: JSON, or NULL if there is nothing. Private
 * to this folder. */
#pragma once

#include "spec/environment.h"

typedef struct EntryTexts {
    const char *ports, *outputs, *services, *unknown, *compute_unknown;
} EntryTexts;

/* Lives in `arena`. ERR_LIMIT: one is too large. */
MUST int entry_texts(const EnvironmentEntry *entry, Arena *arena, EntryTexts *ret, Err *err);
/* Back. -1: it is none of ours; `err` says which. */
MUST int entry_texts_read(const EntryTexts *texts, Arena *arena, EnvironmentEntry *ret, Err *err);

/* A value of any kind; NULL is NULL. */
MUST int value_to_text(const Value *v, Arena *arena, const char **ret, Err *err);
MUST int value_of_text(const char *text, Arena *arena, const Value **ret, Err *err);
