/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/backend_options.h"
#include "cli/commands.h"
#include "cli/report_print.h"
#include "cli/request.h"
#include "cli/workflow_view.h"
#include "data/json.h"
#include "spec/routes.h"

#define WORKFLOWS THOLE_API "/workflows"

typedef struct WorkflowOptions {
    const char *backend, *task;
    int64_t timeout_ms, step_timeout_ms, grace_ms;
    bool detach, cleanup;
} WorkflowOptions;

static const Option options[] = {
    {"backend", 0, OPTION_TEXT, offsetof(WorkflowOptions, backend), "NAME",
     "run: where; the first that is available", "auto|local|fake"},
    {"task-uuid", 0, OPTION_TEXT, offsetof(WorkflowOptions, task), "UUID",
     "run: what it is called; one is drawn", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(WorkflowOptions, timeout_ms), "DURATION",
     "run: it is ended after this long; wait: give up (exit code 4)", NULL},
    {"step-timeout", 0, OPTION_DURATION, offsetof(WorkflowOptions, step_timeout_ms), "DURATION",
     "run: of each step that has none of its own", NULL},
    {"cleanup-on-cancel", 0, OPTION_FLAG, offsetof(WorkflowOptions, cleanup), NULL,
     "run: after a cancel steps with on_failure run all the same", NULL},
    {"grace", 0, OPTION_DURATION, offsetof(WorkflowOptions, grace_ms), "DURATION",
     "cancel: how long each step is given", NULL},
    {"detach", 'd', OPTION_FLAG, offsetof(WorkflowOptions, detach), NULL,
     "run: do not wait for its end", NULL},
};

static void prepare(void *given) {
    WorkflowOptions *ask = given;
    ask->backend = "auto";
    ask->grace_ms = -1;
}

static bool as_json(const Cli *cli) {
    return strcmp(cli_output(cli), "json") == 0;
}

static void print_one(const Cli *cli, const Value *workflow) {
    if (as_json(cli))
        cli_print(cli, workflow);
    else
        workflow_print(cli, workflow);
}

/* ---- run ---- */

static void put_duration(JsonWriter *out, const char *key, int64_t ms) {
    char text[DURATION_TEXT];
    if (!ms)
        return;
    duration_format_go(ms, text);
    json_kv_string(out, key, text);
}

