/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/workflows/workflow_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"
#include "engine/workflows/workflow_words.h"

struct WorkflowEvents {
    List link;             /* Workflow.readers */
    Workflow *workflow;    /* NULL: it is gone */
    const Workflow *whole; /* it with its steps, or */
    Workflow *own;         /* ... if it is on the shelf, this one */
    WorkflowEventAsk ask;
    Arena arena; /* of the event at hand */
    Buf json;
    FILE *file; /* NULL: not opened yet */
    char *line;
    size_t line_cap;
    int64_t seq;     /* of the line that was read last; 1 is its creation, before all lines */
    uint32_t *runs;  /* by step: the newest whose start is known; 0: none */
    bool *wanted;    /* by step; NULL: all are */
    uint32_t step;   /* whose event was told last; UINT32_MAX: nobody's */
    StepFacts facts; /* what was known of it then */
    LoopFn more;
    void *arg;
};

/* ---- one fact ---- */

static const Step *step_of(const WorkflowEvents *events, const Value *fact, const char *key,
                           uint32_t *ret_index) {
    const StepGraph *graph = events->whole->graph;
    int64_t i = value_get_int(fact, key, -1);
    if (i < 0 || i >= graph->n)
        return NULL;
    *ret_index = (uint32_t)i;
    return graph->at[i].step;
}

static const char *reason_of_end(const Value *fact) {
    StepOutcome outcome = OUTCOME_NONE;
    (void)step_outcome_of(value_get_str(fact, "outcome"), &outcome);
    switch (outcome) {
    case OUTCOME_NONE:
    case OUTCOME_SUCCESS: break;
    case OUTCOME_CANCELED: return REASON_CANCELED;
    case OUTCOME_ERROR: return "Error";
    case OUTCOME_FAILURE:
        if (value_get_bool(fact, "oom_killed", false))
            return "OutOfMemory";
        return value_get_int(fact, "exit_code", -1) < 0 ? "Signal" : "ExitCode";
    }
    return REASON_COMPLETED;
}

static StepFacts facts_of_end(const Value *fact) {
    const Value *oom = value_get(fact, "oom_killed");
    const char *error = value_get_str(fact, "error");
    StepFacts facts = {.progress = PROGRESS_DONE,
                       .exit_code = (int)value_get_int(fact, "exit_code", -1),
                       .oom_killed = !oom                     ? UNKNOWN
                                     : value_bool(oom, false) ? YES
                                                              : NO,
                       .started_us = value_get_int(fact, "started_us", 0),
                       .ended_us = value_get_int(fact, "ended_us", 0),
                       .error = error && *error ? (char *)error : NULL};
    (void)step_outcome_of(value_get_str(fact, "outcome"), &facts.outcome);
    return facts;
}

static void tell_end(WorkflowEvents *events, const Value *fact, Event *ret) {
    const char *error = value_get_str(fact, "error");
    int64_t code = value_get_int(fact, "exit_code", -1);
    ret->kind = EVENT_ENDED;
    ret->reason = reason_of_end(fact);
    events->facts = facts_of_end(fact);
    if (error && *error)
        ret->message = error;
    else if (event_has_reason(ret, "OutOfMemory"))
        ret->message = "it was killed: out of memory";
    else if (code >= 0)
        ret->message = arena_printf(&events->arena, "exit code %lld", (long long)code);
    else
        ret->message = "it was killed by a signal";
}

/* False: it is no news. A start that nobody heard of is asked for again, and told once. */
static bool tell_step(WorkflowEvents *events, uint32_t i, const Value *fact, Event *ret) {
    const char *name = value_get_str(fact, "fact");
    uint32_t before = events->runs[i];
    if (strcmp(name, "asked") == 0)
        events->runs[i] = (uint32_t)value_get_int(fact, "run", 1);
    ret->run = events->runs[i];
    events->facts = (StepFacts){.exit_code = -1, .oom_killed = UNKNOWN};
    if (strcmp(name, "asked") == 0) {
        events->facts.progress = PROGRESS_STARTING;
        ret->kind = EVENT_STARTED;
        ret->reason = "Started";
        ret->message = "was begun";
        return before == 0;
    }
    if (strcmp(name, "skipped") == 0) {
        events->facts.progress = PROGRESS_SKIPPED;
        ret->kind = EVENT_SKIPPED;
        ret->reason = "Condition";
        ret->message = "was left out: what came before did not end as it asks for";
    } else if (strcmp(name, "timed_out") == 0) {
        events->facts.progress = PROGRESS_STOPPING;
        ret->kind = EVENT_STOPPING;
        ret->reason = REASON_TIMED_OUT;
        ret->message = "it runs for longer than its timeout";
    } else if (strcmp(name, "ended") == 0) {
        tell_end(events, fact, ret);
    } else {
        return false;
    }
    return true;
}

