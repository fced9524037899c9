/* SPDX-License-Identifier: Apache-2.0 */
/* A map from strings to pointers (open addressing). Keys are copied; values are the caller's. Order
 * of iteration is unspecified. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct MapSlot {
    char *key; /* NULL: free */
    uint64_t hash;
    void *value;
} MapSlot;

typedef struct Map {
    MapSlot *slots;
    size_t n, cap;
} Map;

void map_init(Map *map);
void map_deinit(Map *map);
void *map_get(const Map *map, const char *key); /* NULL: absent */
/* Returns what was there, or NULL; value not NULL. */
void *map_put(Map *map, const char *key, void *value);
void *map_remove(Map *map, const char *key); /* returns what was there */
/* Iteration: start with *at = 0; false at the end. The map must not change meanwhile. */
int map_next(const Map *map, size_t *at, const char **ret_key, void **ret_value);
