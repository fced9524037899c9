/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/foreign_name.h"

#include <string.h>

void foreign_names_init(Names *names, Arena *arena) {
    *names = (Names){.arena = arena};
    map_init(&names->of);
    map_init(&names->taken);
}

void foreign_names_deinit(Names *names) {
    map_deinit(&names->of);
    map_deinit(&names->taken);
}

static bool first_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char *ours(Arena *arena, const char *name) {
    char *text = arena_strdup(arena, name);
    for (char *p = text; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
        if (!first_byte(*p) && *p != '_' && *p != '-')
            *p = '-';
    }
    while (*text && !first_byte(*text))
        text++;
    return *text ? text : arena_strdup(arena, "process");
}

const char *foreign_name(Names *names, const char *name) {
    char *own = map_get(&names->of, name);
    if (own)
        return own;
    own = ours(names->arena, name);
    if (map_get(&names->taken, own))
        return NULL;
    map_put(&names->of, name, own);
    map_put(&names->taken, own, arena_strdup(names->arena, name));
    if (strcmp(own, name) != 0)
        names->changed =
            arena_printf(names->arena, "%s%s%s is %s", names->changed ? names->changed : "",
                         names->changed ? ", " : "", name, own);
    return own;
}

void foreign_names_tell(const Names *names, const Source *source) {
    Place place = {.file = source->file};
    if (names->changed)
        report_warn(source->report, &place, "names have a-z, 0-9, - and _", "here %s",
                    names->changed);
}
