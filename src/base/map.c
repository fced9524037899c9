/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

enum { CAP_FIRST = 16 };

void map_init(Map *map) {
    *map = (Map){0};
}

void map_deinit(Map *map) {
    for (size_t i = 0; i < map->cap; i++)
        free(map->slots[i].key);
    free(map->slots);
    map_init(map);
}

/* The slot that holds the key, or the free one where it belongs. */
static MapSlot *slot_of(const Map *map, const char *key, uint64_t hash) {
    size_t mask = map->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        MapSlot *slot = &map->slots[i];
        if (!slot->key || (slot->hash == hash && strcmp(slot->key, key) == 0))
            return slot;
    }
}

static void grow(Map *map) {
    Map larger = {.cap = map->cap ? map->cap * 2 : CAP_FIRST, .n = map->n};
    larger.slots = xcalloc(larger.cap, sizeof(*larger.slots));
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].key)
            *slot_of(&larger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    free(map->slots);
    *map = larger;
}

void *map_get(const Map *map, const char *key) {
    return map->cap ? slot_of(map, key, str_hash(STR_HASH, key))->value : NULL;
}

void *map_put(Map *map, const char *key, void *value) {
    assert(value);
    if (map->n * 4 >= map->cap * 3)
        grow(map);
    uint64_t hash = str_hash(STR_HASH, key);
    MapSlot *slot = slot_of(map, key, hash);
    void *old = slot->value;
    if (!slot->key) {
        slot->key = xstrdup(key);
        slot->hash = hash;
        map->n++;
    }
    slot->value = value;
    return old;
}

/* Moves up what was put behind the gap because its own place was taken. */
static void close_gap(Map *map, size_t gap) {
    size_t mask = map->cap - 1;
    for (size_t i = (gap + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        map->slots[gap] = map->slots[i];
        map->slots[i] = (MapSlot){0};
        gap = i;
    }
}

void *map_remove(Map *map, const char *key) {
    if (!map->cap)
        return NULL;
    MapSlot *slot = slot_of(map, key, str_hash(STR_HASH, key));
    void *old = slot->value;
    if (!slot->key)
        return NULL;
    free(slot->key);
    *slot = (MapSlot){0};
    map->n--;
    close_gap(map, (size_t)(slot - map->slots));
    return old;
}

int map_next(const Map *map, size_t *at, const char **ret_key, void **ret_value) {
    for (; *at < map->cap; (*at)++) {
        const MapSlot *slot = &map->slots[*at];
        if (!slot->key)
            continue;
        *ret_key = slot->key;
        *ret_value = slot->value;
        (*at)++;
        return 1;
    }
    return 0;
}
