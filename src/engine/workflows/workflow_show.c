/* SPDX-License-Identifier: Apache-2.0 */
/* A Workflow as the API shows it. What a step's status says has the names of the Config's world:
 * started and finished are seconds since 1970. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_files.h"
#include "engine/workflows/workflow_words.h"
#include "spec/routes.h"

enum { PATH_BYTES = 600 };

const char *workflow_phase_name(const Workflow *workflow) {
    switch (workflow->facts.phase) {
    case WORKFLOW_NEW: return "pending";
    case WORKFLOW_RUNNING: return workflow->facts.canceled ? "canceling" : "running";
    case WORKFLOW_ENDING:
    case WORKFLOW_DESTROYED: return "ending";
    case WORKFLOW_OVER: break;
    }
    return "over";
}

const char *workflow_task_name(const Workflow *workflow) {
    return workflow->task;
}

const char *workflow_backend_name(const Workflow *workflow) {
    return workflow->backend->name;
}

/* What never had its turn in a workflow that is over was left out as well. */
static const char *state_name(const Workflow *workflow, const StepFacts *step) {
    switch (step->progress) {
    case PROGRESS_PENDING: return workflow_over(workflow) ? "skipped" : "pending";
    case PROGRESS_STARTING: return "starting";
    case PROGRESS_RUNNING: return "running";
    case PROGRESS_STOPPING: return "stopping";
    case PROGRESS_SKIPPED: return "skipped";
    case PROGRESS_DONE: break;
    }
    return step_outcome_name(step->outcome);
}

static void encode_times(const StepFacts *facts, JsonWriter *out) {
    if (facts->started_us)
        json_kv_int(out, "started", facts->started_us / 1000000);
    if (facts->progress == PROGRESS_DONE)
        json_kv_int(out, "finished", facts->ended_us / 1000000);
    if (facts->progress == PROGRESS_DONE && facts->started_us)
        json_kv_int(out, "duration_ms", (facts->ended_us - facts->started_us) / 1000);
}

static void encode_why(const Workflow *workflow, uint32_t i, JsonWriter *out) {
    const Step *step = workflow->graph->at[i].step;
    StepProgress progress = workflow->facts.steps[i].progress;
    StepId id = {workflow->task, step->uuid, workflow->work[i].run};
    char why[WORKFLOW_TEXT];
    if ((progress == PROGRESS_STARTING || progress == PROGRESS_RUNNING) &&
        backend_waits_for(workflow->backend, id, why, sizeof(why)))
        json_kv_string(out, "why", why);
}

/* Where the API has what it wrote. */
static void encode_log(const Workflow *workflow, uint32_t i, JsonWriter *out) {
    const StepFacts *facts = &workflow->facts.steps[i];
    char path[PATH_BYTES], uuid[3 * MAX_STEP_UUID + 1];
    if (workflow->work[i].run && (facts->ran || facts->progress == PROGRESS_DONE) &&
        route_path(ROUTE_WORKFLOW_LOG, workflow->name, NULL, path, sizeof(path)) > 0 &&
        url_escape(workflow->graph->at[i].step->uuid, uuid, sizeof(uuid)) > 0) {
        AUTO_FREE char *log = xasprintf("%s?step=%s", path, uuid);
        json_kv_string(out, "log", log);
    }
}

void workflow_encode_step(const Workflow *workflow, uint32_t i, const StepFacts *facts,
                          JsonWriter *out) {
    const Step *step = workflow->graph->at[i].step;
    const char *error = facts->error, *state = state_name(workflow, facts);
    if (!error && facts->outcome == OUTCOME_CANCELED)
        error = "Canceled";
    json_object_begin(out);
    json_kv_string(out, "name", step->name);
    json_kv_string(out, "uuid", step->uuid);
    json_kv_string(out, "type", step_type_name(step->type));
    json_kv_string(out, "state", state);
    encode_times(facts, out);
    json_kv_bool(out, "exited", facts->progress == PROGRESS_DONE);
    if (facts->progress == PROGRESS_DONE && facts->exit_code >= 0)
        json_kv_int(out, "exit_code", facts->exit_code);
    if (facts->oom_killed != UNKNOWN)
        json_kv_bool(out, "oom_killed", facts->oom_killed == YES);
    if (str_same(state, "skipped"))
        json_kv_bool(out, "skipped", true);
    if (error)
        json_kv_string(out, "error", error);
    if (facts == &workflow->facts.steps[i]) { /* now */
        encode_why(workflow, i, out);
        encode_log(workflow, i, out);
    }
    json_object_end(out);
}

