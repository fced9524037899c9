/* SPDX-License-Identifier: Apache-2.0 */
/* One project of several files: what it extends, itself, its override. Each is substituted, parsed
 * and checked by itself, so that what is wrong is told in the right file; then they are merged: the
 * later wins, environment goes by name, other lists grow, but `watch.paths` and `namespace` are
 * replaced whole. */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "data/yaml.h"
#include "spec/foreign/process_compose.h"
#include "spec/foreign/dotenv.h"
#include "spec/foreign/process_compose_names.h"
#include "spec/foreign/substitute.h"
#include "spec/foreign/switch.h"

enum { FILES_MAX = 16 };

/* --- places --- */

static const Source *file_of(const PcFiles *files, const char *path, Place *ret) {
    for (size_t i = files->n; i-- > 0;)
        if (source_find(&files->at[i], path, ret))
            return &files->at[i];
    const Source *own = &files->at[files->own];
    (void)source_find(own, path, ret);
    return own;
}

Place pc_place(const PcFiles *files, const char *path) {
    Place place;
    if (file_of(files, path, &place) != &files->at[files->own])
        place.line = place.column = 0;
    return place;
}

int pc_problem(const PcFiles *files, const char *path, const char *hint, const char *format, ...) {
    Place place;
    const Source *source = file_of(files, path, &place);
    va_list args;
    va_start(args, format);
    report_add(source->report, &place, hint, "%s", arena_vprintf(source->arena, format, args));
    va_end(args);
    return -1;
}

void pc_warning(const PcFiles *files, const char *path, const char *hint, const char *format, ...) {
    Place place;
    const Source *source = file_of(files, path, &place);
    va_list args;
    va_start(args, format);
    report_warn(source->report, &place, hint, "%s", arena_vprintf(source->arena, format, args));
    va_end(args);
}

/* --- merging --- */

static Value *copy_of(Arena *arena, const Value *v) {
    Value *copy = arena_dup(arena, v, sizeof(*v));
    if (v->kind == VALUE_MAP) {
        copy->map.at = arena_dup(arena, v->map.at, v->map.n * sizeof(*v->map.at));
        copy->map.cap = v->map.n;
    } else if (v->kind == VALUE_LIST) {
        copy->list.at = arena_dup(arena, v->list.at, v->list.n * sizeof(*v->list.at));
        copy->list.cap = v->list.n;
    }
    return copy;
}

static Value *merged(Arena *arena, const char *key, const Value *low, const Value *high);

static void merge_member(Arena *arena, Value *map, const ValuePair *pair) {
    for (size_t i = 0; i < map->map.n; i++)
        if (strcmp(map->map.at[i].key, pair->key) == 0) {
            map->map.at[i].value = merged(arena, pair->key, map->map.at[i].value, pair->value);
            return;
        }
    ValuePair *added = value_set(arena, map, pair->key, pair->value);
    added->line = pair->line;
    added->column = pair->column;
}

static Value *merged(Arena *arena, const char *key, const Value *low, const Value *high) {
    bool whole = strcmp(key, "paths") == 0 || strcmp(key, "namespace") == 0;
    if (low->kind != high->kind || whole || (low->kind != VALUE_MAP && low->kind != VALUE_LIST))
        return copy_of(arena, high);
    Value *v = copy_of(arena, low);
    for (size_t i = 0; high->kind == VALUE_LIST && i < high->list.n; i++)
        value_add(arena, v, high->list.at[i]);
    for (size_t i = 0; high->kind == VALUE_MAP && i < high->map.n; i++)
        merge_member(arena, v, &high->map.at[i]);
    return v;
}

/* --- one file --- */

