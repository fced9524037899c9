/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prefix.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/base64.h"
#include "data/json.h"

static const char *color_of(const char *name) {
    static const char *const colors[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m", "\033[34m",
                                         "\033[96m", "\033[93m", "\033[92m", "\033[95m", "\033[94m"};
    unsigned hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return colors[hash % COUNT(colors)];
}

static void print_name(Prefix *prefix, const char *name, bool gap) {
    size_t n = strlen(name);
    if (n > prefix->width)
        prefix->width = n;
    if (prefix->color)
        printf("%s%-*s\033[0m \033[2m%s\033[0m ", color_of(name), (int)prefix->width, name, gap ? "┆" : "│");
    else
        printf("%-*s | ", (int)prefix->width, name);
}

bool prefix_print(Prefix *prefix, const char *json, size_t size, bool only_one) {
    Arena arena;
    const Value *line;
    arena_init(&arena);
    bool good = json_parse(json, size, &arena, &line, NULL) == 0 && value_get_str(line, "target");
    if (good) {
        const char *stream = value_get_str(line, "stream"), *coded = value_get_str(line, "base64");
        const Value *text = value_get(line, "text");
        bool gap = stream && strcmp(stream, "gap") == 0;
        size_t n = value_is(text, VALUE_STRING) ? text->len : 0;
        const char *bytes = coded ? base64_decode(coded, &arena, &n) : value_str(text);
        if (!only_one)
            print_name(prefix, value_get_str(line, "target"), gap);
        if (gap)
            fputs("[thole: ", stdout);
        if (bytes)
            fwrite(bytes, 1, n, stdout);
        fputs(gap ? "]\n" : "\n", stdout);
    }
    arena_deinit(&arena);
    return good;
}