static char *body_of(const WorkflowOptions *ask, const char *file, const char *text, size_t size) {
    char drawn[37];
    Buf buf;
    JsonWriter out;
    random_uuid(drawn);
    buf_init(&buf, MAX_REQUEST_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_object(&out, "spec");
    json_kv_string(&out, "task", ask->task ? ask->task : drawn);
    json_kv_string(&out, "backend", ask->backend);
    json_key(&out, "backendOptions");
    backend_options_put(&out);
    json_kv_string(&out, "file", file);
    json_kv_bool(&out, "cleanupOnCancel", ask->cleanup);
    put_duration(&out, "timeout", ask->timeout_ms);
    put_duration(&out, "stepTimeout", ask->step_timeout_ms);
    json_key(&out, "config");
    json_stringn(&out, text, size);
    json_object_end(&out);
    request_client(&out);
    json_object_end(&out);
    return buf_take(&buf);
}

static int follow(Cli *cli, const char *name, Err *err) {
    const Value *last = NULL;
    WorkflowFollow ask = {.name = name, .told = !as_json(cli), .owner = true};
    int r = workflow_follow(cli, &ask, &last, err);
    if (r < 0)
        return -1;
    const char *error = value_get_str(value_get(last, "status"), "error");
    if (as_json(cli))
        cli_print(cli, last);
    else if (error)
        cli_say("%s", error);
    return r;
}

static int begin(Cli *cli, const WorkflowOptions *ask, const char *file, Err *err) {
    AUTO_FREE char *text = NULL;
    size_t size;
    const Value *reply = NULL;
    if (!file)
        return err_set(err, ERR_INVALID, "thole workflow run takes the file of a Config");
    if (file_read(file, MAX_CONFIG_BYTES, &text, &size, err) < 0)
        return -1;
    AUTO_FREE char *body = body_of(ask, file, text, size);
    if (client_ask(&cli->client, "POST", WORKFLOWS, body, &cli->arena, &reply, err) < 0) {
        report_print(cli, reply);
        return -1;
    }
    const Value *warnings = value_get(value_get(reply, "status"), "warnings");
    for (size_t i = 0; i < value_count(warnings); i++)
        cli_say("%s", value_str(value_at(warnings, i)));
    if (!ask->detach)
        return follow(cli, workflow_name(reply), err);
    if (as_json(cli))
        cli_print(cli, reply);
    else
        puts(value_get_str(value_get(reply, "spec"), "task"));
    return EXIT_DONE;
}

/* ---- the others ---- */

static int list(Cli *cli, Err *err) {
    const Value *reply;
    if (client_ask(&cli->client, "GET", WORKFLOWS, NULL, &cli->arena, &reply, err) < 0)
        return -1;
    if (as_json(cli))
        cli_print(cli, value_get(reply, "items"));
    else
        workflow_print_list(cli, value_get(reply, "items"));
    return EXIT_DONE;
}

static int wait_over(Cli *cli, const WorkflowOptions *ask, const char *name, Err *err) {
    const Value *last;
    WorkflowFollow follow = {.name = name};
    if (ask->timeout_ms)
        follow.deadline_ms = clock_mono_ms() + ask->timeout_ms;
    return workflow_follow(cli, &follow, &last, err);
}

static int cancel(Cli *cli, const WorkflowOptions *ask, const char *name, Err *err) {
    const Value *reply;
    char grace[DURATION_TEXT];
    duration_format_go(ask->grace_ms, grace);
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s/cancel", name);
    AUTO_FREE char *body =
        ask->grace_ms < 0 ? xstrdup("{}") : xasprintf("{\"grace\":\"%s\"}", grace);
    return client_ask(&cli->client, "POST", path, body, &cli->arena, &reply, err);
}

static int delete (Cli *cli, const char *name, Err *err) {
    const Value *reply;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", name);
    return client_ask(&cli->client, "DELETE", path, NULL, &cli->arena, &reply, err);
}

static int do_verb(Cli *cli, const WorkflowOptions *ask, const char *verb, Err *err) {
    static const char *const verbs[] = {"run", "list", "show", "cancel", "wait", "delete"};
    const char *task = cli->names.n == 2 ? cli->names.at[1] : NULL;
    bool known = false;
    for (size_t i = 0; i < COUNT(verbs); i++)
        known |= strcmp(verbs[i], verb) == 0;
    if (!known) {
        err_set(err, ERR_INVALID, "thole workflow takes run, list, show, cancel, wait or delete");
        return err_suggest(err, str_suggest(verb, verbs, COUNT(verbs)), "");
    }
    if (strcmp(verb, "run") == 0)
        return begin(cli, ask, task, err);
    if (strcmp(verb, "list") == 0)
        return list(cli, err);
    if (!task)
        return err_set(err, ERR_INVALID, "thole workflow %s takes the uuid of a task", verb);
    const Value *workflow = workflow_look(cli, task, err);
    if (!workflow)
        return -1;
    if (strcmp(verb, "cancel") == 0)
        return cancel(cli, ask, workflow_name(workflow), err);
    if (strcmp(verb, "wait") == 0)
        return wait_over(cli, ask, workflow_name(workflow), err);
    if (strcmp(verb, "delete") == 0)
        return delete (cli, workflow_name(workflow), err);
    print_one(cli, workflow);
    return EXIT_DONE;
}

static int run(Cli *cli, void *given, Err *err) {
    return do_verb(cli, given, cli->names.n ? cli->names.at[0] : "", err);
}

const Command command_workflow = {
    .name = "workflow",
    .args = "run CONFIG [--backend B] [--task-uuid U] [--timeout D] [-d] | list | show T | "
            "cancel T [--grace D] | wait T [--timeout D] | delete T",
    .words = "run|list|show|cancel|wait|delete",
    .doc = "Runs a Config of stages and steps: 1 a failure, 4 a timeout",
    .more = "T is the uuid of its task. ^C cancels what `run` runs; -d leaves it alone.",
    .outputs = "text|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(WorkflowOptions),
    .prepare = prepare,
    .run = run,
    .once = true,
};
