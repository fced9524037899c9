/* SPDX-License-Identifier: Apache-2.0 */
/* Values into structs. Nothing stops at the first problem: what is wrong is reported, left at its default, and the rest is read. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "data/schema.h"
#include "data/schema_private.h"

/* What is being read: the field (NULL for the item of a list of structs) gives bounds and checks. */
static void decode_any(Decoder *d, const Type *type, const Field *field, const Value *v, void *ret);
static void decode_struct(Decoder *d, const Type *type, const Value *v, void *ret);

/* --- the path --- */

static size_t path_push(Decoder *d, const char *key) {
    size_t before = d->path_len;
    size_t room = sizeof(d->path) - before;
    int n = snprintf(d->path + before, room, before ? ".%s" : "%s", key);
    d->path_len = n < 0 ? before : before + ((size_t)n < room ? (size_t)n : room - 1);
    return before;
}

static size_t path_push_index(Decoder *d, size_t i) {
    size_t before = d->path_len;
    size_t room = sizeof(d->path) - before;
    int n = snprintf(d->path + before, room, "[%zu]", i);
    d->path_len = n < 0 ? before : before + ((size_t)n < room ? (size_t)n : room - 1);
    return before;
}

static void path_pop(Decoder *d, size_t before) {
    d->path_len = before;
    d->path[before] = 0;
}

/* --- problems --- */

static void vproblem(Decoder *d, uint32_t line, uint32_t column, const char *hint,
                     const char *format, va_list args) {
    char text[512];
    vsnprintf(text, sizeof(text), format, args);
    d->problems++;
    Place place = {.file = d->file, .line = line, .column = column, .path = d->path};
    report_add(d->report, &place, hint, "%s", text);
}

int decode_problem(Decoder *d, const Value *v, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (v && v->line)
        vproblem(d, v->line, v->column, hint, format, args);
    else
        vproblem(d, d->line, d->column, hint, format, args);
    va_end(args);
    return -1;
}

PRINTF(5, 6)
static void problem_at(Decoder *d, uint32_t line, uint32_t column, const char *hint,
                       const char *format, ...) {
    va_list args;
    va_start(args, format);
    vproblem(d, line, column, hint, format, args);
    va_end(args);
}

/* What was found instead, for messages: `"yes"`, `the integer 5`, `a list`. */
static const char *found(Decoder *d, const Value *v) {
    switch (v->kind) {
    case VALUE_NULL: return "nothing";
    case VALUE_BOOL: return arena_printf(d->arena, "the boolean %s", v->text);
    case VALUE_INT:
    case VALUE_REAL: return arena_printf(d->arena, "the number %.40s", v->text);
    case VALUE_STRING: return arena_printf(d->arena, "\"%.60s\"", v->text);
    case VALUE_LIST: return "a list";
    case VALUE_MAP: return "a map";
    }
    UNREACHABLE();
}

static void expected(Decoder *d, const char *what, const Value *v) {
    if (value_is(v, VALUE_NULL))
        decode_problem(d, v, "give it one, or remove the key", "has no value; expected %s", what);
    else
        decode_problem(d, v, NULL, "expected %s, got %s", what, found(d, v));
}

/* --- scalars --- */

static void check_bounds(Decoder *d, const Field *field, const Value *v, int64_t n,
                         int64_t *ret) {
    if (!field || (!field->min && !field->max) || (n >= field->min && n <= field->max)) {
        *ret = n;
        return;
    }
    const char *unit = field->type->kind == TYPE_DURATION ? "ms" : "";
    if (field->max == INT64_MAX)
        decode_problem(d, v, NULL, "%s is less than %" PRId64 "%s", v->text, field->min, unit);
    else
        decode_problem(d, v, NULL, "%s is outside %" PRId64 "..%" PRId64 "%s", v->text, field->min,
                       field->max, unit);
}

static void decode_bool(Decoder *d, const Value *v, bool *ret) {
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};
    if (v->kind == VALUE_BOOL) {
        *ret = v->boolean;
        return;
    }
    const char *text = value_str(v);
    for (size_t i = 0; text && i < COUNT(words); i++)
        if (strcasecmp(text, words[i]) == 0) {
            decode_problem(d, v, "write true or false", "expected true or false, got \"%s\"", text);
            return;
        }
    expected(d, t_bool.expected, v);
}

static void decode_int(Decoder *d, const Field *field, const Value *v, int64_t *ret) {
    if (v->kind == VALUE_INT)
        check_bounds(d, field, v, v->integer, ret);
    else
        expected(d, t_int.expected, v);
}

