/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/verbs.h"
#include "cli/workflow_follow.h"
#include "cli/workflow_view.h"
#include "spec/routes.h"

#define AT(member) offsetof(WorkflowOptions, member)

static const Option options[] = {
    {"backend", 0, OPTION_TEXT, AT(backend), "NAME", "where; auto is the first that is available",
     "auto|local|docker|fake", "run"},
    {"env", 0, OPTION_TEXTS, AT(env), "K=V", "in the environment of each step", NULL, "run"},
    {"secret", 0, OPTION_TEXTS, AT(secrets), "NAME[=V]",
     "likewise, and masked; without V that of your own environment", NULL, "run"},
    {"task-uuid", 0, OPTION_TEXT, AT(task), "UUID", "what it is called; one is drawn", NULL, "run"},
    {"timeout", 0, OPTION_DURATION, AT(timeout_ms), "DURATION",
     "after this long it is ended, or waited for no longer (exit code 4)", NULL, "run|wait"},
    {"step-timeout", 0, OPTION_DURATION, AT(step_timeout_ms), "DURATION",
     "of each step that has none of its own", NULL, "run"},
    {"cleanup-on-cancel", 0, OPTION_FLAG, AT(cleanup), NULL,
     "after a cancel steps with on_failure run all the same", NULL, "run"},
    {"keep", 0, OPTION_FLAG, AT(keep), NULL,
     "what it made stays to be looked at, until it is deleted", NULL, "run"},
    {"detach", 'd', OPTION_FLAG, AT(detach), NULL, "print the uuid, do not wait for the end", NULL,
     "run"},
    {"grace", 0, OPTION_DURATION, AT(grace_ms), "DURATION", "how long each step is given", NULL,
     "cancel"},
    {"no-wait", 0, OPTION_FLAG, AT(no_wait), NULL, "do not wait until it is gone", NULL, "delete"},
    {"follow", 'f', OPTION_FLAG, AT(log.follow), NULL, "go on until the workflow is over", NULL,
     "logs|events"},
    {"tail", 'n', OPTION_NUMBER, AT(log.tail), "N", "only the last N: lines of each step; events",
     NULL, "logs|events"},
    {"since", 0, OPTION_TEXT, AT(log.since), "TIME", "only from then on: 10m (ago), 15:04", NULL,
     "logs|events"},
    {"until", 0, OPTION_TEXT, AT(log.until), "TIME", "only before", NULL, "logs"},
    {"grep", 0, OPTION_TEXT, AT(log.grep), "RE", "only lines that match", NULL, "logs"},
    {"stream", 0, OPTION_TEXT, AT(log.stream), "STREAM", "only out, or err", "out|err", "logs"},
};

static void prepare(void *given) {
    WorkflowOptions *ask = given;
    ask->backend = "auto";
    ask->grace_ms = ask->log.tail = ask->log.run = -1;
}

static bool as_json(const Cli *cli) {
    return strcmp(cli_output(cli), "json") == 0;
}

static const char *started(const Value *workflow) {
    const char *text = value_get_str(value_get(workflow, "status"), "startTime");
    return text ? text : "";
}

static int newest_first(const void *a, const void *b) {
    return strcmp(started(*(const Value *const *)b), started(*(const Value *const *)a));
}

static int list_json(Cli *cli, Err *err) {
    const Value *reply;
    if (client_ask(&cli->client, "GET", WORKFLOWS, NULL, &cli->arena, &reply, err) < 0)
        return -1;
    const Value *items = value_get(reply, "items");
    if (value_count(items) > 1) /* in the arena of the call */
        qsort(items->list.at, items->list.n, sizeof(*items->list.at), newest_first);
    cli_print(cli, items);
    return EXIT_DONE;
}

static int list(Cli *cli, const WorkflowOptions *ask, Err *err) {
    WorkflowRows rows;
    if (as_json(cli))
        return list_json(cli, err);
    if (workflow_rows(cli, WORKFLOWS, &rows, err) < 0)
        return -1;
    if (rows.n)
        workflow_print_rows(cli, &rows);
    else
        cli_say("there is no workflow; `thole workflow run CONFIG` begins one");
    return EXIT_DONE;
}

