/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/backend_options.h"
#include "cli/input.h"
#include "cli/report_print.h"
#include "cli/request.h"
#include "cli/workflow_follow.h"
#include "data/json.h"
#include "spec/routes.h"

typedef struct Config {
    const char *file; /* what it is called in messages */
    char *text;       /* owned */
    size_t size;
} Config;

static int read_config(const char *file, Config *ret, Err *err) {
    *ret = (Config){.file = strcmp(file, "-") == 0 ? "stdin" : file};
    return input_read(file, MAX_WORKFLOW_BYTES, &ret->text, &ret->size, err);
}

/* ---- what is sent ---- */

static void put_duration(JsonWriter *out, const char *key, int64_t ms) {
    char text[DURATION_TEXT];
    if (!ms)
        return;
    duration_format_go(ms, text);
    json_kv_string(out, key, text);
}

/* "K=V". -1: it is not. */
static int split(const char *option, const char *pair, char **ret_name, Err *err) {
    const char *equals = strchrnul(pair, '=');
    if (equals == pair)
        return err_set(err, ERR_INVALID, "--%s \"%.40s\": a name stands before the =", option,
                       pair);
    *ret_name = xstrndup(pair, (size_t)(equals - pair));
    return 0;
}

/* Of what is given twice the last counts. */
static bool given_again(const TextList *list, size_t i, const char *name) {
    size_t n = strlen(name);
    for (size_t k = i + 1; k < list->n; k++)
        if (strncmp(list->at[k], name, n) == 0 && (!list->at[k][n] || list->at[k][n] == '='))
            return true;
    return false;
}

static int put_env(const TextList *env, JsonWriter *out, Err *err) {
    json_kv_object(out, "env");
    for (size_t i = 0; i < env->n; i++) {
        AUTO_FREE char *name = NULL;
        const char *value = strchr(env->at[i], '=');
        if (split("env", env->at[i], &name, err) < 0)
            return -1;
        if (!value)
            return err_set(err, ERR_INVALID, "--env %.60s: it is K=V; --env %.60s= is empty", name,
                           name);
        if (!given_again(env, i, name))
            json_kv_string(out, name, value + 1);
    }
    json_object_end(out);
    return 0;
}

/* Without a value, so that it is in nobody's argv, it is taken from the environment. */
static int put_secrets(const TextList *secrets, JsonWriter *out, Err *err) {
    json_kv_object(out, "secrets");
    for (size_t i = 0; i < secrets->n; i++) {
        AUTO_FREE char *name = NULL;
        const char *equals = strchr(secrets->at[i], '=');
        if (split("secret", secrets->at[i], &name, err) < 0)
            return -1;
        const char *value = equals ? equals + 1 : getenv(name);
        if (!value)
            return err_set(err, ERR_INVALID,
                           "--secret %.60s: there is no such variable in your environment", name);
        if (!given_again(secrets, i, name))
            json_kv_string(out, name, value);
    }
    json_object_end(out);
    return 0;
}

static int put_spec(const WorkflowOptions *ask, const Config *config, JsonWriter *out, Err *err) {
    char drawn[37];
    random_uuid(drawn);
    json_kv_string(out, "task", ask->task ? ask->task : drawn);
    json_kv_string(out, "backend", ask->backend);
    json_kv_string(out, "file", config->file);
    json_kv_bool(out, "cleanupOnCancel", ask->cleanup);
    json_kv_bool(out, "keep", ask->keep);
    put_duration(out, "timeout", ask->timeout_ms);
    put_duration(out, "stepTimeout", ask->step_timeout_ms);
    json_key(out, "backendOptions");
    backend_options_put(out);
    if (put_env(&ask->env, out, err) < 0 || put_secrets(&ask->secrets, out, err) < 0)
        return -1;
    json_key(out, "config");
    json_stringn(out, config->text, config->size);
    return 0;
}

/* Returns owned. */
static char *body_of(const WorkflowOptions *ask, const Config *config, Err *err) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REQUEST_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    request_client(&out);
    json_kv_object(&out, "spec");
    int r = put_spec(ask, config, &out, err);
    if (r == 0) {
        json_object_end(&out);
        json_object_end(&out);
    }
    char *body = r == 0 ? buf_take(&buf) : NULL;
    buf_deinit(&buf);
    return body;
}

static int create(Cli *cli, const WorkflowOptions *ask, const Value **ret, Err *err) {
    Config config;
    *ret = NULL;
    int r = read_config(cli->names.at[1], &config, err);
    AUTO_FREE char *text = config.text;
    if (r < 0)
        return -1;
    AUTO_FREE char *body = body_of(ask, &config, err);
    if (!body)
        return -1;
    r = client_ask(&cli->client, "POST", WORKFLOWS, body, &cli->arena, ret, err);
    if (r < 0)
        report_print(cli, *ret);
    return r;
}

/* ---- running ---- */

int workflow_run(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const Value *workflow, *last = NULL;
    bool json = strcmp(cli_output(cli), "json") == 0;
    if (create(cli, ask, &workflow, err) < 0)
        return -1;
    const Value *warnings = value_get(value_get(workflow, "status"), "warnings");
    for (size_t i = 0; i < value_count(warnings); i++)
        cli_say("%s", value_str(value_at(warnings, i)));
    if (ask->detach) {
        if (json)
            cli_print(cli, workflow);
        else
            puts(workflow_task(workflow));
        return EXIT_DONE;
    }
    WorkflowFollow follow = {.name = workflow_name(workflow),
                             .task = workflow_task(workflow),
                             .steps = value_get(value_get(workflow, "status"), "steps"),
                             .owner = true,
                             .shown = !json};
    int r = workflow_follow(cli, &follow, &last, err);
    if (r >= 0 && last && json)
        cli_print(cli, last);
    return r;
}
