/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/workflows/workflow_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/workflows/workflow_words.h"
#include "spec/source.h"

enum { WORKFLOW_FORMAT = 1 };

/* ---- who it is ---- */

static int write_file(const Workflow *workflow, Buf *buf, Err *err) {
    AUTO_FREE char *path = path_join(workflow->dir, WORKFLOW_WHO);
    int r = file_write_buf(path, buf, 0600, err);
    buf_deinit(buf);
    return r;
}

/* One that was not adopted, because it cannot be read, is left as it is. */
static int make_place(const Workflow *workflow, Err *err) {
    AUTO_FREE char *who = path_join(workflow->dir, WORKFLOW_WHO);
    AUTO_FREE char *facts = path_join(workflow->dir, WORKFLOW_FACTS);
    if (access(who, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "there is a task %s already: %s", workflow->task, who);
    unlink(facts);
    return path_mkdirs(workflow->dir, 0700, err);
}

void workflow_encode_options(const Workflow *workflow, JsonWriter *out) {
    const StrMap *options = pooled_options(workflow->pooled);
    json_kv_object(out, "backend_options");
    json_kv_object(out, workflow->backend->name);
    for (size_t i = 0; i < options->n; i++)
        json_kv_string(out, options->at[i].name, options->at[i].value);
    json_object_end(out);
    json_object_end(out);
}

void workflow_encode_warnings(const Workflow *workflow, JsonWriter *out) {
    json_kv_array(out, "warnings");
    for (size_t i = 0; i < workflow->warnings.n; i++)
        json_string(out, workflow->warnings.at[i]);
    json_array_end(out);
}

int workflow_files_begin(const Workflow *workflow, Err *err) {
    Loop *loop = workflow->engine->loop;
    Buf buf;
    JsonWriter out;
    if (make_place(workflow, err) < 0)
        return -1;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_int(&out, "format", WORKFLOW_FORMAT);
    json_kv_string(&out, "task", workflow->task);
    json_kv_string(&out, "uid", workflow->object.uid);
    json_kv_string(&out, "backend", workflow->backend->name);
    workflow_encode_options(workflow, &out);
    workflow_encode_warnings(workflow, &out);
    json_kv_int(&out, "started_us", workflow->started_us);
    json_kv_int(&out, "started_boot_ms", loop_boot_ms(loop));
    json_kv_string(&out, "boot_id", boot_id());
    json_kv_int(&out, "timeout_ms", workflow->timeout_ms);
    json_kv_int(&out, "step_timeout_ms", workflow->step_timeout_ms);
    json_kv_bool(&out, "cleanup", workflow->facts.cleanup);
    workflow_encode_given(workflow, &out);
    json_kv_bool(&out, "keep", workflow->facts.keep);
    json_key(&out, "config");
    workflow_encode(workflow->config, NULL, &out);
    json_object_end(&out);
    return write_file(workflow, &buf, err);
}

/* ---- facts, written ---- */

/* `us`: as whoever asks is told it now, so that a later server tells the same. */
static void begin_fact(Buf *buf, JsonWriter *out, const char *fact, int64_t us) {
    buf_init(buf, MAX_RECORD_BYTES);
    json_writer_init(out, buf);
    json_object_begin(out);
    json_kv_string(out, "fact", fact);
    json_kv_int(out, "us", us);
}

static int end_fact(Workflow *workflow, Buf *buf, JsonWriter *out, Err *err) {
    AUTO_FREE char *path = path_join(workflow->dir, WORKFLOW_FACTS);
    json_object_end(out);
    buf_putc(buf, '\n');
    int r = file_append(path, buf_cstr(buf), buf->n, 0600, err);
    workflow->unwritten |= r < 0;
    buf_deinit(buf);
    workflow_readers_wake(workflow);
    return r;
}

static void end_fact_anyhow(Workflow *workflow, Buf *buf, JsonWriter *out) {
    Err err;
    if (end_fact(workflow, buf, out, &err) < 0)
        log_warn("workflow %s: %s", workflow->name, err.msg);
}

static void note_step(Workflow *workflow, const char *fact, uint32_t step, int64_t us) {
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, fact, us);
    json_kv_int(&out, "step", step);
    end_fact_anyhow(workflow, &buf, &out);
}