/* A list of NAME=value is made the map that it means; a later one wins. */
static Value *env_map(const Source *source, const Value *list, const char *path) {
    Value *map = value_new(source->arena, VALUE_MAP);
    map->line = list->line;
    map->column = list->column;
    for (size_t i = 0; i < list->list.n; i++) {
        const Value *item = list->list.at[i];
        const char *equals = item->kind == VALUE_STRING ? strchr(item->text, '=') : NULL;
        if (!equals || equals == item->text) {
            source_problem(source, arena_printf(source->arena, "%s[%zu]", path, i), NULL,
                           "expected NAME=value");
            continue;
        }
        const char *name = arena_strndup(source->arena, item->text, (size_t)(equals - item->text));
        Value *value = value_new_string(source->arena, equals + 1);
        value->line = item->line;
        value->column = item->column;
        merge_member(
            source->arena, map,
            &(ValuePair){.key = name, .line = item->line, .column = item->column, .value = value});
    }
    return map;
}

static void make_env_map(const Source *source, Value *owner, const char *path) {
    for (size_t i = 0; i < owner->map.n; i++) {
        ValuePair *pair = &owner->map.at[i];
        if (strcmp(pair->key, "environment") == 0 && pair->value->kind == VALUE_LIST)
            pair->value = env_map(source, pair->value, path);
    }
}

/* The tree with its lists of environment made maps, at the project and at each process. */
static const Value *with_env_maps(const Source *source, const Value *tree) {
    Arena *arena = source->arena;
    Value *project = copy_of(arena, tree);
    make_env_map(source, project, "environment");
    for (size_t i = 0; i < project->map.n; i++) {
        ValuePair *pair = &project->map.at[i];
        if (strcmp(pair->key, "processes") != 0 || pair->value->kind != VALUE_MAP)
            continue;
        pair->value = copy_of(arena, pair->value);
        for (size_t k = 0; k < pair->value->map.n; k++) {
            ValuePair *process = &pair->value->map.at[k];
            if (process->value->kind != VALUE_MAP)
                continue;
            process->value = copy_of(arena, process->value);
            make_env_map(source, process->value,
                         arena_printf(arena, "processes.%s.environment", process->key));
        }
    }
    return project;
}

/* Types and unknown keys, by the table. */
static int check_file(const Source *source) {
    PcProject scratch;
    Decoder d = {.arena = source->arena, .report = source->report, .file = source->file};
    d.unknown = value_get_bool(source->value, "is_strict", false) ? UNKNOWN_ERROR : UNKNOWN_WARN;
    size_t errors = source->report->errors;
    (void)!schema_decode(&d, &type_pc_project, source->value, &scratch);
    return source->report->errors > errors ? -1 : 0;
}

static int parse(Source *source, const char *text, size_t size, const StrMap *env) {
    size_t n = size;
    const char *ready = substitute(source, text, size, env, &n);
    if (!ready || yaml_parse(&(YamlText){source->file, ready, n}, source->arena, source->report,
                             &source->value) < 0)
        return -1;
    if (value_get_bool(source->value, "disable_env_expansion", false) &&
        yaml_parse(&(YamlText){source->file, text, size}, source->arena, source->report,
                   &source->value) < 0)
        return -1;
    if (source->value->kind != VALUE_MAP)
        return source_problem(source, "", "a process-compose file has `processes:`",
                              "the file is no map of keys");
    source->value = with_env_maps(source, source->value);
    return check_file(source);
}

static Source *add(PcFiles *files, const Source *like, const char *file) {
    Source *source = &files->at[files->n++];
    *source = *like;
    source->file = file;
    source->value = NULL;
    return source;
}

static int read_into(Source *source, const StrMap *env, const Source *asker, const char *key) {
    Err err;
    size_t size;
    AUTO_FREE char *text = source_read(source, source->file, &size, &err);
    if (!text)
        return source_problem(asker, key, NULL, "%s: %s", source->file, err.msg);
    return parse(source, arena_strndup(source->arena, text, size), size, env);
}

/* --- extends --- */

/* Relative working directories of a base stand for directories beside it. */
static void anchor(const Source *base, const char *dir) {
    const Value *processes = value_get(base->value, "processes");
    const char *own = dotenv_dir(base->file, base->arena);
    if (strcmp(own, dir) == 0 || !value_is(processes, VALUE_MAP))
        return;
    for (size_t i = 0; i < processes->map.n; i++) {
        Value *process = processes->map.at[i].value;
        const char *given = value_get_str(process, "working_dir");
        if (!given || given[0] == '/')
            continue;
        AUTO_FREE char *joined = path_join(own, given);
        Value *path = value_new_string(base->arena, joined);
        path->line = process->line;
        path->column = process->column;
        merge_member(base->arena, process, &(ValuePair){.key = "working_dir", .value = path});
    }
}

