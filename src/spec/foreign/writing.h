/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a thole.yaml as a Value tree: what a foreign file means, said in our language. Each value
 * stands where the foreign one that it comes from stood, so that whatever the tables say of it
 * later names the right line. */
#pragma once

#include "base/report.h"
#include "data/schema.h"

typedef struct Writing {
    Arena *arena;
    uint32_t line, column; /* where what is written next comes from; 0: unknown */
} Writing;

Value *writing_map(const Writing *w);
Value *writing_list(const Writing *w);
/* Members of a map. */
void writing_put(const Writing *w, Value *map, const char *key, Value *v);
void writing_text(const Writing *w, Value *map, const char *key, const char *text);
void writing_int(const Writing *w, Value *map, const char *key, int64_t n);
void writing_bool(const Writing *w, Value *map, const char *key, bool yes);
/* "10s"; the unit is the largest that fits. */
void writing_ms(const Writing *w, Value *map, const char *key, int64_t ms);
void writing_words(const Writing *w, Value *map, const char *key, const StrList *words);
/* An item of a list. */
void writing_item(const Writing *w, Value *list, const char *text);
/* Sets or replaces a member. */
void writing_over(const Writing *w, Value *map, const char *key, const char *text);
