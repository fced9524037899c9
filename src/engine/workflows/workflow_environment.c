/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is told right before it starts, and what is masked in what it writes. */
#include "engine/workflows/workflow_inside.h"

#include <string.h>
#include <unistd.h>

#include "spec/mask_forms.h"

enum { TOLD = 7, HOST_MAX = 256 };

static const char *seconds(int64_t us, Arena *arena) {
    return arena_printf(arena, "%lld", (long long)(us / 1000000));
}

static const char *host_name(Arena *arena) {
    char name[HOST_MAX] = "";
    return gethostname(name, sizeof(name) - 1) == 0 ? arena_strdup(arena, name) : "localhost";
}

/* In byte order of their names, as a StrMap is. */
static StrMap told(const Workflow *workflow, uint32_t index, Arena *arena) {
    const Step *step = workflow->graph->at[index].step;
    bool failed = step_sees_failure(workflow->graph, &workflow->facts, index);
    int64_t now_us = loop_wall_us(workflow->engine->loop);
    const StrPair pairs[TOLD] = {
        {"CI_MACHINE", host_name(arena)},
        {"CI_PIPELINE_STARTED", seconds(workflow->started_us, arena)},
        {"CI_PIPELINE_STATUS", failed ? "failure" : "success"},
        {"CI_STEP_NAME", step->name},
        {"CI_STEP_STARTED", seconds(now_us, arena)},
        {"CI_STEP_TYPE", step_type_name(step->type)},
        {"CI_SYSTEM_PLATFORM", workflow->backend->platform ? workflow->backend->platform : ""},
    };
    return (StrMap){.at = arena_dup(arena, pairs, sizeof(pairs)), .n = TOLD};
}

static StrList secrets(const WorkflowConfig *config, const Step *step, Arena *arena) {
    StrList forms = {0};
    for (size_t i = 0; i < config->secrets.n; i++)
        mask_forms(config->secrets.at[i].value, arena, &forms);
    for (size_t i = 0; i < step->secret_mapping.n; i++)
        mask_forms(step->secret_mapping.at[i].value, arena, &forms);
    if (step->auth_config.password)
        mask_forms(step->auth_config.password, arena, &forms);
    return forms;
}

Step workflow_step(const Workflow *workflow, uint32_t index, Arena *arena) {
    Step step = *workflow->graph->at[index].step;
    StrMap now = told(workflow, index, arena);
    step.environment = strmap_merge(&step.environment, &now, arena);
    step.secrets = secrets(workflow->config, &step, arena);
    step.title = step.name;
    return step;
}
