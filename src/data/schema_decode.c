/* SPDX-License-Identifier: Apache-2.0 */
/* Values into structs. Nothing stops at the first problem: what is wrong is reported, left at its
 * default, and the rest is read. */
#include "data/schema_decode.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* What is being read: the field (NULL for an item of a list of structs) gives bounds and checks. */
static void decode_any(Decoder *d, const Type *type, const Field *field, const Value *v, void *ret);
static void decode_struct(Decoder *d, const Type *type, const Value *v, void *ret);

/* --- lists and maps of things --- */

static void decode_list(Decoder *d, const Type *type, const Field *field, const Value *v,
                        Items *ret) {
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_LIST) {
        decode_expected(d, type->expected ? type->expected : "a list", v);
        return;
    }
    ret->at = arena_alloc(d->arena, (v->list.n + 1) * type->of->size);
    ret->n = 0;
    for (size_t i = 0; i < v->list.n; i++) {
        size_t before = decode_enter_item(d, i);
        decode_any(d, type->of, field, v->list.at[i], ret->at + ret->n++ * type->of->size);
        decode_leave(d, before);
    }
}

/* An entry of a map of structs: its key, where that stands, and its value (NULL: only its key was
 * listed). */
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
        size_t before = decode_enter_item(d, i);
        const char *key = decode_text(d, item, "a name");
        decode_leave(d, before);
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
        decode_problem_at(d, entry->line, entry->column, NULL, "%s", wrong);
    decode_struct(d, item, value_is(entry->value, VALUE_NULL) ? NULL : entry->value, ret);
    const char *own = decode_keep(d, entry->key);
    memcpy(ret + key->offset, &own, sizeof(own));
    if (line && entry->line)
        memcpy(ret + line->offset, &(int64_t){entry->line & ~VALUE_OVERLAY}, sizeof(int64_t));
}

static void decode_map(Decoder *d, const Type *type, const Value *v, Items *ret) {
    bool listed = type->keys && v->kind == VALUE_LIST;
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_MAP && !listed) {
        decode_expected(d, type->keys ? "a list or a map of names" : "a map of names", v);
        return;
    }
    Entry *entries = arena_alloc(d->arena, (value_count(v) + 1) * sizeof(Entry));
    size_t n = listed ? entries_of_list(d, v, entries) : entries_of_map(v, entries);
    qsort(entries, n, sizeof(entries[0]), by_key);
    ret->at = arena_alloc(d->arena, (n + 1) * type->of->size);
    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(entries[i].key, entries[i - 1].key) == 0) {
            decode_problem_at(d, entries[i].line, entries[i].column, NULL, "\"%s\" is listed twice",
                              entries[i].key);
            continue;
        }
        size_t before = decode_enter(d, entries[i].key);
        uint32_t line = d->line, column = d->column;
        decode_entry(d, type->of, &entries[i], ret->at + ret->n++ * type->of->size);
        d->line = line;
        d->column = column;
        decode_leave(d, before);
    }
}

/* --- structs --- */

enum { MAX_WORDS = 256, SHORT_WORD = 5 };

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
    for (size_t i = 0; i < all.n; i++) /* too much is near those: proxy to procs */
        if (all.words[i] != all.keys[i] && strlen(all.words[i]) <= SHORT_WORD)
            all.words[i] = NULL;
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
    const char *hint = near ? arena_printf(d->arena, "did you mean %s?", near) : all_keys(d, type);
    if (d->unknown == UNKNOWN_ERROR) {
        decode_problem_at(d, pair->line, pair->column, hint, "unknown key \"%.60s\"", pair->key);
        return;
    }
    Place place = decode_place(d, pair->line, pair->column);
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
        size_t before = decode_enter(d, field->name);
        decode_any(d, field->type, field, pair->value, ret + field->offset);
        decode_leave(d, before);
    }
    return stored ? stored_bits(type, stored) : set;
}

/* A struct of which nothing was given: all defaults. The bytes are the same for each of its type,
 * so they are made once. */
static const void *all_defaults(Decoder *d, const Type *type) {
    for (size_t i = 0; i < d->default_n; i++)
        if (d->defaults[i].type == type)
            return d->defaults[i].bytes;
    char *bytes = arena_alloc(d->arena, type->size);
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if (field->dflt)
            decode_any(d, field->type, field, field_default(field, d->arena),
                       bytes + field->offset);
        else if (field->type->kind == TYPE_STRUCT)
            memcpy(bytes + field->offset, all_defaults(d, field->type), field->size);
    }
    if (d->default_n < COUNT(d->defaults))
        d->defaults[d->default_n++] = (StructDefaults){type, bytes};
    return bytes;
}

static void check_required(Decoder *d, const Type *type, uint64_t given) {
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if (field->flags & FIELD_REQUIRED && !(given >> i & 1))
            decode_problem_at(d, d->line, d->column, NULL, "\"%s\" is missing: %s", field->name,
                              field->doc);
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
    memcpy(ret, all_defaults(d, type), type->size); /* what stays of what is absent or wrong */
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
            decode_expected(d, struct_expected(type), v);
    }
    if (value_is(v, VALUE_MAP))
        check_required(d, type, given);
    const Field *bits = field_with(type, FIELD_SET_BITS);
    if (bits)
        memcpy((char *)ret + bits->offset, &set, sizeof(set));
    d->line = line;
    d->column = column;
}

static void decode_any(Decoder *d, const Type *type, const Field *field, const Value *v,
                       void *ret) {
    if (type->kind == TYPE_LIST) {
        decode_list(d, type, field, v, ret);
    } else if (type->kind == TYPE_MAP) {
        decode_map(d, type, v, ret);
    } else if (type->kind == TYPE_STRUCT) {
        /* Problems inside without a position of their own are told at the struct. */
        uint32_t line = d->line, column = d->column;
        d->line = v->line ? v->line : line;
        d->column = v->line ? v->column : column;
        decode_struct(d, type, v, ret);
        d->line = line;
        d->column = column;
    } else {
        decode_scalar(d, type, field, v, ret);
    }
}

int schema_decode(Decoder *d, const Type *type, const Value *v, void *ret) {
    memset(ret, 0, type->size);
    d->path_len = 0;
    d->path[0] = 0;
    d->problems = 0;
    d->line = v ? v->line : 0;
    d->column = v ? v->column : 0;
    if (v)
        decode_any(d, type, NULL, v, ret);
    else if (type->kind == TYPE_STRUCT)
        decode_struct(d, type, NULL, ret);
    return d->problems ? -1 : 0;
}
