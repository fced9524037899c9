/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/writing.h"

#include <inttypes.h>
#include <string.h>

static Value *placed(const Writing *w, Value *v) {
    v->line = w->line;
    v->column = w->column;
    return v;
}

Value *writing_map(const Writing *w) {
    return placed(w, value_new(w->arena, VALUE_MAP));
}

Value *writing_list(const Writing *w) {
    return placed(w, value_new(w->arena, VALUE_LIST));
}

void writing_put(const Writing *w, Value *map, const char *key, Value *v) {
    ValuePair *pair = value_set(w->arena, map, key, v);
    pair->line = w->line;
    pair->column = w->column;
}

void writing_text(const Writing *w, Value *map, const char *key, const char *text) {
    writing_put(w, map, key, placed(w, value_new_string(w->arena, text)));
}

void writing_int(const Writing *w, Value *map, const char *key, int64_t n) {
    writing_put(w, map, key, placed(w, value_new_int(w->arena, n)));
}

void writing_bool(const Writing *w, Value *map, const char *key, bool yes) {
    writing_put(w, map, key, placed(w, value_new_bool(w->arena, yes)));
}

void writing_ms(const Writing *w, Value *map, const char *key, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{3600 * 1000, "h"}, {60 * 1000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (units[i].ms > 1 && (ms % units[i].ms || ms == 0))
        i++;
    if (ms == 0)
        i = 2; /* 0s */
    writing_text(w, map, key,
                 arena_printf(w->arena, "%" PRId64 "%s", ms / units[i].ms, units[i].unit));
}

void writing_item(const Writing *w, Value *list, const char *text) {
    value_add(w->arena, list, placed(w, value_new_string(w->arena, text)));
}

void writing_words(const Writing *w, Value *map, const char *key, const StrList *words) {
    Value *list = writing_list(w);
    for (size_t i = 0; i < words->n; i++)
        writing_item(w, list, words->at[i]);
    writing_put(w, map, key, list);
}

void writing_over(const Writing *w, Value *map, const char *key, const char *text) {
    for (size_t i = 0; i < map->map.n; i++)
        if (strcmp(map->map.at[i].key, key) == 0) {
            map->map.at[i].value = placed(w, value_new_string(w->arena, text));
            return;
        }
    writing_text(w, map, key, text);
}
