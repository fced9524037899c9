/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/source.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void take_place(Place *place, const Value *v, uint32_t line, uint32_t column) {
    bool at_key = v->kind == VALUE_MAP || v->kind == VALUE_LIST || v->kind == VALUE_NULL;
    place->line = at_key && line ? line : v->line;
    place->column = at_key && line ? column : v->column;
}

static const Value *member(const Value *map, const char *segment, size_t len, Place *place) {
    for (size_t i = 0; i < map->map.n; i++) {
        const ValuePair *pair = &map->map.at[i];
        if (strlen(pair->key) == len && memcmp(pair->key, segment, len) == 0) {
            take_place(place, pair->value, pair->line, pair->column);
            return pair->value;
        }
    }
    return NULL;
}

/* `[2]`, or the item that reads like the segment. */
static const Value *item(const Value *list, const char *segment, size_t len, Place *place) {
    for (size_t i = 0; i < list->list.n; i++) {
        const Value *v = list->list.at[i];
        bool wanted = *segment == '[' ? strtoul(segment + 1, NULL, 10) == i
                                      : v->len == len && memcmp(v->text, segment, len) == 0;
        if (wanted) {
            take_place(place, v, 0, 0);
            return v;
        }
    }
    return NULL;
}

/* One step down; NULL: there is nothing of that name. */
static const Value *descend(const Value *v, const char *segment, size_t len, Place *place) {
    if (value_is(v, VALUE_MAP))
        return member(v, segment, len, place);
    return value_is(v, VALUE_LIST) ? item(v, segment, len, place) : NULL;
}

static Place place_of(const Source *source, const char *path) {
    const Value *v = source->value;
    Place place = {.file = source->file, .path = path};
    if (v) {
        place.line = v->line;
        place.column = v->column;
    }
    for (const char *p = path; v && *p;) {
        size_t len = *p == '[' ? strcspn(p, ".") : strcspn(p, ".[");
        v = descend(v, p, len, &place);
        p += len + (p[len] == '.');
    }
    return place;
}

int source_problem(const Source *source, const char *path, const char *hint, const char *format,
                   ...) {
    Place place = place_of(source, path);
    va_list args;
    va_start(args, format);
    report_add(source->report, &place, hint, "%s", arena_vprintf(source->arena, format, args));
    va_end(args);
    return -1;
}

void source_warning(const Source *source, const char *path, const char *hint, const char *format,
                    ...) {
    Place place = place_of(source, path);
    va_list args;
    va_start(args, format);
    report_warn(source->report, &place, hint, "%s", arena_vprintf(source->arena, format, args));
    va_end(args);
}
