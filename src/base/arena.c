/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { BLOCK_FIRST = 1024, BLOCK_MOST = 256 * 1024, ALIGN = 16 };

struct ArenaBlock {
    ArenaBlock *next;
    size_t size;
    _Alignas(ALIGN) char bytes[];
};

void arena_init(Arena *arena) {
    *arena = (Arena){0};
}

void arena_deinit(Arena *arena) {
    while (arena->blocks) {
        ArenaBlock *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena_init(arena);
}

void arena_reset(Arena *arena) {
    arena_deinit(arena);
}

void arena_adopt(Arena *arena, Arena *other) {
    if (!other->blocks)
        return;
    if (!arena->blocks) {
        *arena = *other;
    } else { /* behind the block in use, which stays in use */
        ArenaBlock *last = other->blocks;
        while (last->next)
            last = last->next;
        last->next = arena->blocks->next;
        arena->blocks->next = other->blocks;
    }
    arena_init(other);
}

static ArenaBlock *new_block(size_t size) {
    ArenaBlock *block = xcalloc(1, sizeof(*block) + size);
    block->size = size;
    return block;
}

/* Something large has a block of its own, behind the one in use. */
static void *alloc_large(Arena *arena, size_t size) {
    ArenaBlock *block = new_block(size);
    if (arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        arena->blocks = block;
        arena->at = arena->end = block->bytes + size;
    }
    return block->bytes;
}

static void grow(Arena *arena) {
    size_t size = arena->blocks ? arena->blocks->size * 2 : BLOCK_FIRST;
    if (size > BLOCK_MOST || size < BLOCK_FIRST)
        size = size < BLOCK_FIRST ? BLOCK_FIRST : BLOCK_MOST;
    ArenaBlock *block = new_block(size);
    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = block->bytes;
    arena->end = block->bytes + size;
}

void *arena_alloc(Arena *arena, size_t size) {
    assert(size <= PTRDIFF_MAX);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size == 0)
        size = ALIGN;
    if ((size_t)(arena->end - arena->at) < size) {
        if (size > BLOCK_FIRST / 2)
            return alloc_large(arena, size);
        grow(arena);
    }
    void *memory = arena->at;
    arena->at += size;
    return memory;
}

void *arena_dup(Arena *arena, const void *bytes, size_t size) {
    void *copy = arena_alloc(arena, size);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

void *arena_grow(Arena *arena, void *at, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return at;
    *cap = *cap ? *cap * 2 : 4;
    void *larger = arena_alloc(arena, *cap * size);
    if (n)
        memcpy(larger, at, n * size);
    return larger;
}

char *arena_strndup(Arena *arena, const char *text, size_t size) {
    char *copy = arena_alloc(arena, size + 1);
    if (size)
        memcpy(copy, text, size);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(Arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *text = arena_alloc(arena, (size_t)(size < 0 ? 0 : size) + 1);
    vsnprintf(text, (size_t)(size < 0 ? 0 : size) + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
