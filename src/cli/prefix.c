/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prefix.h"

#include <string.h>

#include "base/columns.h"
#include "cli/plain.h"

enum { WIDTH_MOST = 24, NAME_BYTES = 4 * WIDTH_MOST };

static const char *color_of(const char *name) {
    static const char *const colors[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m",
                                         "\033[34m", "\033[96m", "\033[93m", "\033[92m",
                                         "\033[95m", "\033[94m"};
    unsigned hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return colors[hash % COUNT(colors)];
}

void prefix_widen(Prefix *prefix, const char *name) {
    size_t n = strlen(name);
    if (n > prefix->width)
        prefix->width = n < WIDTH_MOST ? n : WIDTH_MOST;
}

void prefix_name(const Prefix *prefix, const char *name, char *to, size_t size) {
    columns_cut_middle(name, prefix->width, to, size);
}

static void print_name(Prefix *prefix, const char *name, bool gap, FILE *to) {
    if (!prefix->terminal) {
        fprintf(to, "%s | ", name);
        return;
    }
    char text[NAME_BYTES];
    prefix_widen(prefix, name);
    prefix_name(prefix, name, text, sizeof(text));
    int extra = (int)(strlen(text) - columns_of(text)); /* bytes without a column */
    const char *bar = gap ? "┆" : "│";
    if (prefix->color)
        fprintf(to, "%s%-*s\033[0m \033[2m%s\033[0m ", color_of(name), (int)prefix->width + extra,
                text, bar);
    else
        fprintf(to, "%-*s %s ", (int)prefix->width + extra, text, bar);
}

/* In a terminal: of what a carriage return overwrites only the last; colours end with the line. */
static void print_text(const Prefix *prefix, const char *bytes, size_t size, FILE *to) {
    if (prefix->terminal) {
        while (size && bytes[size - 1] == '\r')
            size--;
        const char *last = bytes && size ? memrchr(bytes, '\r', size) : NULL;
        if (last) {
            size -= (size_t)(last + 1 - bytes);
            bytes = last + 1;
        }
    }
    fwrite(bytes, 1, size, to);
    if (prefix->terminal && size && memchr(bytes, '\033', size))
        fputs("\033[0m", to);
}

void prefix_print(Prefix *prefix, const LogEntry *entry, FILE *to) {
    bool gap = entry->stream == LOG_GAP;
    AUTO_FREE char *plain = plain_is(entry->target) ? NULL : plain_copy(entry->target);
    print_name(prefix, plain ? plain : entry->target, gap, to);
    if (gap)
        fputs("[thole: ", to);
    print_text(prefix, entry->bytes, entry->size, to);
    fputs(gap ? "]\n" : "\n", to);
}