int workflow_note_asked(Workflow *workflow, uint32_t step, uint32_t run, Err *err) {
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, "asked", loop_wall_us(workflow->engine->loop));
    json_kv_int(&out, "step", step);
    json_kv_int(&out, "run", run);
    return end_fact(workflow, &buf, &out, err);
}

void workflow_note_started(Workflow *workflow, uint32_t step, int64_t us) {
    note_step(workflow, "started", step, us);
}
void workflow_note_skipped(Workflow *workflow, uint32_t step) {
    note_step(workflow, "skipped", step, loop_wall_us(workflow->engine->loop));
}
void workflow_note_timed_out(Workflow *workflow, uint32_t step) {
    note_step(workflow, "timed_out", step, loop_wall_us(workflow->engine->loop));
}

void workflow_note_ended(Workflow *workflow, uint32_t step, const StepEnded *ended) {
    const StepFacts *facts = &workflow->facts.steps[step];
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, "ended", loop_wall_us(workflow->engine->loop));
    json_kv_int(&out, "step", step);
    json_kv_string(&out, "outcome", step_outcome_name(ended->outcome));
    if (ended->exit_code >= 0)
        json_kv_int(&out, "exit_code", ended->exit_code);
    if (ended->oom_killed != UNKNOWN)
        json_kv_bool(&out, "oom_killed", ended->oom_killed == YES);
    json_kv_int(&out, "ended_us", ended->ended_us);
    if (facts->ran)
        json_kv_int(&out, "started_us", facts->started_us);
    json_kv_string(&out, "error", ended->error);
    end_fact_anyhow(workflow, &buf, &out);
}

void workflow_note_cancel(Workflow *workflow, WorkflowResult result, const char *why) {
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, "cancel", loop_wall_us(workflow->engine->loop));
    json_kv_string(&out, "result", workflow_result_name(result));
    json_kv_int(&out, "grace_ms", workflow->grace_ms);
    json_kv_string(&out, "why", why);
    end_fact_anyhow(workflow, &buf, &out);
}

void workflow_note_phase(Workflow *workflow, const char *phase, const char *why, int64_t us) {
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, phase, us);
    json_kv_string(&out, "why", why);
    end_fact_anyhow(workflow, &buf, &out);
}

void workflow_note_over(Workflow *workflow) {
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, "over", workflow->ended_us);
    end_fact_anyhow(workflow, &buf, &out);
}

void workflow_note_not_set_up(Workflow *workflow, uint32_t culprit, const char *why, int64_t us) {
    Buf buf;
    JsonWriter out;
    begin_fact(&buf, &out, "not_set_up", us);
    if (culprit != UINT32_MAX)
        json_kv_int(&out, "culprit", culprit);
    json_kv_string(&out, "why", why);
    end_fact_anyhow(workflow, &buf, &out);
}

/* ---- facts, replayed ---- */

static bool replay_ended(Workflow *workflow, uint32_t i, const Value *fact) {
    StepOutcome outcome;
    int64_t started_us = value_get_int(fact, "started_us", 0);
    const Value *oom = value_get(fact, "oom_killed");
    if (!step_outcome_of(value_get_str(fact, "outcome"), &outcome))
        return false;
    if (started_us && !workflow->facts.steps[i].ran)
        step_started(&workflow->facts, workflow->graph, i, started_us);
    step_ended(&workflow->facts, workflow->graph, i,
               &(StepEnded){.outcome = outcome,
                            .exit_code = (int)value_get_int(fact, "exit_code", -1),
                            .oom_killed = !oom                     ? UNKNOWN
                                          : value_bool(oom, false) ? YES
                                                                   : NO,
                            .ended_us = value_get_int(fact, "ended_us", 0),
                            .error = value_get_str(fact, "error")});
    return true;
}

