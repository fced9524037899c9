/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/config_overlay.h"

#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "data/yaml.h"
#include "spec/config.h"
#include "spec/config_modes.h"

/* ---- laying it over ---- */

static int read_overlay(Source *source, const char *path, const Value **ret) {
    Place place = {.file = path};
    size_t size;
    Err err;
    if (access(path, F_OK) < 0) {
        source_note(source, path); /* should it appear, all is different */
        return 0;
    }
    AUTO_FREE char *text = source_read(source, path, &size, &err);
    if (!text) {
        report_add(source->report, &place, NULL, "%s", err.msg);
        return -1;
    }
    const Value *v;
    if (yaml_parse(&(YamlText){path, text, size}, source->arena, source->report, &v) < 0)
        return -1;
    place.line = v->line;
    place.column = v->column;
    if (v->kind != VALUE_MAP && v->kind != VALUE_NULL) {
        report_add(source->report, &place, "write the keys that differ in this mode",
                   "the file is no map of keys");
        return -1;
    }
    *ret = v->kind == VALUE_MAP ? v : NULL;
    return 0;
}

int config_overlay(Source *source) {
    const char *mode = source->mode;
    const Value *overlay = NULL;
    if (!mode || !*mode)
        return 0;
    if (!config_mode_named(mode, strlen(mode)))
        return source_problem(source, "",
                              "use letters, digits, '-', '_' and '.', at most 63 characters",
                              "\"%.80s\" cannot be the name of a mode", mode);
    source->overlay = config_overlay_path(source->file, mode, source->arena);
    if (read_overlay(source, source->overlay, &overlay) < 0)
        return -1;
    if (!overlay) {
        source->overlay = NULL;
        return 0;
    }
    value_mark_overlay((Value *)(uintptr_t)overlay); /* ours: it was read just now */
    if (source->previewctl)
        overlay = config_adapt_previewctl(&type_config, overlay, true, source->arena);
    source->value = schema_merge(&type_config, source->value, overlay, source->arena);
    return 0;
}

/* ---- previewctl ---- */

static const Type *type_of(const Type *type, const char *key) {
    if (!type || type->kind == TYPE_MAP)
        return type ? type->of : NULL;
    for (size_t i = 0; type->kind == TYPE_STRUCT && i < type->field_n; i++)
        if (strcmp(type->fields[i].name, key) == 0)
            return type->fields[i].type;
    return NULL;
}

static bool is_empty(const Type *type, const Value *v) {
    bool list = type && (type->kind != TYPE_MAP || type->keys);
    bool number = type && (type->kind == TYPE_INT || type->kind == TYPE_CUSTOM);
    return (v->kind == VALUE_STRING && v->len == 0) ||
           (v->kind == VALUE_LIST && v->list.n == 0 && list) ||
           (v->kind == VALUE_INT && v->integer == 0 && number);
}

static Value *scalar(const Value *v, ValueKind kind, const char *text, Arena *arena) {
    Value *copy = arena_dup(arena, v, sizeof(*v));
    copy->kind = kind;
    copy->text = text;
    copy->len = strlen(text);
    return copy;
}

/* Its booleans are those of YAML 1.1, its numbers of any form. */
static const Value *adapt_scalar(const Type *type, const Value *v, Arena *arena) {
    static const char *const yes[] = {"yes", "on", "y"}, *const no[] = {"no", "off", "n"};
    const char *text = value_str(v);
    for (size_t i = 0; text && type->kind == TYPE_BOOL && i < COUNT(yes); i++)
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            bool on = strcasecmp(text, yes[i]) == 0;
            Value *made = scalar(v, VALUE_BOOL, on ? "true" : "false", arena);
            made->boolean = on;
            return made;
        }
    bool number = type->kind == TYPE_INT || type->kind == TYPE_CUSTOM;
    if (number && v->kind == VALUE_REAL && v->real > -1e15 && v->real < 1e15 &&
        v->real == (double)(int64_t)v->real) {
        int64_t integer = (int64_t)v->real;
        Value *made = scalar(v, VALUE_INT, arena_printf(arena, "%lld", (long long)integer), arena);
        made->integer = integer;
        return made;
    }
    return v;
}

static const Value *adapt_map(const Type *type, const Value *v, bool overlay, Arena *arena) {
    Value *out = value_new(arena, VALUE_MAP);
    out->line = v->line;
    out->column = v->column;
    for (size_t i = 0; i < v->map.n; i++) {
        const ValuePair *pair = &v->map.at[i];
        const Value *value = pair->value;
        bool none = value->kind == VALUE_NULL;
        if (type->kind == TYPE_STRUCT &&
            (is_empty(type_of(type, pair->key), value) || (none && !overlay)))
            continue;
        if (type->kind == TYPE_STRING_MAP && none && !overlay)
            value = scalar(value, VALUE_STRING, "", arena);
        value = config_adapt_previewctl(type_of(type, pair->key), value, overlay, arena);
        ValuePair *put = value_set(arena, out, pair->key, (Value *)(uintptr_t)value);
        put->line = pair->line;
        put->column = pair->column;
    }
    return out;
}

const Value *config_adapt_previewctl(const Type *type, const Value *v, bool overlay, Arena *arena) {
    if (!type)
        return v;
    if (v->kind == VALUE_MAP)
        return adapt_map(type, v, overlay, arena);
    if (v->kind != VALUE_LIST)
        return adapt_scalar(type, v, arena);
    Value *out = value_new(arena, VALUE_LIST);
    out->line = v->line;
    out->column = v->column;
    for (size_t i = 0; i < v->list.n; i++)
        value_add(
            arena, out,
            (Value *)(uintptr_t)config_adapt_previewctl(type->of, v->list.at[i], overlay, arena));
    return out;
}