/* ---- what takes the uuid of a task ---- */

static const WorkflowRow *meant(Cli *cli, Err *err) {
    return workflow_look(cli, workflow_given(cli), err);
}

static int show(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const Value *workflow = workflow_whole(cli, workflow_given(cli), err);
    if (!workflow)
        return -1;
    if (as_json(cli))
        cli_print(cli, workflow);
    else
        workflow_print(cli, workflow);
    return EXIT_DONE;
}

static int wait_over(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const Value *last;
    const WorkflowRow *workflow = meant(cli, err);
    if (!workflow)
        return -1;
    WorkflowFollow follow = {.name = workflow->name, .task = workflow->task};
    if (ask->timeout_ms)
        follow.deadline_ms = clock_mono_ms() + ask->timeout_ms;
    int r = workflow_follow(cli, &follow, &last, err);
    if (r >= 0 && last && as_json(cli))
        cli_print(cli, last);
    return r;
}

static int cancel(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const Value *reply;
    const WorkflowRow *workflow = meant(cli, err);
    char grace[DURATION_TEXT];
    if (!workflow)
        return -1;
    duration_format_go(ask->grace_ms, grace);
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s/cancel", workflow->name);
    AUTO_FREE char *body =
        ask->grace_ms < 0 ? xstrdup("{}") : xasprintf("{\"grace\":\"%s\"}", grace);
    return client_ask(&cli->client, "POST", path, body, &cli->arena, &reply, err);
}

/* ---- which ---- */

typedef struct WorkflowVerb {
    Verb verb;
    int (*run)(Cli *cli, const WorkflowOptions *ask, Err *err);
} WorkflowVerb;

#define VERBS "run|list|show|logs|events|graph|cancel|wait|delete"

/* Without a word the newest is meant. */
static const WorkflowVerb rows[] = {
    {{"run", "the file of a Config, or - for stdin", 1, 1, "text|json"}, workflow_run},
    {{"list", NULL, 0, 0, "text|json"}, list},
    {{"show", "the uuid of a task", 0, 1, "text|json"}, show},
    {{"logs", "the uuid of a task, then names of steps", 0, SIZE_MAX, "text|json|raw"},
     workflow_logs},
    {{"events", "the uuid of a task, then names of steps", 0, SIZE_MAX, "text|json"},
     workflow_events},
    {{"graph", "the uuid of a task", 0, 1, "text|json|dot"}, workflow_graph},
    {{"cancel", "the uuid of a task", 1, 1, "text"}, cancel},
    {{"wait", "the uuid of a task", 0, 1, "text|json"}, wait_over},
    {{"delete", "the uuid of a task", 1, 1, "text"}, workflow_delete},
};

static const Verbs verbs = {"workflow", VERBS, rows, COUNT(rows), sizeof(rows[0])};

const char *workflow_outputs(const char *verb) {
    return verb_outputs(&verbs, verb);
}

static int run(Cli *cli, void *given, Err *err) {
    const Verb *verb;
    return verb_choose(&verbs, cli, &verb, err) < 0
               ? -1
               : container_of(verb, WorkflowVerb, verb)->run(cli, given, err);
}

const Command command_workflow = {
    .name = "workflow",
    .args = "run CONFIG [--backend B] [--env K=V] [--secret NAME[=V]] [--task-uuid U] "
            "[--timeout D] [--keep] [-d] | list | show [T] | logs [T [STEP…]] [-f] [-n N] | "
            "events [T [STEP…]] [-f] [-n N] | graph [T] | "
            "cancel T [--grace D] | wait [T] [--timeout D] | delete T [--no-wait]",
    .words = VERBS,
    .doc = "Runs a Config of stages and steps: 1 a failure, 4 a timeout",
    .more = "CONFIG is a file, or - for stdin. T is the uuid of a task, or as much of it as no\n"
            "other begins with; where it may be left out the newest is meant. ^C, or TERM, cancels "
            "what `run` runs; -d, or HUP, leaves it alone.",
    .outputs = "text|json|raw|dot",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(WorkflowOptions),
    .prepare = prepare,
    .run = run,
    .once = true,
};
