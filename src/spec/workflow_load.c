/* SPDX-License-Identifier: Apache-2.0 */
/* From a text to a WorkflowConfig: parse, decode, check; and back. */
#include <string.h>

#include "base/limits.h"
#include "data/json.h"
#include "data/yaml.h"
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

/* JSON is YAML, which knows where each value stands, but for some strings: then it is read as what
 * it is, and places are not known. */
static int read_tree(Source *source, const char *text, size_t size) {
    size_t space = strspn(text, " \t\r\n");
    Report ignored;
    Err err;
    report_init(&ignored, source->arena);
    if (text[space] != '{')
        return yaml_parse(&(YamlText){source->file, text, size}, source->arena, source->report,
                          &source->value);
    if (json_parse(text, size, source->arena, &source->value, &err) < 0) {
        report_add(source->report, &(Place){.file = source->file}, NULL, "%s", err.msg);
        return -1;
    }
    const Value *placed;
    if (yaml_parse(&(YamlText){source->file, text, size}, source->arena, &ignored, &placed) == 0 &&
        value_equal(placed, source->value))
        source->value = placed;
    return 0;
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

/* Every value that is secret, and those that are known to be secret elsewhere. */
static bool is_secret(const WorkflowConfig *config, const Step *step, const char *text) {
    for (size_t i = 0; i < config->secrets.n; i++)
        if (strlen(config->secrets.at[i].value) >= SECRET_MIN &&
            strstr(text, config->secrets.at[i].value))
            return true;
    for (size_t i = 0; i < step->secret_mapping.n; i++)
        if (strlen(step->secret_mapping.at[i].value) >= SECRET_MIN &&
            strstr(text, step->secret_mapping.at[i].value))
            return true;
    return false;
}

static StrMap masked_map(const WorkflowConfig *config, const Step *step, const StrMap *map,
                         Arena *arena) {
    StrMap copy = {.at = arena_alloc(arena, (map->n + 1) * sizeof(StrPair)), .n = map->n};
    for (size_t i = 0; i < map->n; i++) {
        copy.at[i] = map->at[i];
        if (is_secret(config, step, map->at[i].value))
            copy.at[i].value = SCHEMA_MASKED;
    }
    return copy;
}

static StrList masked_list(const WorkflowConfig *config, const Step *step, const StrList *list,
                           Arena *arena) {
    StrList copy = {.at = arena_alloc(arena, (list->n + 1) * sizeof(char *)), .n = list->n};
    for (size_t i = 0; i < list->n; i++)
        copy.at[i] = is_secret(config, step, list->at[i]) ? SCHEMA_MASKED : list->at[i];
    return copy;
}

static WorkflowConfig masked(const WorkflowConfig *config, Arena *arena) {
    WorkflowConfig copy = *config;
    copy.stages.at = arena_alloc(arena, (config->stages.n + 1) * sizeof(Stage));
    for (size_t i = 0; i < config->stages.n; i++) {
        Stage *stage = &copy.stages.at[i];
        size_t n = config->stages.at[i].steps.n;
        stage->steps.n = n;
        stage->steps.at = arena_alloc(arena, (n + 1) * sizeof(Step));
        for (size_t k = 0; k < n; k++) {
            Step *step = &stage->steps.at[k];
            *step = config->stages.at[i].steps.at[k];
            if (step->image && is_secret(config, step, step->image))
                step->image = SCHEMA_MASKED;
            step->environment = masked_map(config, step, &step->environment, arena);
            step->commands = masked_list(config, step, &step->commands, arena);
            step->entrypoint = masked_list(config, step, &step->entrypoint, arena);
        }
    }
    return copy;
}

void workflow_encode(const WorkflowConfig *config, bool mask, JsonWriter *out) {
    Arena arena;
    arena_init(&arena);
    WorkflowConfig shown = mask ? masked(config, &arena) : *config;
    schema_encode(&type_workflow, &shown, &(EncodeOptions){.mask = mask}, out);
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

const WorkflowConfig *workflow_read(Source *source, const char *text, size_t size, Arena *arena) {
    return read_tree(source, text, size) < 0 ? NULL : workflow_decode(source, arena);
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