/* A time or size is a number with a unit; 0 needs none. */
static void decode_unit(Decoder *d, const Type *type, const Field *field, const Value *v,
                        int64_t *ret) {
    bool time = type->kind == TYPE_DURATION;
    const char *text = value_str(v);
    int64_t n = 0;
    if (v->kind == VALUE_INT && (!time || v->integer == 0)) {
        n = v->integer;
    } else if (v->kind == VALUE_INT || v->kind == VALUE_REAL) {
        decode_problem(d, v, arena_printf(d->arena, time ? "write %ss if you mean seconds"
                                                         : "write %sMiB, or whole bytes", v->text),
                       "%s has no unit; expected %s", v->text, type->expected);
        return;
    } else if (!text || strlen(text) != v->len ||
               (time ? duration_parse(text, &n, NULL) : size_parse(text, &n, NULL)) < 0) {
        expected(d, type->expected, v);
        return;
    }
    if (n < 0)
        decode_problem(d, v, NULL, "%s is negative; expected %s", v->text, type->expected);
    else
        check_bounds(d, field, v, n, ret);
}

/* Where text is wanted, numbers and booleans count as they were written. */
static const char *text_of(Decoder *d, const Value *v, const char *what) {
    if (v->kind == VALUE_NULL || v->kind == VALUE_LIST || v->kind == VALUE_MAP) {
        expected(d, what, v);
        return NULL;
    }
    if (strlen(v->text) != v->len) {
        decode_problem(d, v, NULL, "contains a NUL character, which no program could be given");
        return NULL;
    }
    return v->text;
}

static bool check_text(Decoder *d, const Field *field, const Value *v, const char *text) {
    if (field && field->min > 0 && strlen(text) < (size_t)field->min) {
        decode_problem(d, v, NULL, *text ? "\"%s\" is too short" : "must not be empty%s", text);
        return false;
    }
    if (field && field->max > 0 && strlen(text) > (size_t)field->max) {
        decode_problem(d, v, NULL, "is longer than %" PRId64 " characters", field->max);
        return false;
    }
    const char *wrong = field && field->check ? field->check(text) : NULL;
    if (wrong)
        decode_problem(d, v, NULL, "%s", wrong);
    return !wrong;
}

static void decode_string(Decoder *d, const Field *field, const Value *v, const char **ret) {
    const char *text = text_of(d, v, t_string.expected);
    if (text && check_text(d, field, v, text))
        *ret = text;
}

static void decode_enum(Decoder *d, const Type *type, const Value *v, int *ret) {
    const char *names[32];
    size_t n = 0;
    char all[256] = "";
    for (const EnumName *e = type->names; e->name; e++) {
        if (value_str(v) && strcmp(e->name, v->text) == 0) {
            *ret = e->value;
            return;
        }
        size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", n ? ", " : "", e->name);
        assert(n < COUNT(names));
        names[n++] = e->name;
    }
    const char *near = value_str(v) ? str_suggest(v->text, names, n) : NULL;
    decode_problem(d, v, near ? arena_printf(d->arena, "did you mean %s?", near) : NULL,
                   "expected one of %s, got %s", all, found(d, v));
}

/* --- lists and maps of text --- */

static void decode_strings(Decoder *d, const Type *type, const Field *field, const Value *v,
                           StrList *ret) {
    bool one = type->scalar && v->kind != VALUE_LIST && v->kind != VALUE_MAP;
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_LIST && !one) {
        expected(d, type->expected, v);
        return;
    }
    size_t n = one ? 1 : v->list.n;
    ret->at = arena_alloc(d->arena, (n + 1) * sizeof(char *));
    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        const Value *item = one ? v : v->list.at[i];
        size_t before = one ? d->path_len : path_push_index(d, i);
        const char *text = text_of(d, item, t_string.expected);
        if (text && check_text(d, field, item, text))
            ret->at[ret->n++] = text;
        path_pop(d, before);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const StrPair *)a)->name, ((const StrPair *)b)->name);
}

/* A name of a string map, at its place. */
static bool check_name(Decoder *d, const Field *field, uint32_t line, uint32_t column,
                       const char *name) {
    const char *wrong = field && field->check ? field->check(name) : NULL;
    if (wrong)
        problem_at(d, line, column, NULL, "%s", wrong);
    return !wrong;
}

