/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of a workflow's steps. */
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "engine/logs/log_inside.h"

static Workflow *find(const LogStream *stream) {
    Object *object =
        object_find(stream->engine->objects, OBJECT_WORKFLOW, NULL, stream->ask.workflow);
    return object ? workflow_of(object) : NULL;
}

static char *dir_of(const LogStream *stream) {
    return xasprintf("%s/workflows/%s", stream->engine->state_dir, stream->ask.workflow);
}

static bool goes_on(const LogStream *stream) {
    const Workflow *workflow = find(stream);
    return workflow && !workflow_over(workflow);
}

/* The run that has a log; 0: none has, yet. */
static uint32_t run_of(const Workflow *workflow, uint32_t i) {
    const StepFacts *facts = &workflow->facts.steps[i];
    return facts->ran || facts->progress == PROGRESS_DONE ? workflow->work[i].run : 0;
}

static bool lives(const Workflow *workflow, uint32_t i) {
    StepProgress progress = workflow->facts.steps[i].progress;
    return progress == PROGRESS_STARTING || progress == PROGRESS_RUNNING ||
           progress == PROGRESS_STOPPING;
}

/* ---- which steps ---- */

static bool is_named(const Step *step, const char *name) {
    return strcmp(step->name, name) == 0 || strcmp(step->uuid, name) == 0;
}

static int refuse(const LogStream *stream, const Workflow *workflow, const char *name, Err *err) {
    const StepGraph *graph = workflow->graph;
    AUTO_FREE const char **names = xcalloc(graph->n + 1, sizeof(*names));
    for (uint32_t i = 0; i < graph->n; i++)
        names[i] = graph->at[i].step->name;
    err_set(err, ERR_NOT_FOUND, "workflow %s has no step \"%.100s\"", workflow->task, name);
    return err_suggest(err, str_suggest(name, names, graph->n),
                       "; `thole workflow show` lists them");
}

/* Names may be shared: then all of them are meant. */
static int mark(LogStream *stream, const Workflow *workflow, Err *err) {
    const StepGraph *graph = workflow->graph;
    stream->steps = arena_alloc(&stream->arena, graph->n + 1);
    for (uint32_t i = 0; i < graph->n; i++)
        stream->steps[i] = stream->asked.n ? STEP_LEFT_OUT : STEP_QUIET;
    for (size_t k = 0; k < stream->asked.n; k++) {
        bool any = false;
        for (uint32_t i = 0; i < graph->n; i++) {
            if (!is_named(graph->at[i].step, stream->asked.at[k]))
                continue;
            stream->steps[i] = STEP_QUIET;
            any = true;
        }
        if (!any)
            return refuse(stream, workflow, stream->asked.at[k], err);
    }
    return 0;
}

static LogStep state_of(const Workflow *workflow, uint32_t i) {
    if (lives(workflow, i))
        return run_of(workflow, i) ? STEP_WRITES : STEP_QUIET;
    return run_of(workflow, i) ? STEP_WROTE : STEP_QUIET;
}

static void open_step(LogStream *stream, const Workflow *workflow, uint32_t i, size_t ahead) {
    const Step *step = workflow->graph->at[i].step;
    const char *uuid = arena_strdup(&stream->arena, step->uuid);
    LogSourceAsk ask = {.backend = workflow->backend,
                        .task = arena_strdup(&stream->arena, workflow->task),
                        .target = uuid,
                        .name = arena_strdup(&stream->arena, step->name),
                        .object = uuid,
                        .newest = run_of(workflow, i),
                        .alive = lives(workflow, i),
                        .since_past = stream->ask.since_us <= loop_wall_us(workflow->engine->loop),
                        .ahead = ahead};
    stream->steps[i] = (unsigned char)state_of(workflow, i);
    log_stream_open(stream, &ask);
}

static int check_run(const LogStream *stream, const Workflow *workflow, Err *err) {
    bool found = !stream->ask.run || stream->ask.follow;
    for (uint32_t i = 0; i < workflow->graph->n && !found; i++)
        found = stream->steps[i] != STEP_LEFT_OUT &&
                log_stream_has_run(stream, workflow->graph->at[i].step->uuid);
    return found ? 0
                 : err_set(err, ERR_NOT_FOUND, "workflow %s has no log of run %u of such a step",
                           workflow->task, (unsigned)stream->ask.run);
}

static int open_steps(LogStream *stream, const Workflow *workflow, Err *err) {
    size_t n = 0;
    if (mark(stream, workflow, err) < 0 || check_run(stream, workflow, err) < 0)
        return -1;
    for (uint32_t i = 0; i < workflow->graph->n; i++)
        n += stream->steps[i] != STEP_LEFT_OUT;
    for (uint32_t i = 0; i < workflow->graph->n; i++)
        if (stream->steps[i] != STEP_LEFT_OUT)
            open_step(stream, workflow, i, log_stream_share(n));
    return 0;
}

static int open_all(LogStream *stream, Err *err) {
    const Workflow *workflow = find(stream);
    Workflow *own;
    if (!workflow)
        return err_set(err, ERR_NOT_FOUND, "there is no workflow %s", stream->ask.workflow);
    workflow = workflow_whole(workflow, &own, err);
    int r = workflow ? open_steps(stream, workflow, err) : -1;
    workflow_free(own);
    return r;
}

/* ---- what changes while it is followed ---- */

static void hear(LogStream *stream, const Workflow *workflow, uint32_t i) {
    LogStep state = state_of(workflow, i);
    if (stream->steps[i] == STEP_LEFT_OUT || stream->steps[i] == state)
        return;
    stream->steps[i] = (unsigned char)state;
    size_t place = log_stream_place(stream, workflow->graph->at[i].step->uuid);
    if (state != STEP_QUIET)
        log_stream_news(stream, place, run_of(workflow, i), state == STEP_WRITES);
}

static void changed(LogStream *stream) {
    const Workflow *workflow = find(stream);
    if (!workflow || list_empty(&stream->listener.link)) { /* another one has its name by now */
        log_stream_cut(stream);
        return;
    }
    for (uint32_t i = 0; i < workflow->step_n && stream->all_news; i++)
        hear(stream, workflow, i);
    for (size_t k = 0; k < stream->news.n && !stream->all_news; k++)
        hear(stream, workflow, stream->news.at[k]);
    stream->news.n = 0;
    stream->all_news = false;
    if (workflow_over(workflow))
        log_stream_close(stream);
}

static void on_news(void *arg, uint32_t step) {
    LogStream *stream = arg;
    if (step == UINT32_MAX)
        stream->all_news = true;
    else
        VEC_PUSH(stream->news, step);
}

static void listen(LogStream *stream) {
    stream->listener = (WorkflowListener){.fn = on_news, .arg = stream};
    workflow_listen(find(stream), &stream->listener);
}

static void leave(LogStream *stream) {
    VEC_FREE(stream->news);
    if (stream->listener.fn)
        workflow_listener_remove(find(stream), &stream->listener);
}

const LogKind log_of_workflow = {dir_of, goes_on, open_all, changed, listen, leave};
