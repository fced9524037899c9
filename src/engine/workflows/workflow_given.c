/* SPDX-License-Identifier: Apache-2.0 */
/* What a client gives along with a Config: variables and secrets for all steps, and what processes
 * inherit of the client itself. Kept in workflow.json. */
#include <string.h>

#include "data/json.h"
#include "engine/client_setup.h"
#include "engine/workflows/workflow_inside.h"
#include "spec/inherited.h"
#include "spec/mask_forms.h"

/* The Config has them too, like its own: whatever hides secrets looks there. */
static void add_secrets(Workflow *workflow) {
    Arena *arena = &workflow->arena;
    const StrMap *given = &workflow->secrets;
    WorkflowConfig *config = arena_dup(arena, workflow->config, sizeof(*config));
    size_t n = config->secrets.n;
    WorkflowSecret *at = arena_alloc(arena, (n + given->n + 1) * sizeof(*at));
    if (n)
        memcpy(at, config->secrets.at, n * sizeof(*at));
    for (size_t i = 0; i < given->n; i++)
        at[n++] = (WorkflowSecret){given->at[i].name, given->at[i].value};
    config->secrets.at = at;
    config->secrets.n = n;
    workflow->config = config;
}

void workflow_take_given(Workflow *workflow, const WorkflowAsk *ask) {
    static const ClientSetup nobody = {.process.umask = 022};
    Arena *arena = &workflow->arena;
    ClientSetup client = ask->client ? *ask->client : nobody;
    client.env = inherited_environment(&client.env, arena);
    client_setup_copy(&client, arena, &workflow->client);
    workflow->env = strmap_copy(&ask->env, arena);
    workflow->secrets = strmap_copy(&ask->secrets, arena);
    if (workflow->secrets.n)
        add_secrets(workflow);
}

/* ---- kept ---- */

/* masks NULL: as it is. */
static void encode_env(const Workflow *workflow, const StrList *masks, JsonWriter *out) {
    if (!workflow->env.n)
        return;
    json_kv_object(out, "env");
    for (size_t i = 0; i < workflow->env.n; i++) {
        const char *value = workflow->env.at[i].value;
        AUTO_FREE char *hidden = masks ? mask_copy(masks, value) : NULL;
        json_kv_string(out, workflow->env.at[i].name, hidden ? hidden : value);
    }
    json_object_end(out);
}

void workflow_encode_given(const Workflow *workflow, JsonWriter *out) {
    json_kv_object(out, "client");
    client_setup_encode(&workflow->client, out);
    json_object_end(out);
    encode_env(workflow, NULL, out);
    json_kv_array(out, "given"); /* names; their values are among the Config's secrets */
    for (size_t i = 0; i < workflow->secrets.n; i++)
        json_string(out, workflow->secrets.at[i].name);
    json_array_end(out);
}

static StrMap load_map(const Value *v, Arena *arena) {
    StrMap map = {.at = arena_alloc(arena, (value_count(v) + 1) * sizeof(*map.at))};
    for (size_t i = 0; value_is(v, VALUE_MAP) && i < v->map.n; i++)
        map.at[map.n++] = (StrPair){arena_strdup(arena, v->map.at[i].key),
                                    arena_strdup(arena, value_str(v->map.at[i].value))};
    return map;
}

/* The last of that name is the one that was given. */
static const char *secret_value(const WorkflowConfig *config, const char *name) {
    for (size_t i = config->secrets.n; i-- > 0;)
        if (strcmp(config->secrets.at[i].name, name) == 0)
            return config->secrets.at[i].value;
    return "";
}

void workflow_load_given(Workflow *workflow, const Value *who) {
    Arena *arena = &workflow->arena;
    const Value *given = value_get(who, "given");
    StrMap secrets = {.at = arena_alloc(arena, (value_count(given) + 1) * sizeof(*secrets.at))};
    client_setup_load(value_get(who, "client"), arena, &workflow->client);
    workflow->env = load_map(value_get(who, "env"), arena);
    for (size_t i = 0; i < value_count(given); i++) {
        const char *name = arena_strdup(arena, value_str(value_at(given, i)));
        secrets.at[secrets.n++] = (StrPair){name, secret_value(workflow->config, name)};
    }
    workflow->secrets = secrets;
    if (workflow->env.n)
        (void)workflow_masks(workflow); /* what shows it hides them */
}

/* ---- shown ---- */

void workflow_show_given(const Workflow *workflow, JsonWriter *out) {
    encode_env(workflow, workflow->masks, out);
    if (!workflow->secrets.n)
        return;
    json_kv_object(out, "secrets");
    for (size_t i = 0; i < workflow->secrets.n; i++)
        json_kv_string(out, workflow->secrets.at[i].name, SCHEMA_MASKED);
    json_object_end(out);
}