static void decode_pairs(Decoder *d, const Field *field, const Value *v, StrMap *ret) {
    for (size_t i = 0; i < v->map.n; i++) {
        const ValuePair *pair = &v->map.at[i];
        size_t before = path_push(d, pair->key);
        bool named = check_name(d, field, pair->line, pair->column, pair->key);
        const char *text = NULL;
        if (pair->value->kind == VALUE_NULL)
            decode_problem(d, pair->value, "write \"\" for an empty one", "has no value");
        else
            text = text_of(d, pair->value, "a value");
        if (text && named)
            ret->at[ret->n++] = (StrPair){.name = pair->key, .value = text};
        path_pop(d, before);
    }
}

/* Names alone, each with an empty value. */
static void decode_names(Decoder *d, const Field *field, const Value *v, StrMap *ret) {
    for (size_t i = 0; i < v->list.n; i++) {
        const Value *item = v->list.at[i];
        size_t before = path_push_index(d, i);
        const char *name = text_of(d, item, "a name");
        if (name && check_name(d, field, item->line, item->column, name))
            ret->at[ret->n++] = (StrPair){.name = name, .value = ""};
        path_pop(d, before);
    }
}

static void decode_string_map(Decoder *d, const Type *type, const Field *field, const Value *v,
                              StrMap *ret) {
    bool listed = type->keys && v->kind == VALUE_LIST;
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_MAP && !listed) {
        decode_problem(d, v, v->kind == VALUE_LIST ? "write NAME: value, without the dash" : NULL,
                       "expected %s, got %s", type->expected, found(d, v));
        return;
    }
    ret->at = arena_alloc(d->arena, (value_count(v) + 1) * sizeof(StrPair));
    ret->n = 0;
    if (listed)
        decode_names(d, field, v, ret);
    else
        decode_pairs(d, field, v, ret);
    qsort(ret->at, ret->n, sizeof(ret->at[0]), by_name);
    for (size_t i = 1; i < ret->n; i++)
        if (strcmp(ret->at[i - 1].name, ret->at[i].name) == 0)
            decode_problem(d, v, NULL, "\"%s\" is listed twice", ret->at[i].name);
}

/* --- lists and maps of things --- */

static void decode_list(Decoder *d, const Type *type, const Field *field, const Value *v,
                        Items *ret) {
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_LIST) {
        expected(d, type->expected ? type->expected : "a list", v);
        return;
    }
    ret->at = arena_alloc(d->arena, (v->list.n + 1) * type->of->size);
    ret->n = 0;
    for (size_t i = 0; i < v->list.n; i++) {
        size_t before = path_push_index(d, i);
        decode_any(d, type->of, field, v->list.at[i], ret->at + ret->n++ * type->of->size);
        path_pop(d, before);
    }
}

/* An entry of a map of structs: its key, where that stands, and its value (NULL: only its key was listed). */
typedef struct Entry {
    const char *key;
    uint32_t line, column;
    const Value *value;
} Entry;

static int by_key(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static size_t entries_of_list(Decoder *d, const Value *v, Entry *entries) {
    size_t n = 0;
    for (size_t i = 0; i < v->list.n; i++) {
        const Value *item = v->list.at[i];
        size_t before = path_push_index(d, i);
        const char *key = text_of(d, item, "a name");
        path_pop(d, before);
        if (key)
            entries[n++] = (Entry){.key = key, .line = item->line, .column = item->column};
    }
    return n;
}

static size_t entries_of_map(const Value *v, Entry *entries) {
    for (size_t i = 0; i < v->map.n; i++) {
        const ValuePair *pair = &v->map.at[i];
        entries[i] = (Entry){pair->key, pair->line, pair->column, pair->value};
    }
    return v->map.n;
}

static void decode_entry(Decoder *d, const Type *item, const Entry *entry, char *ret) {
    const Field *key = field_with(item, FIELD_KEY);
    const Field *line = field_with(item, FIELD_LINE);
    d->line = entry->line;
    d->column = entry->column;
    const char *wrong = key->check ? key->check(entry->key) : NULL;
    if (wrong)
        problem_at(d, entry->line, entry->column, NULL, "%s", wrong);
    decode_struct(d, item, value_is(entry->value, VALUE_NULL) ? NULL : entry->value, ret);
    memcpy(ret + key->offset, &entry->key, sizeof(entry->key));
    if (line && entry->line)
        memcpy(ret + line->offset, &(int64_t){entry->line}, sizeof(int64_t));
}

static void decode_map(Decoder *d, const Type *type, const Value *v, Items *ret) {
    bool listed = type->keys && v->kind == VALUE_LIST;
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_MAP && !listed) {
        expected(d, type->keys ? "a list or a map of names" : "a map of names", v);
        return;
    }
    Entry *entries = arena_alloc(d->arena, (value_count(v) + 1) * sizeof(Entry));
    size_t n = listed ? entries_of_list(d, v, entries) : entries_of_map(v, entries);
    qsort(entries, n, sizeof(entries[0]), by_key);
    ret->at = arena_alloc(d->arena, (n + 1) * type->of->size);
    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(entries[i].key, entries[i - 1].key) == 0) {
            problem_at(d, entries[i].line, entries[i].column, NULL, "\"%s\" is listed twice",
                       entries[i].key);
            continue;
        }
        size_t before = path_push(d, entries[i].key);
        uint32_t line = d->line, column = d->column;
        decode_entry(d, type->of, &entries[i], ret->at + ret->n++ * type->of->size);
        d->line = line;
        d->column = column;
        path_pop(d, before);
    }
}

