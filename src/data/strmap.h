/* SPDX-License-Identifier: Apache-2.0 */
/* StrMap: names and their values, as environments, labels and options are. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

typedef struct StrPair {
    const char *name, *value;
} StrPair;
/* Pairs in byte order of their names, none twice. */
typedef struct StrMap {
    StrPair *at;
    size_t n;
} StrMap;

const char *strmap_get(const StrMap *map, const char *name); /* NULL: absent */
/* `low` overlaid with `high`, sorted. Strings are shared. */
StrMap strmap_merge(const StrMap *low, const StrMap *high, Arena *arena);
/* With strings of its own. */
StrMap strmap_copy(const StrMap *map, Arena *arena);
/* Of `NAME=value` each, ended by NULL, as `environ` is; what has no name is left out. With strings
 * of its own. */
StrMap strmap_of_environment(char *const *lines, Arena *arena);
/* Makes a StrMap of pairs in any order; of those of one name the first stays. Returns a name that
 * was there twice; NULL: none was. */
const char *strmap_sort(StrMap *map);
