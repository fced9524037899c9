/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/source.h"

#include <stdarg.h>
#include <string.h>

static void take_place(Place *place, const Value *v, uint32_t line, uint32_t column) {
    bool at_key = v->kind == VALUE_MAP || v->kind == VALUE_LIST || v->kind == VALUE_NULL;
    place->line = at_key && line ? line : v->line;
    place->column = at_key && line ? column : v->column;
}

/* One step down: the member of a map, or the item of a list that reads like the segment. NULL: no such. */
static const Value *descend(const Value *v, const char *segment, size_t len, Place *place) {
    for (size_t i = 0; value_is(v, VALUE_MAP) && i < v->map.n; i++) {
        const ValuePair *pair = &v->map.at[i];
        if (strlen(pair->key) == len && memcmp(pair->key, segment, len) == 0) {
            take_place(place, pair->value, pair->line, pair->column);
            return pair->value;
        }
    }
    for (size_t i = 0; value_is(v, VALUE_LIST) && i < v->list.n; i++) {
        const Value *item = v->list.at[i];
        if (item->len == len && memcmp(item->text, segment, len) == 0) {
            take_place(place, item, 0, 0);
            return item;
        }
    }
    return NULL;
}

static Place place_of(const Source *source, const char *path) {
    const Value *v = source->value;
    Place place = {.file = source->file, .path = path};
    if (v) {
        place.line = v->line;
        place.column = v->column;
    }
    for (const char *p = path; v && *p;) {
        size_t len = strcspn(p, ".");
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
