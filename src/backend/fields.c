/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/fields.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

/* ---- the fields there are ---- */

typedef struct Gather {
    const Backend *backend;
    ConfigField *at;
    size_t n;
    bool of_step;
} Gather;

static const BackendField *find(const Backend *backend, const char *path) {
    for (size_t i = 0; i < backend->field_n; i++)
        if (strcmp(backend->fields[i].path, path) == 0)
            return &backend->fields[i];
    return NULL;
}

static void gather(Gather *all, const Type *type, const char *prefix, size_t offset) {
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if ((field->flags & FIELD_INTERNAL) || strcmp(field->name, "pipeline") == 0)
            continue;
        assert(all->n < CONFIG_FIELDS_MAX);
        ConfigField *one = &all->at[all->n];
        *one = (ConfigField){
            .field = field, .offset = offset + field->offset, .of_step = all->of_step};
        snprintf(one->path, sizeof(one->path), "%s%s", prefix, field->name);
        one->entry = find(all->backend, one->path);
        if (!one->entry && field->type->kind == TYPE_STRUCT) {
            char below[sizeof(one->path) + 1];
            snprintf(below, sizeof(below), "%s.", one->path);
            gather(all, field->type, below, one->offset);
        } else {
            all->n++;
        }
    }
}

size_t backend_config_fields(const Backend *backend, ConfigField ret[CONFIG_FIELDS_MAX]) {
    Gather all = {.backend = backend, .at = ret};
    gather(&all, &type_workflow, "", 0);
    all.of_step = true;
    gather(&all, &type_step, "step.", 0);
    return all.n;
}

/* ---- what is set ---- */

static bool is_set(const Type *type, const void *member) {
    const char *const *text = member;
    const char *bytes = member;
    switch (type->kind) {
    case TYPE_STRING: return *text && **text;
    case TYPE_STRINGS:
    case TYPE_STRING_MAP:
    case TYPE_LIST:
    case TYPE_MAP: return ((const StrList *)member)->n > 0; /* all have this shape */
    case TYPE_STRUCT:
        for (size_t i = 0; i < type->field_n; i++)
            if (is_set(type->fields[i].type, bytes + type->fields[i].offset))
                return true;
        return false;
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_ENUM:
    case TYPE_CUSTOM: break;
    }
    for (size_t i = 0; i < type->size; i++)
        if (bytes[i])
            return true;
    return false;
}

/* ---- a Config against the table ---- */

typedef struct Checking {
    const Backend *backend;
    const Source *source;
    ConfigField *fields; /* those that are not honoured; entry NULL: noted already */
    size_t n;
    /* without meaning, and set */
    const char *first; /* path in the text; NULL: none */
    const char *why;   /* of the first */
    Buf names;
    size_t name_n;
} Checking;

/* A compiled Config sets many of them: one word about all is enough. */
static void note(Checking *checking, ConfigField *field, const char *path, const char *name) {
    if (checking->name_n++ == 0) {
        checking->first = path;
        checking->why = field->entry->why;
    }
    buf_printf(&checking->names, "%s`%s`", checking->name_n > 1 ? ", " : "", name);
    field->entry = NULL;
}

static void warn(const Checking *checking) {
    const char *backend = checking->backend->name;
    if (checking->name_n == 1)
        source_warning(checking->source, checking->first, NULL,
                       "%s has no meaning on the backend %s: %s", buf_cstr(&checking->names),
                       backend, checking->why);
    else if (checking->name_n > 1)
        source_warning(checking->source, checking->first, NULL,
                       "%s have no meaning on the backend %s; `thole backend show %s` says why",
                       buf_cstr(&checking->names), backend, backend);
}

