/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/workflow_scene.h"

#include <string.h>

#include "base/path.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_events.h"

/* In a scene without a session. */
Workflow *begin_with(Scene *scene, WorkflowAsk ask, const char *text) {
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    ask.task = ask.task ? ask.task : "T1";
    ask.file = "config.json";
    ask.text = text;
    ask.size = strlen(text);
    Workflow *workflow = workflow_create(scene->engine, &ask, &report, &scene->err);
    for (size_t i = 0; i < report.errors; i++)
        fprintf(stderr, "  %s\n", report_line(&report.at[i], &arena));
    arena_deinit(&arena);
    return workflow;
}

Workflow *begin(Scene *scene, const char *text) {
    Workflow *workflow = begin_with(scene, (WorkflowAsk){0}, text);
    if (!workflow)
        test_fail(__FILE__, __LINE__, "%s: %s", scene->err.msg, text);
    ASSERT(workflow);
    return workflow;
}

Scene *stage(void) {
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    AUTO_FREE char *dir = xasprintf("%s/workflows", scene->state);
    ASSERT(path_remove_tree(dir, &scene->err) == 0); /* of a scene before, in the same test */
    return scene;
}

/* "over success: a success, b skipped" */
const char *look(Scene *scene, Workflow *workflow) {
    static char line[4096];
    Arena arena;
    arena_init(&arena);
    const Value *status = value_get(scene_json(scene, workflow_object(workflow), &arena), "status");
    const char *result = value_get_str(status, "result");
    const Value *steps = value_get(status, "steps");
    size_t n = (size_t)snprintf(line, sizeof(line), "%s%s%s:", value_get_str(status, "phase"),
                                result ? " " : "", result ? result : "");
    for (size_t i = 0; i < value_count(steps); i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s %s %s", i ? "," : "",
                              value_get_str(value_at(steps, i), "name"),
                              value_get_str(value_at(steps, i), "state"));
    arena_deinit(&arena);
    return line;
}

const char *error_of(Scene *scene, Workflow *workflow) {
    static char text[512];
    Arena arena;
    arena_init(&arena);
    const char *error = value_get_str(
        value_get(scene_json(scene, workflow_object(workflow), &arena), "status"), "error");
    snprintf(text, sizeof(text), "%s", error ? error : "");
    arena_deinit(&arena);
    return text;
}

/* kill -9 of the server, and the next one. */
Workflow *crash(Scene *scene) {
    engine_free(scene->engine);
    fake_crash_server(scene->backend);
    scene_begin(scene);
    ASSERT(engine_adopt(scene->engine, NULL, NULL, &scene->err) == 0);
    loop_advance(scene->loop, 0);
    return workflow_find(scene->engine, "T1");
}

static void no_news(void *arg) {
}

const char *traces(Workflow *workflow, size_t *ret_n) {
    static char line[8192];
    WorkflowEventAsk ask = {.tail = -1};
    EventLine event;
    Err err;
    size_t n = 0;
    WorkflowEvents *events = workflow_events_new(workflow, &ask, no_news, NULL, &err);
    *ret_n = 0;
    line[0] = '\0';
    while (workflow_events_next(events, &event) > 0) {
        EventKind kind = event.event.kind;
        if (kind != EVENT_STARTED && kind != EVENT_ENDED && kind != EVENT_SKIPPED)
            continue;
        if (n < sizeof(line) - 200)
            n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s %s", n ? ", " : "",
                                  event.event.target,
                                  kind == EVENT_ENDED ? event.event.reason : event_kind_name(kind));
        ++*ret_n;
    }
    workflow_events_free(events);
    return line;
}