static void tell_over(const Workflow *workflow, Event *ret) {
    const char *error = workflow->facts.error;
    ret->reason = workflow->facts.result == RESULT_SUCCESS ? REASON_SUCCEEDED : REASON_FAILED;
    ret->message = *error ? error : "it is over";
}

static bool tell_whole(WorkflowEvents *events, const Value *fact, Event *ret) {
    const char *name = value_get_str(fact, "fact"), *why = value_get_str(fact, "why");
    bool late = str_same(value_get_str(fact, "result"), workflow_result_name(RESULT_TIMEOUT));
    bool set_up = strcmp(name, "set_up") == 0;
    ret->kind = EVENT_WORKFLOW;
    ret->message = why ? why : set_up ? "was set up" : "";
    if (set_up)
        ret->reason = "SetUp";
    else if (strcmp(name, "cancel") == 0)
        ret->reason = late ? REASON_TIMED_OUT : REASON_CANCELED;
    else if (strcmp(name, "destroyed") == 0 && why)
        ret->reason = "NotDestroyed";
    else if (strcmp(name, "over") == 0)
        tell_over(events->whole, ret);
    else
        return false;
    return true;
}

/* The end of the step that is to blame, if there is one. */
static bool tell_not_set_up(WorkflowEvents *events, const Value *fact, Event *ret) {
    uint32_t i;
    const Step *step = step_of(events, fact, "culprit", &i);
    events->step = step ? i : UINT32_MAX;
    ret->message = value_get_str(fact, "why");
    events->facts = (StepFacts){.progress = PROGRESS_DONE,
                                .outcome = OUTCOME_ERROR,
                                .exit_code = 1,
                                .oom_killed = UNKNOWN,
                                .ended_us = value_get_int(fact, "us", 0),
                                .error = (char *)ret->message};
    ret->kind = step ? EVENT_ENDED : EVENT_WORKFLOW;
    ret->target = step ? step->name : NULL;
    ret->reason = step ? "Error" : "NotSetUp";
    return ret->message != NULL;
}

static bool tell(WorkflowEvents *events, const Value *fact, Event *ret) {
    const char *name = value_get_str(fact, "fact");
    uint32_t i;
    const Step *step = step_of(events, fact, "step", &i);
    events->step = step ? i : UINT32_MAX;
    *ret = (Event){.seq = events->seq, .time_us = value_get_int(fact, "us", 0)};
    if (!name)
        return false;
    if (strcmp(name, "not_set_up") == 0)
        return tell_not_set_up(events, fact, ret);
    if (!step)
        return tell_whole(events, fact, ret);
    ret->target = step->name;
    return tell_step(events, i, fact, ret);
}

/* ---- which ---- */

static bool is_step(const StepGraph *graph, uint32_t i, const char *name) {
    return strcmp(graph->at[i].step->name, name) == 0 || strcmp(graph->at[i].step->uuid, name) == 0;
}

static bool is_wanted(const WorkflowEvents *events, const Event *event) {
    if (event->time_us < events->ask.since_us || event->seq <= events->ask.after)
        return false;
    return !events->wanted || (events->step != UINT32_MAX && events->wanted[events->step]);
}

static int want(WorkflowEvents *events, const char *name, Err *err) {
    const StepGraph *graph = events->whole->graph;
    bool found = false;
    for (uint32_t i = 0; i < graph->n; i++)
        if (is_step(graph, i, name))
            events->wanted[i] = found = true;
    return found ? 0
                 : err_set(err, ERR_NOT_FOUND, "workflow %s has no step %.100s",
                           events->workflow->task, name);
}

static int want_steps(WorkflowEvents *events, const StrList *names, Err *err) {
    if (names->n)
        events->wanted = xcalloc(events->whole->graph->n + 1, sizeof(*events->wanted));
    for (size_t i = 0; i < names->n; i++)
        if (want(events, names->at[i], err) < 0)
            return -1;
    return 0;
}

/* ---- lines ---- */

static bool open_file(WorkflowEvents *events) {
    AUTO_FREE char *path = path_join(events->workflow->dir, WORKFLOW_FACTS);
    if (!events->file)
        events->file = fopen(path, "re");
    return events->file != NULL;
}

/* A whole line, for now; NULL: there is none. */
static const char *next_line(WorkflowEvents *events, size_t *ret_size) {
    if (!open_file(events))
        return NULL;
    long at = ftell(events->file);
    clearerr(events->file);
    ssize_t n = getline(&events->line, &events->line_cap, events->file);
    if (n > 0 && events->line[n - 1] == '\n') {
        *ret_size = (size_t)n - 1;
        return events->line;
    }
    fseek(events->file, at, SEEK_SET);
    return NULL;
}