/* The files that `source` extends come before it. */
static int read_bases(PcFiles *files, const Source *source) {
    const char *base = value_get_str(source->value, "extends");
    if (!base)
        return 0;
    AUTO_FREE char *joined = path_join(dotenv_dir(source->file, source->arena), base);
    char real[PATH_MAX];
    if (!realpath(joined, real))
        return source_problem(source, "extends", NULL, "there is no file %s", joined);
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i].file, real) == 0)
            return source_problem(source, "extends", "remove one of them", "%s extends itself",
                                  real);
    if (files->n + 2 > FILES_MAX)
        return source_problem(source, "extends", NULL, "more than %d files extend each other",
                              FILES_MAX - 2);
    Source *next = add(files, source, arena_strdup(source->arena, real));
    if (read_into(next, &files->env, source, "extends") < 0)
        return -1;
    anchor(next, files->dir);
    return read_bases(files, next);
}

static void reverse(Source *at, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        Source other = at[i];
        at[i] = at[n - 1 - i];
        at[n - 1 - i] = other;
    }
}

/* --- the override --- */

static const char *const override_names[] = {"compose.override.yml", "compose.override.yaml",
                                             "process-compose.override.yml",
                                             "process-compose.override.yaml"};

/* Beside a file of one of the default names, the first that is there. */
static int read_override(PcFiles *files) {
    const Source *own = &files->at[files->own];
    const char *base = path_base(own->file);
    bool usual = false;
    for (size_t i = 0; i < PC_NAMES; i++)
        usual = usual || strcmp(base, pc_names[i]) == 0;
    for (size_t i = 0; usual && i < COUNT(override_names); i++) {
        AUTO_FREE char *path = path_join(files->dir, override_names[i]);
        source_note(own, path);
        if (access(path, F_OK) == 0)
            return read_into(add(files, own, arena_strdup(own->arena, path)), &files->env, own, "");
    }
    return 0;
}

/* --- a process extends another --- */

static Value *extended(const PcFiles *files, const Value *processes, const char *name,
                       size_t depth) {
    Arena *arena = files->at[0].arena;
    const Value *own = value_get(processes, name);
    const char *base = value_get_str(own, "extends");
    const char *path = arena_printf(arena, "processes.%s.extends", name);
    if (!base)
        return copy_of(arena, own);
    if (!value_is(value_get(processes, base), VALUE_MAP)) {
        pc_problem(files, path, NULL, "there is no process \"%s\"", base);
        return NULL;
    }
    if (depth > processes->map.n) {
        pc_problem(files, path, "remove one of them", "%s extends itself", name);
        return NULL;
    }
    Value *low = extended(files, processes, base, depth + 1);
    return low ? merged(arena, "", low, own) : NULL;
}

static int extend_all(const PcFiles *files, Value *project) {
    for (size_t i = 0; i < project->map.n; i++) {
        ValuePair *pair = &project->map.at[i];
        if (strcmp(pair->key, "processes") != 0 || pair->value->kind != VALUE_MAP)
            continue;
        Value *all = copy_of(files->at[0].arena, pair->value);
        for (size_t k = 0; k < all->map.n; k++) {
            ValuePair *process = &all->map.at[k];
            if (process->value->kind == VALUE_MAP &&
                !(process->value = extended(files, pair->value, process->key, 0)))
                return -1;
        }
        pair->value = all;
    }
    return 0;
}

/* --- what is not taken over --- */

static bool meant(const Value *v) {
    static const char *const words[] = {"n", "no", "off"};
    for (size_t i = 0; v && i < COUNT(words); i++)
        if (value_str(v) && strcasecmp(value_str(v), words[i]) == 0)
            return false;
    return v && v->kind != VALUE_NULL && !(v->kind == VALUE_BOOL && !v->boolean);
}

