/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is told right before it starts, and what is masked in what it writes. */
#include "engine/workflows/workflow_inside.h"

#include <stdlib.h>
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

/* ---- plugins that were made for Drone ---- */

/* By the names of Drone; NULL: the value is the text. */
static const struct {
    const char *name, *of, *text;
} drone[] = {
    {"DRONE", NULL, "true"},
    {"DRONE_BRANCH", "CI_COMMIT_BRANCH", NULL},
    {"DRONE_BUILD_CREATED", "CI_PIPELINE_CREATED", NULL},
    {"DRONE_BUILD_EVENT", "CI_PIPELINE_EVENT", NULL},
    {"DRONE_BUILD_LINK", "CI_PIPELINE_URL", NULL},
    {"DRONE_BUILD_NUMBER", "CI_PIPELINE_NUMBER", NULL},
    {"DRONE_BUILD_PARENT", "CI_PIPELINE_PARENT", NULL},
    {"DRONE_BUILD_STARTED", "CI_PIPELINE_STARTED", NULL},
    {"DRONE_BUILD_STATUS", "CI_PIPELINE_STATUS", NULL},
    {"DRONE_COMMIT", "CI_COMMIT_SHA", NULL},
    {"DRONE_COMMIT_AUTHOR", "CI_COMMIT_AUTHOR", NULL},
    {"DRONE_COMMIT_AUTHOR_AVATAR", "CI_PIPELINE_AVATAR", NULL},
    {"DRONE_COMMIT_AUTHOR_EMAIL", "CI_COMMIT_AUTHOR_EMAIL", NULL},
    {"DRONE_COMMIT_AUTHOR_NAME", "CI_COMMIT_AUTHOR", NULL},
    {"DRONE_COMMIT_BEFORE", "CI_PREV_COMMIT_SHA", NULL},
    {"DRONE_COMMIT_BRANCH", "CI_COMMIT_BRANCH", NULL},
    {"DRONE_COMMIT_LINK", "CI_PIPELINE_FORGE_URL", NULL},
    {"DRONE_COMMIT_MESSAGE", "CI_COMMIT_MESSAGE", NULL},
    {"DRONE_COMMIT_REF", "CI_COMMIT_REF", NULL},
    {"DRONE_COMMIT_SHA", "CI_COMMIT_SHA", NULL},
    {"DRONE_DEPLOY_TO", "CI_PIPELINE_DEPLOY_TARGET", NULL},
    {"DRONE_GIT_HTTP_URL", "CI_REPO_CLONE_URL", NULL},
    {"DRONE_GIT_SSH_URL", "CI_REPO_CLONE_SSH_URL", NULL},
    {"DRONE_PULL_REQUEST", "CI_COMMIT_PULL_REQUEST", NULL},
    {"DRONE_REMOTE_URL", "CI_REPO_CLONE_URL", NULL},
    {"DRONE_REPO", "CI_REPO", NULL},
    {"DRONE_REPO_BRANCH", "CI_REPO_DEFAULT_BRANCH", NULL},
    {"DRONE_REPO_LINK", "CI_REPO_URL", NULL},
    {"DRONE_REPO_NAME", "CI_REPO_NAME", NULL},
    {"DRONE_REPO_OWNER", "CI_REPO_OWNER", NULL},
    {"DRONE_REPO_PRIVATE", "CI_REPO_PRIVATE", NULL},
    {"DRONE_REPO_SCM", NULL, "git"},
    {"DRONE_SOURCE_BRANCH", "CI_COMMIT_SOURCE_BRANCH", NULL},
    {"DRONE_STEP_NAME", "CI_STEP_NAME", NULL},
    {"DRONE_STEP_NUMBER", "CI_STEP_NUMBER", NULL},
    {"DRONE_SYSTEM_HOST", "CI_SYSTEM_HOST", NULL},
    {"DRONE_TAG", "CI_COMMIT_TAG", NULL},
    {"DRONE_TARGET_BRANCH", "CI_COMMIT_TARGET_BRANCH", NULL},
    {"DRONE_WORKSPACE", "CI_WORKSPACE", NULL},
};

static StrMap with_drone(const StrMap *own, Arena *arena) {
    StrMap map = {.at = arena_alloc(arena, sizeof(drone) / sizeof(*drone) * sizeof(*map.at))};
    for (size_t i = 0; i < COUNT(drone); i++) {
        const char *value = drone[i].of ? strmap_get(own, drone[i].of) : drone[i].text;
        if (value)
            map.at[map.n++] = (StrPair){drone[i].name, value};
    }
    return strmap_merge(&map, own, arena);
}

/* ---- secrets ---- */

const StrList *workflow_masks(Workflow *workflow) {
    if (workflow->masks)
        return workflow->masks;
    StrList forms = workflow_mask_forms(workflow->config, &workflow->arena);
    workflow->masks = arena_dup(&workflow->arena, &forms, sizeof(forms));
    return workflow->masks;
}

int workflow_check_masks(Workflow *workflow, Err *err) {
    size_t n = workflow_masks(workflow)->n;
    if (n <= MASK_FORMS_MAX)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "it has %zu secrets (and lines of secrets) to be masked; a log masks at most %d",
                   n, MASK_FORMS_MAX);
}

/* ---- the step ---- */

Step workflow_step(Workflow *workflow, uint32_t index, Arena *arena) {
    Step step = *workflow->graph->at[index].step;
    StrMap now = told(workflow, index, arena);
    step.environment = strmap_merge(&step.environment, &workflow->env, arena);
    step.environment = strmap_merge(&step.environment, &workflow->secrets, arena);
    step.environment = strmap_merge(&step.environment, &now, arena);
    if (step.type == STEP_PLUGIN)
        step.environment = with_drone(&step.environment, arena);
    step.secrets = *workflow_masks(workflow);
    step.title = step.name;
    step.process = workflow->client.process;
    step.process.inherited = workflow->client.env;
    return step;
}
