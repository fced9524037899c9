/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/procfile_lines.h"

#include <string.h>

#include "base/utf8.h"

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static void take_line(const Source *source, char *line, uint32_t number, ProcfileEntries *ret) {
    size_t n = strlen(line), name = strspn(line, NAME_BYTES);
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = 0;
    char *command = line[name] == ':' ? line + name + 1 + strspn(line + name + 1, " \t") : NULL;
    if (name && command && *command) {
        line[name] = 0;
        ret->at = arena_grow(source->arena, ret->at, ret->n, &ret->cap, sizeof(*ret->at));
        ret->at[ret->n++] = (ProcfileEntry){line, command, number};
        return;
    }
    const char *text = line + strspn(line, " \t");
    Place place = {.file = source->file, .line = number, .column = 1};
    if (*text && *text != '#')
        report_warn(source->report, &place,
                    "a line is `name: command`, with a-z, 0-9, - and _ in the name",
                    "this line is ignored");
}

void procfile_parse(const Source *source, const char *text, size_t size, ProcfileEntries *ret) {
    uint32_t number = 1;
    *ret = (ProcfileEntries){0};
    for (size_t at = utf8_mark(text, size); at < size; number++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t n = end ? (size_t)(end - text) - at : size - at;
        take_line(source, arena_strndup(source->arena, text + at, n), number, ret);
        at += n + 1;
    }
}
