/* SPDX-License-Identifier: Apache-2.0 */
#include "data/strmap.h"

#include <string.h>

#include "base/xalloc.h"

const char *strmap_get(const StrMap *map, const char *name) {
    size_t low = 0, high = map->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(map->at[middle].name, name);
        if (order == 0)
            return map->at[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

StrMap strmap_merge(const StrMap *low, const StrMap *high, Arena *arena) {
    StrMap all = {.at = arena_alloc(arena, (low->n + high->n + 1) * sizeof(StrPair))};
    size_t i = 0, j = 0;
    while (i < low->n || j < high->n) {
        int order = i == low->n ? 1 : j == high->n ? -1 : strcmp(low->at[i].name, high->at[j].name);
        if (order == 0)
            i++; /* overlaid */
        all.at[all.n++] = order < 0 ? low->at[i++] : high->at[j++];
    }
    return all;
}

StrMap strmap_copy(const StrMap *map, Arena *arena) {
    StrMap own = {.at = arena_alloc(arena, (map->n + 1) * sizeof(*own.at)), .n = map->n};
    for (size_t i = 0; i < map->n; i++)
        own.at[i] =
            (StrPair){arena_strdup(arena, map->at[i].name), arena_strdup(arena, map->at[i].value)};
    return own;
}

/* Pairs of one name stay in their order, which qsort does not promise. `room` for half of them. */
static void sort(StrPair *at, size_t n, StrPair *room) {
    size_t half = n / 2, i = 0, j = half, k = 0;
    if (n < 2)
        return;
    sort(at, half, room);
    sort(at + half, n - half, room);
    memcpy(room, at, half * sizeof *room);
    while (i < half)
        at[k++] = j < n && strcmp(at[j].name, room[i].name) < 0 ? at[j++] : room[i++];
}

const char *strmap_sort(StrMap *map) {
    AUTO_FREE StrPair *room = xcalloc(map->n / 2 + 1, sizeof *room);
    const char *twice = NULL;
    size_t kept = 0;
    sort(map->at, map->n, room);
    for (size_t i = 0; i < map->n; i++)
        if (i == 0 || strcmp(map->at[kept - 1].name, map->at[i].name) != 0)
            map->at[kept++] = map->at[i];
        else
            twice = map->at[i].name;
    map->n = kept;
    return twice;
}

StrMap strmap_of_environment(char *const *lines, Arena *arena) {
    StrMap map = {0};
    size_t n = 0;
    while (lines[n])
        n++;
    map.at = arena_alloc(arena, (n + 1) * sizeof(*map.at));
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(lines[i], "=");
        if (name && lines[i][name])
            map.at[map.n++] = (StrPair){arena_strndup(arena, lines[i], name),
                                        arena_strdup(arena, lines[i] + name + 1)};
    }
    strmap_sort(&map);
    return map;
}
