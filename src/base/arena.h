/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator for values that live and die together: a decoded config, a request, a plan. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *blocks; /* the one in use first */
    char *at, *end;
} Arena;

void arena_init(Arena *arena);
void arena_deinit(Arena *arena);
void arena_reset(Arena *arena); /* empty again */
/* Takes over all that is in `other`, which is empty then. */
void arena_adopt(Arena *arena, Arena *other);

/* Zeroed, aligned for anything; never NULL, also for 0. */
void *arena_alloc(Arena *arena, size_t size);
void *arena_dup(Arena *arena, const void *bytes, size_t size);
/* The array `at` of `n` items of `size` bytes with room for one more: in a place twice as large
 * when *cap is reached (the old one is left behind in the arena). */
void *arena_grow(Arena *arena, void *at, size_t n, size_t *cap, size_t size);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t size); /* `size` bytes and a NUL */
char *arena_printf(Arena *arena, const char *format, ...) PRINTF(2, 3);
char *arena_vprintf(Arena *arena, const char *format, va_list args) PRINTF(2, 0);