static void kv_time(JsonWriter *out, const char *key, int64_t us) {
    char time[TIME_TEXT];
    if (!us)
        return;
    time_format_micro(us, time);
    json_kv_string(out, key, time);
}

/* Of one that is over nobody has asked what is masked. */
static void encode_config(const Workflow *workflow, JsonWriter *out) {
    Arena arena;
    arena_init(&arena);
    StrList masks =
        workflow->masks ? *workflow->masks : workflow_mask_forms(workflow->config, &arena);
    json_key(out, "config");
    workflow_encode(workflow->config, &masks, out);
    arena_deinit(&arena);
}

static void encode_spec(const Workflow *workflow, bool brief, JsonWriter *out) {
    char timeout[DURATION_TEXT];
    json_kv_object(out, "spec");
    json_kv_string(out, "task", workflow->task);
    json_kv_string(out, "backend", workflow->backend->name);
    duration_format_go(workflow->timeout_ms, timeout);
    if (workflow->timeout_ms)
        json_kv_string(out, "timeout", timeout);
    if (workflow->facts.keep)
        json_kv_bool(out, "keep", true);
    if (!brief) {
        workflow_show_given(workflow, out);
        encode_config(workflow, out);
    }
    json_object_end(out);
}

/* What never had its turn in one that is over is done, too. */
static uint32_t steps_done(const Workflow *workflow) {
    uint32_t n = 0;
    if (workflow_over(workflow))
        return workflow->step_n;
    for (uint32_t i = 0; i < workflow->step_n; i++) {
        StepProgress progress = workflow->facts.steps[i].progress;
        n += progress == PROGRESS_DONE || progress == PROGRESS_SKIPPED;
    }
    return n;
}

static void encode_status(const Workflow *workflow, JsonWriter *out) {
    const WorkflowFacts *facts = &workflow->facts;
    const char *result =
        workflow_over(workflow) || facts->canceled ? workflow_result_name(facts->result) : NULL;
    json_kv_string(out, "phase", workflow_phase_name(workflow));
    json_kv_bool(out, "done", workflow_over(workflow));
    json_kv_string(out, "result", result);
    json_kv_string(out, "error", facts->error[0] ? facts->error : NULL);
    json_kv_string(out, "left", facts->left[0] ? facts->left : NULL);
    kv_time(out, "startTime", workflow->started_us);
    kv_time(out, "finishTime", workflow->ended_us);
    json_kv_int(out, "stepCount", workflow->step_n);
    json_kv_int(out, "stepsDone", steps_done(workflow));
    workflow_encode_warnings(workflow, out);
}

void workflow_encode_brief(Object *object, JsonWriter *out) {
    const Workflow *workflow = container_of(object, const Workflow, object);
    encode_spec(workflow, true, out);
    json_kv_object(out, "status");
    encode_status(workflow, out);
    json_object_end(out);
}

static void encode_steps(const Workflow *workflow, JsonWriter *out) {
    json_kv_array(out, "steps");
    for (uint32_t i = 0; i < workflow->step_n; i++)
        workflow_encode_step(workflow, i, &workflow->facts.steps[i], out);
    json_array_end(out);
}

static void encode_whole(const Workflow *workflow, JsonWriter *out) {
    encode_spec(workflow, false, out);
    json_kv_object(out, "status");
    encode_status(workflow, out);
    encode_steps(workflow, out);
    json_object_end(out);
}

/* One from the shelf is not kept longer than it takes to show it. */
void workflow_encode_object(Object *object, JsonWriter *out) {
    Workflow *workflow = container_of(object, Workflow, object), *own;
    Err err;
    const Workflow *whole = workflow_whole(workflow, &own, &err);
    if (whole) {
        encode_whole(whole, out);
    } else {
        log_warn("workflow %s: its steps cannot be read: %s", workflow->name, err.msg);
        workflow_encode_brief(object, out);
    }
    if (!workflow->graph)
        workflow_look_again(workflow);
    workflow_free(own);
}
