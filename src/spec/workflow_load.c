/* SPDX-License-Identifier: Apache-2.0 */
/* From a text to a WorkflowConfig: parse, decode, check; and back. */
#include <string.h>

#include "base/limits.h"
#include "data/json.h"
#include "data/yaml.h"
#include "spec/mask_forms.h"
#include "spec/workflow.h"
#include "spec/workflow_check.h"

size_t workflow_step_count(const WorkflowConfig *config) {
    size_t n = 0;
    for (size_t i = 0; i < config->stages.n; i++)
        n += config->stages.at[i].steps.n;
    return n;
}

bool workflow_is_graph(const WorkflowConfig *config) {
    for (size_t i = 0; i < config->stages.n; i++)
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++)
            if (config->stages.at[i].steps.at[k].depends_on.n)
                return true;
    return false;
}

static int read_tree(Source *source, const char *text, size_t size) {
    size_t space = strspn(text, " \t\r\n");
    JsonPlace at;
    Err err;
    if (text[space] != '{')
        return yaml_parse(&(YamlText){source->file, text, size}, source->arena, source->report,
                          &source->value);
    if (json_parse_placed(&(JsonText){text, size}, source->arena, &source->value, &at, &err) < 0) {
        Place place = {source->file, (uint32_t)at.line, (uint32_t)at.column, NULL};
        report_add(source->report, &place, NULL, "not valid JSON: %s", err.msg);
        return -1;
    }
    return 0;
}

/* JSON is YAML, which knows where each value stands, but for some strings: then it is read as what
 * it is, and places are not known. */
static void find_places(Source *source, const char *text, size_t size) {
    const Value *placed;
    Report ignored;
    report_init(&ignored, source->arena);
    if (yaml_parse(&(YamlText){source->file, text, size}, source->arena, &ignored, &placed) == 0 &&
        value_equal(placed, source->value))
        source->value = placed;
}

static bool is_config(const Source *source) {
    Place place = {.file = source->file};
    if (value_is(source->value, VALUE_MAP) && value_get(source->value, "pipeline"))
        return true;
    if (value_get(source->value, "steps") || value_get(source->value, "services"))
        report_add(source->report, &place, "compile it first; a Config has the key `pipeline`",
                   "this is a pipeline's or a project's own file, not a compiled Config");
    else
        report_add(source->report, &place, "it looks like {\"pipeline\": [{\"steps\": [...]}]}",
                   "a Config is a map with the key `pipeline`");
    return false;
}

/* --- shown --- */

typedef void (*AddFn)(MaskForms *forms, const char *value);

static void each_secret(const WorkflowConfig *config, MaskForms *forms, AddFn add) {
    for (size_t i = 0; i < config->secrets.n; i++)
        add(forms, config->secrets.at[i].value);
    for (size_t s = 0; s < config->stages.n; s++) {
        for (size_t k = 0; k < config->stages.at[s].steps.n; k++) {
            const Step *step = &config->stages.at[s].steps.at[k];
            const char *netrc = strmap_get(&step->environment, "CI_NETRC_PASSWORD");
            for (size_t i = 0; i < step->secret_mapping.n; i++)
                add(forms, step->secret_mapping.at[i].value);
            if (step->auth_config.password)
                add(forms, step->auth_config.password);
            if (netrc)
                add(forms, netrc);
        }
    }
}

StrList workflow_mask_forms(const WorkflowConfig *config, Arena *arena) {
    MaskForms forms;
    mask_forms_init(&forms, arena);
    each_secret(config, &forms, mask_forms_add);
    each_secret(config, &forms, mask_forms_add_encoded);
    each_secret(config, &forms, mask_forms_add_more);
    mask_forms_deinit(&forms);
    return forms.list;
}

static void hide(void *arg, const char *text, Buf *out) {
    form_mask_put(arg, text, out);
}

void workflow_encode(const WorkflowConfig *config, const StrList *masks, JsonWriter *out) {
    Arena arena;
    FormMask mask;
    JsonHide own = {hide, &mask};
    arena_init(&arena);
    if (masks)
        form_mask_init(&mask, masks, &arena);
    schema_encode(&type_workflow, config,
                  &(EncodeOptions){.mask = masks != NULL, .hide = masks && masks->n ? &own : NULL},
                  out);
    arena_deinit(&arena);
}

/* --- read --- */

const WorkflowConfig *workflow_decode(const Source *source, Arena *arena) {
    size_t errors = source->report->errors;
    WorkflowConfig *config = arena_alloc(arena, sizeof(*config));
    Decoder decoder = {.arena = arena,
                       .report = source->report,
                       .file = source->file,
                       .unknown = UNKNOWN_WARN,
                       .copy = true};
    if (!is_config(source) || schema_decode(&decoder, &type_workflow, source->value, config) < 0)
        return NULL;
    workflow_check(config, source);
    return source->report->errors == errors ? config : NULL;
}

const WorkflowConfig *workflow_read_quickly(Source *source, const char *text, size_t size,
                                            Arena *arena) {
    return read_tree(source, text, size) < 0 ? NULL : workflow_decode(source, arena);
}

const WorkflowConfig *workflow_read(Source *source, const char *text, size_t size, Arena *arena) {
    if (read_tree(source, text, size) < 0)
        return NULL;
    if (text[strspn(text, " \t\r\n")] == '{')
        find_places(source, text, size);
    return workflow_decode(source, arena);
}

const WorkflowConfig *workflow_load(const char *file, const char *text, size_t size, Arena *arena,
                                    Report *report) {
    Arena tree;
    arena_init(&tree);
    Source source = {.file = file, .report = report, .arena = &tree};
    const WorkflowConfig *config = workflow_read(&source, text, size, arena);
    arena_deinit(&tree);
    return config;
}
