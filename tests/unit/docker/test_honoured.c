/* SPDX-License-Identifier: Apache-2.0 */
/* The table says "honoured"; here is what comes of it. Each field, set alone, is to be seen in the
 * container that is asked for, or it is one of those that are honoured by somebody else. */
#include "harness/test.h"

#include "backend/docker/container.h"
#include "backend/docker/docker_fields.h"
#include "base/xalloc.h"
#include "unit/backend/one_field.h"

/* Honoured elsewhere; a container is the same with and without. */
static const char *const elsewhere[][2] = {
    {"step.type", "plan/: services are not waited for"},
    {"step.pull", "start.c"},
    {"step.detach", "plan/"},
    {"step.secret_mapping", "workflow_mask_forms"},
    {"step.on_failure", "plan/"},
    {"step.on_success", "plan/"},
    {"step.failure", "plan/"},
    {"step.auth_config", "start.c, container_put_auth"},
    {"step.backend_options.timeout", "engine/workflows/"},
    {"step.backend_options.thole", "plan/"},
    {"step.depends_on", "plan/"},
};

static const char *elsewhere_of(const char *path) {
    for (size_t i = 0; i < COUNT(elsewhere); i++)
        if (strcmp(elsewhere[i][0], path) == 0)
            return elsewhere[i][1];
    return NULL;
}

/* Its name and the body that creates it; returns owned. */
static char *container_of_config(const char *text) {
    Arena arena;
    Report report;
    Buf body;
    Err err;
    char name[CONTAINER_NAME_MAX];
    arena_init(&arena);
    report_init(&report, &arena);
    buf_init(&body, 1 << 16);
    const WorkflowConfig *config = workflow_load("c.json", text, strlen(text), &arena, &report);
    ASSERT(config);
    const Step *step = &config->stages.at[0].steps.at[0];
    const ContainerAsk ask = {.id = {"T", step->uuid, 1}, .owner = "here", .step = step};
    container_name(&ask, name);
    ASSERT(container_body(&ask, &body, &err) == 0);
    char *made = xasprintf("%s %s", name, buf_cstr(&body));
    buf_deinit(&body);
    arena_deinit(&arena);
    return made;
}

/* Does the container show it? Beside `more`, which the step has in any case; `network` is a field
 * of the Config itself. */
static bool is_seen(const ConfigField *field, const ConfigField *network, const char *more) {
    AUTO_FREE char *with = config_with(field, more);
    AUTO_FREE char *without = config_with(network, more);
    AUTO_FREE char *one = container_of_config(with);
    AUTO_FREE char *other = container_of_config(without);
    return strcmp(one, other) != 0;
}

TEST(what_is_honoured_is_seen_in_the_container)
{
    ConfigField fields[CONFIG_FIELDS_MAX];
    Backend backend = {.name = "docker"};
    backend.fields = docker_fields(&backend.field_n);
    size_t n = backend_config_fields(&backend, fields), seen = 0;
    CHECK_STR(fields[0].path, "network");
    for (size_t i = 0; i < n; i++) {
        const ConfigField *field = &fields[i];
        if (!field->of_step || field->entry->use != FIELD_HONOURED)
            continue;
        bool of_commands = strcmp(field->path, "step.commands") == 0;
        bool shown = is_seen(field, &fields[0], "") ||
                     (!of_commands && is_seen(field, &fields[0], ", \"commands\": [\"make\"]"));
        const char *who = elsewhere_of(field->path);
        if (shown == (who != NULL))
            test_fail(__FILE__, __LINE__, "%s is %sseen in the container%s%s", field->path,
                      shown ? "" : "not ", who ? ", and yet honoured by " : "", who ? who : "");
        seen += shown;
    }
    CHECK_EQ(seen + COUNT(elsewhere), n - 4); /* network, volume, secrets: setup; kubernetes */
}
