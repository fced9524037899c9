/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "spec/digest.h"
#include "spec/replicas.h"

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

/* One of the replicas of a service: it stands where the service does. */
static const Value *replica(const Value *services, const char *name, size_t len, Place *place) {
    size_t stem = replicas_stem(name, len);
    const Value *v = stem ? descend(services, name, stem, place) : NULL;
    return value_get(v, "replicas") ? v : NULL;
}

/* How long the first step of a path is: keys may have dots, and the longest one is meant. */
static size_t step_length(const Value *in, const char *path) {
    size_t len = *path == '[' ? strcspn(path, ".") : strcspn(path, ".[");
    for (size_t i = 0; value_is(in, VALUE_MAP) && i < in->map.n; i++) {
        const char *key = in->map.at[i].key;
        size_t n = strlen(key);
        if (n > len && strncmp(path, key, n) == 0 && (!path[n] || strchr(".[", path[n])))
            len = n;
    }
    return len;
}

bool source_find(const Source *source, const char *path, Place *ret) {
    const Value *v = source->value;
    Place place = {.file = source->file, .path = path};
    if (v) {
        place.line = v->line;
        place.column = v->column;
    }
    for (const char *p = path; v && *p;) {
        const Value *in = v;
        size_t len = step_length(in, p);
        v = descend(in, p, len, &place);
        if (!v && in == value_get(source->value, "services"))
            v = replica(in, p, len, &place);
        p += len + (p[len] == '.');
    }
    if (place.line & VALUE_OVERLAY)
        place.file = source->overlay;
    place.line &= ~VALUE_OVERLAY;
    *ret = place;
    return v != NULL;
}

static Place place_of(const Source *source, const char *path) {
    Place place;
    (void)source_find(source, path, &place);
    return place;
}

static bool same_place(const Place *a, const Place *b) {
    return a->line == b->line && a->column == b->column && strcmp(a->file, b->file) == 0;
}

/* Is `path` that of `key`, or of something in it? */
static bool is_in(const char *path, const char *key) {
    size_t n = strlen(key);
    return n > 0 && strncmp(path, key, n) == 0 && strchr(".[", path[n]);
}

/* Replicas have the same faults: each is told once. */
static bool is_told(const Source *source, const Place *place, const char *message) {
    for (size_t i = 0; i < source->report->n; i++) {
        const Problem *other = &source->report->at[i];
        bool misread = i < source->misread && !other->warning;
        if (misread && is_in(other->place.path, place->path))
            return true;
        if (same_place(&other->place, place) && (misread || strcmp(other->message, message) == 0))
            return true;
    }
    return false;
}

int source_problem(const Source *source, const char *path, const char *hint, const char *format,
                   ...) {
    Place place = place_of(source, path);
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(source->arena, format, args);
    va_end(args);
    if (!is_told(source, &place, message))
        report_add(source->report, &place, hint, "%s", message);
    return -1;
}

void source_warning(const Source *source, const char *path, const char *hint, const char *format,
                    ...) {
    Place place = place_of(source, path);
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(source->arena, format, args);
    va_end(args);
    if (!is_told(source, &place, message))
        report_warn(source->report, &place, hint, "%s", message);
}

/* Full at each power of two. */
static void append(StrList *list, const char *text, Arena *arena) {
    if ((list->n & (list->n - 1)) == 0) {
        const char **at = arena_alloc(arena, (list->n ? 2 * list->n : 1) * sizeof(*at));
        if (list->n)
            memcpy(at, list->at, list->n * sizeof(*at));
        list->at = at;
    }
    list->at[list->n++] = text;
}

static void note(const Source *source, const char *path, const char *digest) {
    StrList *files = source->files, *digests = source->digests;
    if (!files)
        return;
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i], path) == 0) {
            if (digest[0])
                digests->at[i] = digest;
            return;
        }
    append(files, arena_strdup(source->arena, path), source->arena);
    append(digests, digest, source->arena);
}

void source_note(const Source *source, const char *path) {
    note(source, path, "");
}

static const char *digest_of(const Source *source, const char *text, size_t size) {
    if (!source->files)
        return "";
    char *hex = arena_alloc(source->arena, 2 * DIGEST_BYTES + 1);
    digest_bytes_hex(text, size, hex);
    return hex;
}

char *source_read(const Source *source, const char *path, size_t *ret_size, Err *err) {
    struct stat st;
    char *text = NULL;
    source_note(source, path);
    if (stat(path, &st) < 0)
        err_sys(err, errno, "it cannot be read");
    else if (!S_ISREG(st.st_mode))
        err_set(err, ERR_INVALID, "it is %s, not a file",
                S_ISDIR(st.st_mode) ? "a directory" : "a pipe, socket or device");
    else if (st.st_size > MAX_CONFIG_BYTES)
        err_set(err, ERR_LIMIT, "it has %lld bytes, more than the limit of %d (4 MiB)",
                (long long)st.st_size, MAX_CONFIG_BYTES);
    else if (access(path, R_OK) < 0)
        err_sys(err, errno, "it cannot be read");
    else if (file_read(path, MAX_CONFIG_BYTES, &text, ret_size, err) < 0)
        text = NULL;
    if (text)
        note(source, path, digest_of(source, text, *ret_size));
    return text;
}