static void replay_asked(Workflow *workflow, uint32_t i, const Value *fact) {
    StepWork *work = &workflow->work[i];
    work->run = (uint32_t)value_get_int(fact, "run", 1);
    if (workflow->facts.steps[i].progress == PROGRESS_PENDING) /* else: it never was */
        step_asked(&workflow->facts, workflow->graph, i);
}

/* False, here and below: it is of a newer server. */
static bool replay_step(Workflow *workflow, const char *name, uint32_t i, const Value *fact) {
    if (i >= workflow->graph->n)
        return false;
    if (strcmp(name, "asked") == 0)
        replay_asked(workflow, i, fact);
    else if (strcmp(name, "started") == 0)
        step_started(&workflow->facts, workflow->graph, i, value_get_int(fact, "us", 0));
    else if (strcmp(name, "skipped") == 0)
        step_skipped(&workflow->facts, workflow->graph, i);
    else if (strcmp(name, "timed_out") == 0)
        workflow->facts.steps[i].timed_out = true;
    else
        return strcmp(name, "ended") == 0 && replay_ended(workflow, i, fact);
    return true;
}

static void replay_not_set_up(Workflow *workflow, const char *why, const Value *fact) {
    int64_t culprit = value_get_int(fact, "culprit", -1);
    bool known = culprit >= 0 && culprit < workflow->graph->n;
    workflow_not_set_up(&workflow->facts, known ? (uint32_t)culprit : UINT32_MAX, why,
                        value_get_int(fact, "us", 0));
}

static bool replay_cancel(Workflow *workflow, const char *why, const Value *fact) {
    WorkflowResult result;
    int64_t grace_ms = value_get_int(fact, "grace_ms", workflow->grace_ms);
    if (!workflow_result_of(value_get_str(fact, "result"), &result))
        return false;
    workflow->grace_ms = grace_ms < 0 || grace_ms > MAX_GRACE_MS ? MAX_GRACE_MS : grace_ms;
    workflow_cancel(&workflow->facts, result, why);
    return true;
}

static bool replay_whole(Workflow *workflow, const char *name, const Value *fact) {
    const char *why = value_get_str(fact, "why");
    if (strcmp(name, "set_up") == 0) {
        workflow_set_up(&workflow->facts, workflow->graph);
    } else if (strcmp(name, "not_set_up") == 0) {
        replay_not_set_up(workflow, why ? why : "", fact);
    } else if (strcmp(name, "destroyed") == 0) {
        workflow_destroyed(&workflow->facts, why);
    } else if (strcmp(name, "over") == 0) {
        workflow->ended_us = value_get_int(fact, "us", 0);
    } else if (strcmp(name, "delete") == 0) {
        workflow->deleting = true;
        workflow->object.deleted_us = value_get_int(fact, "us", 0);
    } else {
        return strcmp(name, "cancel") == 0 && replay_cancel(workflow, why ? why : "", fact);
    }
    return true;
}

static int replay(Workflow *workflow, const char *line, size_t size, Err *err) {
    const Value *fact;
    Arena arena;
    arena_init(&arena);
    int r = json_parse(line, size, &arena, &fact, err);
    const char *name = r == 0 ? value_get_str(fact, "fact") : NULL;
    int64_t step = name ? value_get_int(fact, "step", -1) : -1;
    bool known =
        name && (step >= 0 && step < UINT32_MAX ? replay_step(workflow, name, (uint32_t)step, fact)
                                                : replay_whole(workflow, name, fact));
    arena_deinit(&arena);
    return r < 0 || known
               ? r
               : err_set(err, ERR_INVALID, "it has a fact that this server does not know: %.*s",
                         size > 200 ? 200 : (int)size, line);
}

/* What a killed server began to write goes: the next line is to begin where it began. */
static int load_facts(Workflow *workflow, Err *err) {
    AUTO_FREE char *path = path_join(workflow->dir, WORKFLOW_FACTS);
    AUTO_FREE char *text = NULL;
    size_t size = 0, at = 0;
    if (access(path, F_OK) < 0)
        return 0;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return -1;
    for (char *end; at < size && (end = memchr(text + at, '\n', size - at));
         at = (size_t)(end - text) + 1)
        if (replay(workflow, text + at, (size_t)(end - (text + at)), err) < 0)
            return err_in(err, "%s", path);
    if (at < size && truncate(path, (off_t)at) < 0)
        return err_sys(err, errno, "mend %s", path);
    return 0;
}

