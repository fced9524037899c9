/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding what is not made of other descriptors: scalars, and lists and maps of text. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "data/schema_decode.h"

/* As people would write it. */
static const char *bound(const Decoder *d, const Field *field, int64_t n) {
    enum { DAY_MS = 24 * 3600 * 1000 };
    char text[DURATION_TEXT];
    if (field->type->kind != TYPE_DURATION)
        return arena_printf(d->arena, "%" PRId64, n);
    if (n && n % DAY_MS == 0)
        return arena_printf(d->arena, "%" PRId64 " days", n / DAY_MS);
    duration_format_go(n, text);
    return arena_strdup(d->arena, text);
}

static void check_bounds(Decoder *d, const Field *field, const Value *v, int64_t n, int64_t *ret) {
    if (!field || (!field->min && !field->max) || (n >= field->min && n <= field->max)) {
        *ret = n;
        return;
    }
    const char *min = bound(d, field, field->min), *max = bound(d, field, field->max);
    if (field->max == INT64_MAX)
        decode_problem(d, v, NULL, "%s is less than %s", v->text, min);
    else
        decode_problem(d, v, NULL, "%s is outside %s..%s", v->text, min, max);
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
    decode_expected(d, t_bool.expected, v);
}

static void decode_int(Decoder *d, const Field *field, const Value *v, int64_t *ret) {
    if (v->kind == VALUE_INT)
        check_bounds(d, field, v, v->integer, ret);
    else
        decode_expected(d, t_int.expected, v);
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
        decode_problem(
            d, v,
            arena_printf(d->arena,
                         time ? "write %ss if you mean seconds" : "write %sMiB, or whole bytes",
                         v->text),
            "%s has no unit; expected %s", v->text, type->expected);
        return;
    } else if (time && text && *text == '-' && duration_parse(text + 1, &n, NULL) == 0) {
        n = -1;
    } else if (!text || strlen(text) != v->len ||
               (time ? duration_parse(text, &n, NULL) : size_parse(text, &n, NULL)) < 0) {
        decode_expected(d, type->expected, v);
        return;
    }
    if (n < 0)
        decode_problem(d, v, NULL, "%s is negative; expected %s", v->text, type->expected);
    else
        check_bounds(d, field, v, n, ret);
}

const char *decode_keep(Decoder *d, const char *text) {
    return d->copy ? arena_strdup(d->arena, text) : text;
}

const char *decode_text(Decoder *d, const Value *v, const char *what) {
    if (v->kind == VALUE_NULL || v->kind == VALUE_LIST || v->kind == VALUE_MAP) {
        decode_expected(d, what, v);
        return NULL;
    }
    if (strlen(v->text) != v->len) {
        decode_problem(d, v, NULL, "contains a NUL character, which no program could be given");
        return NULL;
    }
    return decode_keep(d, v->text);
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
    const char *text = decode_text(d, v, t_string.expected);
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
                   "expected one of %s, got %s", all, decode_found(d, v));
}

/* --- lists and maps of text --- */

static void decode_strings(Decoder *d, const Type *type, const Field *field, const Value *v,
                           StrList *ret) {
    bool one = type->scalar && v->kind != VALUE_LIST && v->kind != VALUE_MAP;
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_LIST && !one) {
        decode_expected(d, type->expected, v);
        return;
    }
    size_t n = one ? 1 : v->list.n;
    ret->at = arena_alloc(d->arena, (n + 1) * sizeof(char *));
    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        const Value *item = one ? v : v->list.at[i];
        size_t before = one ? d->path_len : decode_enter_item(d, i);
        const char *text = decode_text(d, item, t_string.expected);
        if (text && check_text(d, field, item, text))
            ret->at[ret->n++] = text;
        decode_leave(d, before);
    }
}

/* A name of a string map, at its place. */
static bool check_name(Decoder *d, const Field *field, uint32_t line, uint32_t column,
                       const char *name) {
    const char *wrong = field && field->check ? field->check(name) : NULL;
    if (wrong)
        decode_problem_at(d, line, column, NULL, "%s", wrong);
    return !wrong;
}

static void decode_pairs(Decoder *d, const Field *field, const Value *v, StrMap *ret) {
    for (size_t i = 0; i < v->map.n; i++) {
        const ValuePair *pair = &v->map.at[i];
        size_t before = decode_enter(d, pair->key);
        bool named = check_name(d, field, pair->line, pair->column, pair->key);
        const char *text = NULL;
        if (pair->value->kind == VALUE_NULL)
            decode_problem(d, pair->value, "write \"\" for an empty one", "has no value");
        else
            text = decode_text(d, pair->value, "a value");
        if (text && named)
            ret->at[ret->n++] = (StrPair){.name = decode_keep(d, pair->key), .value = text};
        decode_leave(d, before);
    }
}

/* Names alone, each with an empty value. */
static void decode_names(Decoder *d, const Field *field, const Value *v, StrMap *ret) {
    for (size_t i = 0; i < v->list.n; i++) {
        const Value *item = v->list.at[i];
        size_t before = decode_enter_item(d, i);
        const char *name = decode_text(d, item, "a name");
        if (name && check_name(d, field, item->line, item->column, name))
            ret->at[ret->n++] = (StrPair){.name = name, .value = ""};
        decode_leave(d, before);
    }
}

static void decode_string_map(Decoder *d, const Type *type, const Field *field, const Value *v,
                              StrMap *ret) {
    bool listed = type->keys && v->kind == VALUE_LIST;
    if (v->kind == VALUE_NULL)
        return;
    if (v->kind != VALUE_MAP && !listed) {
        decode_problem(d, v, v->kind == VALUE_LIST ? "write NAME: value, without the dash" : NULL,
                       "expected %s, got %s", type->expected, decode_found(d, v));
        return;
    }
    ret->at = arena_alloc(d->arena, (value_count(v) + 1) * sizeof(StrPair));
    ret->n = 0;
    if (listed)
        decode_names(d, field, v, ret);
    else
        decode_pairs(d, field, v, ret);
    const char *twice = strmap_sort(ret);
    if (twice)
        decode_problem(d, v, NULL, "\"%s\" is listed twice", twice);
}

void decode_scalar(Decoder *d, const Type *type, const Field *field, const Value *v, void *ret) {
    switch (type->kind) {
    case TYPE_BOOL: decode_bool(d, v, ret); return;
    case TYPE_INT: decode_int(d, field, v, ret); return;
    case TYPE_DURATION:
    case TYPE_SIZE: decode_unit(d, type, field, v, ret); return;
    case TYPE_STRING: decode_string(d, field, v, ret); return;
    case TYPE_STRINGS: decode_strings(d, type, field, v, ret); return;
    case TYPE_STRING_MAP: decode_string_map(d, type, field, v, ret); return;
    case TYPE_ENUM: decode_enum(d, type, v, ret); return;
    case TYPE_CUSTOM: (void)type->decode(d, v, ret); return;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP: break;
    }
    UNREACHABLE();
}