/* `where`: of the step in the text; NULL: a field of the Config itself. */
static void check_field(Checking *checking, ConfigField *field, const Step *step,
                        const char *where) {
    const char *name = field->path + (step ? strlen("step.") : 0);
    const char *path =
        step ? arena_printf(checking->source->arena, "%s.%s", where, name) : field->path;
    const BackendField *entry = field->entry;
    if (entry->use == FIELD_REFUSED) {
        source_problem(checking->source, path, NULL, "%s%sthe backend %s cannot honour `%s`: %s",
                       step ? step->name : "", step ? ": " : "", checking->backend->name, name,
                       entry->why);
        return;
    }
    note(checking, field, path, name);
}

static void check_step(Checking *checking, const Step *step, uint32_t stage, uint32_t index) {
    char where[64];
    snprintf(where, sizeof(where), "pipeline[%u].steps[%u]", stage, index);
    for (size_t i = 0; i < checking->n; i++) {
        ConfigField *field = &checking->fields[i];
        if (field->of_step && field->entry &&
            is_set(field->field->type, (const char *)step + field->offset))
            check_field(checking, field, step, where);
    }
}

/* A backend knows the path of what it finds wrong; where that stands the source does. */
static void find_places(const Source *source, size_t from) {
    for (size_t i = from; i < source->report->n; i++) {
        Place *place = &source->report->at[i].place;
        if (!place->file || !place->file[0])
            (void)source_find(source, place->path ? place->path : "", place);
    }
}

void backend_check_config(Backend *backend, const WorkflowConfig *config, const Source *source) {
    ConfigField fields[CONFIG_FIELDS_MAX];
    Checking checking = {.backend = backend, .source = source, .fields = fields};
    size_t n = backend_config_fields(backend, fields);
    buf_init(&checking.names, MAX_RECORD_BYTES);
    for (size_t i = 0; i < n; i++)
        if (fields[i].entry && fields[i].entry->use != FIELD_HONOURED)
            fields[checking.n++] = fields[i];
    for (size_t i = 0; i < checking.n; i++)
        if (!fields[i].of_step &&
            is_set(fields[i].field->type, (const char *)config + fields[i].offset))
            check_field(&checking, &fields[i], NULL, NULL);
    for (uint32_t i = 0; i < config->stages.n; i++)
        for (uint32_t k = 0; k < config->stages.at[i].steps.n; k++)
            check_step(&checking, &config->stages.at[i].steps.at[k], i, k);
    warn(&checking);
    buf_deinit(&checking.names);
    size_t before = source->report->n;
    if (backend->ops->check)
        backend->ops->check(backend, config, source->report);
    find_places(source, before);
}

/* ---- for people ---- */

const char *field_use_name(FieldUse use) {
    switch (use) {
    case FIELD_HONOURED: break;
    case FIELD_WITHOUT_MEANING: return "without meaning";
    case FIELD_REFUSED: return "refused";
    }
    return "honoured";
}

/* Only the last part of the path says what it is; those before say whose. */
static const BackendField *covering(const Backend *backend, const char *path) {
    char part[64];
    snprintf(part, sizeof(part), "%s", path);
    for (char *dot; !find(backend, part) && (dot = strrchr(part, '.'));)
        *dot = '\0';
    return find(backend, part);
}

void backend_fields_markdown(const Backend *backends, size_t n, Buf *out) {
    ConfigField fields[CONFIG_FIELDS_MAX];
    const Backend none = {0}; /* all structs are taken apart */
    size_t field_n = backend_config_fields(&none, fields);
    buf_puts(out, "| field |");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, " `%s` |", backends[i].name);
    buf_puts(out, "\n|---|");
    for (size_t i = 0; i < n; i++)
        buf_puts(out, "---|");
    for (size_t k = 0; k < field_n; k++) {
        buf_printf(out, "\n| %s |", fields[k].path);
        for (size_t i = 0; i < n; i++) {
            const BackendField *entry = covering(&backends[i], fields[k].path);
            bool plain = !entry || entry->use == FIELD_HONOURED;
            buf_printf(out, " %s%s%s%s |", plain ? "" : "*",
                       plain ? "" : field_use_name(entry->use),
                       plain ? "" : "*: ", entry ? entry->why : "?");
        }
    }
    buf_puts(out, "\n");
}