/* ---- who it is, read ---- */

static const WorkflowConfig *load_config(const Value *who, Arena *arena, Err *err) {
    Arena scratch;
    Report report;
    arena_init(&scratch);
    report_init(&report, &scratch);
    const Source source = {.file = WORKFLOW_WHO,
                           .value = value_get(who, "config"),
                           .report = &report,
                           .arena = &scratch};
    const WorkflowConfig *config = workflow_decode(&source, arena);
    if (!config)
        err_set(err, ERR_INVALID, "%s", report.n ? report.at[0].message : "it has no Config");
    arena_deinit(&scratch);
    return config;
}

/* Of a boot before this one only the time on the wall is known. */
static int64_t age_ms(const Workflow *workflow, const Value *who) {
    Loop *loop = workflow->engine->loop;
    int64_t boot_ms = value_get_int(who, "started_boot_ms", 0);
    int64_t ms = str_same(value_get_str(who, "boot_id"), boot_id())
                     ? loop_boot_ms(loop) - boot_ms
                     : (loop_wall_us(loop) - workflow->started_us) / 1000;
    return ms > 0 ? ms : 0;
}

void workflow_load_warnings(Workflow *workflow, const Value *list) {
    size_t n = value_count(list);
    workflow->warnings.at = arena_alloc(&workflow->arena, (n + 1) * sizeof(char *));
    for (size_t i = 0; i < n; i++)
        if (value_str(value_at(list, i)))
            workflow->warnings.at[workflow->warnings.n++] =
                arena_strdup(&workflow->arena, value_at(list, i)->text);
}

static void load_rest(Workflow *workflow, const Value *who) {
    workflow_load_warnings(workflow, value_get(who, "warnings"));
    workflow->started_us = value_get_int(who, "started_us", 0);
    workflow->step_timeout_ms = value_get_int(who, "step_timeout_ms", 0);
    workflow->timeout_ms = value_get_int(who, "timeout_ms", 0);
    workflow->age_ms = age_ms(workflow, who);
    workflow->facts.cleanup = value_get_bool(who, "cleanup", false);
    workflow->facts.keep = value_get_bool(who, "keep", false);
    str_copy(workflow->object.uid, sizeof(workflow->object.uid), value_get_str(who, "uid"));
}

/* The Config comes into an arena of its own: the rest of the file is read and forgotten. */
static int build(Engine *engine, const Value *who, Workflow **ret, Err *err) {
    Arena arena;
    const char *task = value_get_str(who, "task"), *backend = value_get_str(who, "backend");
    if (value_check_format(who, WORKFLOW_FORMAT, err) < 0)
        return -1;
    if (!task || !backend || !value_get_str(who, "uid"))
        return err_set(err, ERR_INVALID, WORKFLOW_WHO " does not say whose it is");
    arena_init(&arena);
    const WorkflowConfig *config = load_config(who, &arena, err);
    WorkflowParts parts = {.task = task,
                           .backend = {backend, value_get(who, "backend_options")},
                           .again = true,
                           .arena = &arena,
                           .config = config};
    Workflow *workflow = config ? workflow_new(engine, &parts, err) : NULL;
    arena_deinit(&arena);
    if (!workflow)
        return -1;
    load_rest(workflow, who);
    workflow_load_given(workflow, who);
    if (load_facts(workflow, err) < 0) {
        workflow_free(workflow);
        return -1;
    }
    *ret = workflow;
    return 0;
}

int workflow_files_load(Engine *engine, const char *name, Workflow **ret, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/workflows/%s/" WORKFLOW_WHO, engine->state_dir, name);
    AUTO_FREE char *text = NULL;
    Arena arena;
    const Value *who;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return -1;
    arena_init(&arena);
    int r = json_parse(text, size, &arena, &who, err);
    if (r == 0)
        r = build(engine, who, ret, err);
    arena_deinit(&arena);
    return r;
}