/* `told`: of pc_keys, which were told already. */
static void tell_key(const PcFiles *files, const PcKey *key, const char *path, bool *told) {
    if (key->fate == PC_REFUSED) {
        pc_problem(files, path, key->why, "thole does not do this");
        return;
    }
    if (key->fate == PC_IGNORED && !told[key - pc_keys]) {
        told[key - pc_keys] = true;
        pc_warning(files, path, key->why, "this has no meaning here and is ignored");
    }
}

static void tell_keys(const PcFiles *files, const Type *type, const Value *map, const char *path,
                      bool *told) {
    Arena *arena = files->at[0].arena;
    for (size_t i = 0; value_is(map, VALUE_MAP) && i < map->map.n; i++) {
        const ValuePair *pair = &map->map.at[i];
        const PcKey *key = pc_key(type, pair->key);
        const char *here = arena_printf(arena, "%s%s%s", path, *path ? "." : "", pair->key);
        if (key && meant(pair->value))
            tell_key(files, key, here, told);
        for (size_t k = 0; k < type->field_n; k++)
            if (type->fields[k].type->kind == TYPE_STRUCT &&
                strcmp(type->fields[k].name, pair->key) == 0)
                tell_keys(files, type->fields[k].type, pair->value, here, told);
    }
}

static void tell_all(const PcFiles *files, const Value *project) {
    size_t keys = 0;
    while (pc_keys[keys].type)
        keys++;
    bool *told = arena_alloc(files->at[0].arena, keys * sizeof(*told));
    const Value *processes = value_get(project, "processes");
    tell_keys(files, &type_pc_project, project, "", told);
    for (size_t i = 0; value_is(processes, VALUE_MAP) && i < processes->map.n; i++)
        tell_keys(files, &type_pc_process, processes->map.at[i].value,
                  arena_printf(files->at[0].arena, "processes.%s", processes->map.at[i].key), told);
}

/* --- all of it --- */

static const PcProject *decode(const PcFiles *files) {
    const Source *own = &files->at[files->own];
    Value *project = copy_of(own->arena, files->at[0].value);
    for (size_t i = 1; i < files->n; i++)
        project = merged(own->arena, "", project, files->at[i].value);
    size_t errors = own->report->errors;
    if (extend_all(files, project) < 0)
        return NULL;
    tell_all(files, project);
    PcProject *ret = arena_alloc(own->arena, sizeof(*ret));
    Decoder d = {
        .arena = own->arena, .report = own->report, .file = own->file, .unknown = UNKNOWN_SILENT};
    if (schema_decode(&d, &type_pc_project, project, ret) < 0 || own->report->errors > errors)
        return NULL;
    if (ret->processes.n == 0) {
        pc_problem(files, "processes", "add `processes:`", "there is no process to run");
        return NULL;
    }
    return ret;
}

const PcProject *pc_read(const Source *source, const char *text, size_t size, PcFiles *files) {
    Arena *arena = source->arena;
    static const StrMap nothing;
    const StrMap *client = source->client ? source->client : &nothing;
    *files = (PcFiles){.at = arena_alloc(arena, FILES_MAX * sizeof(Source)),
                       .dir = dotenv_dir(source->file, arena)};
    const char *list = strmap_get(client, "PC_CONFIG_FILES");
    Place place = {.file = source->file};
    if (list && *list)
        report_warn(source->report, &place,
                    "merge files by `extends`, or by an override of the usual name",
                    "PC_CONFIG_FILES is not followed");
    if (!switch_is_set(client, "PC_DISABLE_DOTENV") &&
        dotenv_read(source, files->dir, ".env", &files->dotenv) < 0)
        return NULL;
    files->env = strmap_merge(&files->dotenv, client, arena);
    Source *own = add(files, source, source->file);
    if (parse(own, text, size, &files->env) < 0 || read_bases(files, own) < 0)
        return NULL;
    reverse(files->at, files->n);
    files->own = files->n - 1;
    return read_override(files) < 0 ? NULL : decode(files);
}