/* --- structs --- */

enum { MAX_WORDS = 256 };

/* The keys of a struct and what else people call them: each word, and the key it means. */
typedef struct Words {
    const char *words[MAX_WORDS], *keys[MAX_WORDS];
    size_t n;
} Words;

static void add_word(Words *all, const char *word, const char *key) {
    assert(all->n < MAX_WORDS);
    all->words[all->n] = word;
    all->keys[all->n++] = key;
}

static void collect_words(Decoder *d, const Type *type, Words *all) {
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if (field_public(field))
            add_word(all, field->name, field->name);
    }
    for (size_t i = 0; i < type->field_n; i++)
        for (const char *p = type->fields[i].aka; p && *p;) {
            size_t n = strcspn(p, " ");
            add_word(all, arena_strndup(d->arena, p, n), type->fields[i].name);
            p += n + strspn(p + n, " ");
        }
}

static const char *near_key(Decoder *d, const Type *type, const char *key) {
    Words all = {.n = 0};
    collect_words(d, type, &all);
    for (size_t i = 0; i < all.n; i++)
        if (strcmp(all.words[i], key) == 0)
            return all.keys[i];
    const char *near = str_suggest(key, all.words, all.n);
    for (size_t i = 0; near && i < all.n; i++)
        if (all.words[i] == near)
            return all.keys[i];
    return NULL;
}

static const char *all_keys(Decoder *d, const Type *type) {
    char all[400] = "";
    for (size_t i = 0; i < type->field_n; i++) {
        size_t len = strlen(all);
        if (field_public(&type->fields[i]))
            snprintf(all + len, sizeof(all) - len, "%s%s", len ? ", " : "", type->fields[i].name);
    }
    return arena_printf(d->arena, "the keys here are %s", all);
}

static void unknown_key(Decoder *d, const Type *type, const ValuePair *pair) {
    if (d->unknown == UNKNOWN_SILENT || strncmp(pair->key, "x-", 2) == 0)
        return;
    const char *near = near_key(d, type, pair->key);
    const char *hint =
        near ? arena_printf(d->arena, "did you mean %s?", near) : all_keys(d, type);
    if (d->unknown == UNKNOWN_ERROR) {
        problem_at(d, pair->line, pair->column, hint, "unknown key \"%.60s\"", pair->key);
        return;
    }
    Place place = {.file = d->file, .line = pair->line, .column = pair->column, .path = d->path};
    report_warn(d->report, &place, hint, "unknown key \"%.60s\" is ignored", pair->key);
}

/* What we stored ourselves names the fields that were given. */
static uint64_t stored_bits(const Type *type, const Value *names) {
    uint64_t set = 0;
    for (size_t i = 0; i < value_count(names); i++) {
        const char *name = value_str(value_at(names, i));
        const Field *field = name ? field_find(type, name) : NULL;
        if (field)
            set |= (uint64_t)1 << field_index(type, field);
    }
    return set;
}

static const Field *known(const Decoder *d, const Type *type, const char *key) {
    const Field *field = field_find(type, key);
    if (!field || field->flags & FIELD_KEY || (field->flags & FIELD_INTERNAL && !d->internal))
        return NULL;
    return field;
}

static uint64_t decode_members(Decoder *d, const Type *type, const Value *map, char *ret) {
    uint64_t set = 0;
    const Value *stored = NULL;
    for (size_t i = 0; i < map->map.n; i++) {
        const ValuePair *pair = &map->map.at[i];
        const Field *field = known(d, type, pair->key);
        if (!field) {
            unknown_key(d, type, pair);
            continue;
        }
        if (field->flags & FIELD_SET_BITS) {
            stored = pair->value;
            continue;
        }
        set |= (uint64_t)1 << field_index(type, field);
        size_t before = path_push(d, field->name);
        if (field->dflt && field->type->kind != TYPE_STRUCT) /* what stays if the value is wrong */
            decode_any(d, field->type, field, field_default(field, d->arena), ret + field->offset);
        decode_any(d, field->type, field, pair->value, ret + field->offset);
        path_pop(d, before);
    }
    return stored ? stored_bits(type, stored) : set;
}