static bool next_event(WorkflowEvents *events, Event *ret) {
    size_t size;
    if (events->seq == 0) {
        events->step = UINT32_MAX;
        *ret = (Event){.seq = ++events->seq,
                       .time_us = events->workflow->started_us,
                       .kind = EVENT_WORKFLOW,
                       .reason = REASON_CREATED,
                       .message = "was asked for"};
        return true;
    }
    for (const char *line; (line = next_line(events, &size));) {
        const Value *fact;
        Err err;
        events->seq++;
        arena_reset(&events->arena);
        if (json_parse(line, size, &events->arena, &fact, &err) == 0 && tell(events, fact, ret))
            return true;
    }
    return false;
}

static bool next_wanted(WorkflowEvents *events, Event *ret) {
    while (next_event(events, ret))
        if (is_wanted(events, ret))
            return true;
    return false;
}

static void rewind_all(WorkflowEvents *events) {
    if (events->file)
        fclose(events->file);
    events->file = NULL;
    events->seq = 0;
    memset(events->runs, 0, events->whole->graph->n * sizeof(*events->runs));
}

/* So that only the last ones follow. */
static void skip_to_tail(WorkflowEvents *events) {
    Event event;
    int64_t n = 0;
    while (next_wanted(events, &event))
        n++;
    rewind_all(events);
    while (n-- > events->ask.tail)
        next_wanted(events, &event);
}

/* ---- who looks on ---- */

bool workflow_is_watched(const Workflow *workflow) {
    return !list_empty(&workflow->readers) || !list_empty(&workflow->listeners);
}

/* One that is over goes, or is shelved, when the last who reads of it has left. */
static void look_after(Workflow *workflow) {
    if (workflow && workflow_over(workflow) && !workflow_is_watched(workflow))
        workflow_look_again(workflow);
}

void workflow_listen(Workflow *workflow, WorkflowListener *listener) {
    list_append(&workflow->listeners, &listener->link);
}

void workflow_listener_remove(Workflow *workflow, WorkflowListener *listener) {
    list_remove(&listener->link);
    look_after(workflow);
}

/* ---- life ---- */

WorkflowEvents *workflow_events_new(Workflow *workflow, const WorkflowEventAsk *ask, LoopFn more,
                                    void *arg, Err *err) {
    Workflow *own;
    const Workflow *whole = workflow_whole(workflow, &own, err);
    if (!whole)
        return NULL;
    WorkflowEvents *events = xcalloc(1, sizeof(*events));
    events->workflow = workflow;
    events->whole = whole;
    events->own = own;
    events->ask = *ask;
    events->more = more;
    events->arg = arg;
    events->runs = xcalloc(whole->graph->n + 1, sizeof(*events->runs));
    arena_init(&events->arena);
    buf_init(&events->json, MAX_RECORD_BYTES);
    list_append(&workflow->readers, &events->link);
    if (want_steps(events, &ask->steps, err) < 0)
        return workflow_events_free(events);
    if (ask->tail >= 0)
        skip_to_tail(events);
    return events;
}

WorkflowEvents *workflow_events_free(WorkflowEvents *events) {
    if (!events)
        return NULL;
    list_remove(&events->link);
    look_after(events->workflow);
    if (events->file)
        fclose(events->file);
    buf_deinit(&events->json);
    free(events->wanted);
    arena_deinit(&events->arena);
    workflow_free(events->own);
    free(events->runs);
    free(events->line);
    free(events);
    return NULL;
}

static void encode(const WorkflowEvents *events, const Event *event, JsonWriter *out) {
    json_object_begin(out);
    event_put(event, out);
    if (events->step != UINT32_MAX) {
        json_key(out, "step");
        workflow_encode_step(events->whole, events->step, &events->facts, out);
    }
    json_object_end(out);
}

int workflow_events_next(WorkflowEvents *events, EventLine *ret) {
    JsonWriter out;
    if (!events->workflow)
        return -1;
    if (!next_wanted(events, &ret->event))
        return events->ask.follow && !events->workflow->ended_us ? 0 : -1;
    buf_reset(&events->json);
    json_writer_init(&out, &events->json);
    encode(events, &ret->event, &out);
    ret->json = buf_cstr(&events->json);
    ret->size = events->json.n;
    return 1;
}

void workflow_readers_wake(const Workflow *workflow) {
    WorkflowEvents *events;
    LIST_FOREACH_SAFE (events, &workflow->readers, link)
        events->more(events->arg);
}

void workflow_readers_leave(Workflow *workflow) {
    WorkflowEvents *events;
    LIST_FOREACH_SAFE (events, &workflow->readers, link) {
        list_remove(&events->link);
        events->workflow = NULL;
        events->more(events->arg);
    }
    WorkflowListener *listener;
    LIST_FOREACH_SAFE (listener, &workflow->listeners, link)
        list_remove(&listener->link);
}