static void decode_absent(Decoder *d, const Type *type, uint64_t given, bool required, char *ret) {
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if (given >> i & 1)
            continue;
        if (required && field->flags & FIELD_REQUIRED)
            problem_at(d, d->line, d->column, NULL, "\"%s\" is missing: %s", field->name,
                       field->doc);
        if (field->dflt)
            decode_any(d, field->type, field, field_default(field, d->arena), ret + field->offset);
        else if (field->type->kind == TYPE_STRUCT)
            decode_struct(d, field->type, NULL, ret + field->offset);
    }
}

/* A scalar or list in the place of a struct; 0: there is no such shorthand. */
static uint64_t decode_short(Decoder *d, const Type *type, const Value *v, char *ret) {
    const char *key = v->kind == VALUE_LIST ? type->list : type->scalar;
    if (!key || v->kind == VALUE_MAP || v->kind == VALUE_NULL)
        return 0;
    const Field *field = field_find(type, key);
    decode_any(d, field->type, field, v, ret + field->offset);
    return (uint64_t)1 << field_index(type, field);
}

static uint64_t present(const Type *type, const Value *map) {
    uint64_t set = 0;
    for (size_t i = 0; i < map->map.n; i++) {
        const Field *field = field_find(type, map->map.at[i].key);
        if (field)
            set |= (uint64_t)1 << field_index(type, field);
    }
    return set;
}

static const char *struct_expected(const Type *type) {
    return type->expected ? type->expected : "a map of keys";
}

static void decode_struct(Decoder *d, const Type *type, const Value *v, void *ret) {
    assert(type->field_n <= 64);
    uint64_t given = 0, set = 0;
    uint32_t line = d->line, column = d->column;
    if (v && v->line && !d->line) {
        d->line = v->line;
        d->column = v->column;
    }
    if (v && v->kind == VALUE_MAP && !type->only_short) {
        given = present(type, v);
        set = decode_members(d, type, v, ret);
    } else if (v) {
        given = set = decode_short(d, type, v, ret);
        if (!given)
            expected(d, struct_expected(type), v);
    }
    decode_absent(d, type, given, value_is(v, VALUE_MAP), ret);
    const Field *bits = field_with(type, FIELD_SET_BITS);
    if (bits)
        memcpy((char *)ret + bits->offset, &set, sizeof(set));
    d->line = line;
    d->column = column;
}

static void decode_any(Decoder *d, const Type *type, const Field *field, const Value *v,
                       void *ret) {
    switch (type->kind) {
    case TYPE_BOOL: decode_bool(d, v, ret); return;
    case TYPE_INT: decode_int(d, field, v, ret); return;
    case TYPE_DURATION:
    case TYPE_SIZE: decode_unit(d, type, field, v, ret); return;
    case TYPE_STRING: decode_string(d, field, v, ret); return;
    case TYPE_STRINGS: decode_strings(d, type, field, v, ret); return;
    case TYPE_STRING_MAP: decode_string_map(d, type, field, v, ret); return;
    case TYPE_ENUM: decode_enum(d, type, v, ret); return;
    case TYPE_STRUCT: {
        /* Problems inside without a position of their own are told at the struct. */
        uint32_t line = d->line, column = d->column;
        d->line = v->line ? v->line : line;
        d->column = v->line ? v->column : column;
        decode_struct(d, type, v, ret);
        d->line = line;
        d->column = column;
        return;
    }
    case TYPE_LIST: decode_list(d, type, field, v, ret); return;
    case TYPE_MAP: decode_map(d, type, v, ret); return;
    case TYPE_CUSTOM: (void)type->decode(d, v, ret); return;
    }
    UNREACHABLE();
}

int schema_decode(Decoder *d, const Type *type, const Value *v, void *ret) {
    memset(ret, 0, type->size);
    d->path_len = 0;
    d->path[0] = 0;
    d->problems = 0;
    d->line = v ? v->line : 0;
    d->column = v ? v->column : 0;
    if (v || type->kind == TYPE_STRUCT) {
        if (v)
            decode_any(d, type, NULL, v, ret);
        else
            decode_struct(d, type, NULL, ret);
    }
    return d->problems ? -1 : 0;
}
