/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows that are over and that nobody looks at are put on a shelf: what a list shows of them
 * stays in memory, and, for the next server, in a file; the rest is read from their directory when
 * somebody asks for it.
 *
 *   over.json   what a list shows. Of no worth of its own: without it all is read from the rest */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/workflows/workflow_files.h"
#include "engine/workflows/workflow_words.h"

#define WORKFLOW_OVER_FILE "over.json"
enum { OVER_FORMAT = 1 };

/* ---- the file ---- */

static void encode(const Workflow *workflow, JsonWriter *out) {
    const WorkflowFacts *facts = &workflow->facts;
    json_object_begin(out);
    json_kv_int(out, "format", OVER_FORMAT);
    json_kv_string(out, "task", workflow->task);
    json_kv_string(out, "uid", workflow->object.uid);
    json_kv_string(out, "backend", workflow->backend->name);
    workflow_encode_options(workflow, out);
    workflow_encode_warnings(workflow, out);
    json_kv_int(out, "started_us", workflow->started_us);
    json_kv_int(out, "ended_us", workflow->ended_us);
    json_kv_int(out, "timeout_ms", workflow->timeout_ms);
    json_kv_string(out, "result", workflow_result_name(facts->result));
    json_kv_string(out, "error", facts->error);
    json_kv_string(out, "left", facts->left);
    json_kv_int(out, "steps", workflow->step_n);
    json_object_end(out);
}

static int save(const Workflow *workflow, Err *err) {
    AUTO_FREE char *path = path_join(workflow->dir, WORKFLOW_OVER_FILE);
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    encode(workflow, &out);
    int r = file_write_buf(path, &buf, 0600, err);
    buf_deinit(&buf);
    return r;
}

static int read_file(Engine *engine, const char *name, Arena *arena, const Value **ret, Err *err) {
    AUTO_FREE char *path =
        xasprintf("%s/workflows/%s/" WORKFLOW_OVER_FILE, engine->state_dir, name);
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0 ||
        json_parse(text, size, arena, ret, err) < 0)
        return -1;
    return value_check_format(*ret, OVER_FORMAT, err);
}

static Workflow *decode(Engine *engine, const Value *over, Err *err) {
    WorkflowParts parts = {
        .task = value_get_str(over, "task"),
        .backend = {value_get_str(over, "backend"), value_get(over, "backend_options")},
        .again = true};
    const char *uid = value_get_str(over, "uid"), *text;
    WorkflowResult result;
    if (!parts.task || !parts.backend.name || !uid ||
        !workflow_result_of(value_get_str(over, "result"), &result))
        return NULL;
    Workflow *workflow = workflow_new(engine, &parts, err);
    if (!workflow)
        return NULL;
    workflow_load_warnings(workflow, value_get(over, "warnings"));
    str_copy(workflow->object.uid, sizeof(workflow->object.uid), uid);
    workflow->started_us = value_get_int(over, "started_us", 0);
    workflow->ended_us = value_get_int(over, "ended_us", 0);
    workflow->timeout_ms = value_get_int(over, "timeout_ms", 0);
    workflow->step_n = (uint32_t)value_get_int(over, "steps", 0);
    workflow->facts.phase = WORKFLOW_OVER;
    workflow->facts.result = result;
    if ((text = value_get_str(over, "error")))
        str_copy(workflow->facts.error, sizeof(workflow->facts.error), text);
    if ((text = value_get_str(over, "left")))
        str_copy(workflow->facts.left, sizeof(workflow->facts.left), text);
    return workflow;
}

Workflow *workflow_shelved(Engine *engine, const char *name) {
    const Value *over;
    Arena arena;
    Err err;
    arena_init(&arena);
    Workflow *workflow =
        read_file(engine, name, &arena, &over, &err) == 0 ? decode(engine, over, &err) : NULL;
    arena_deinit(&arena);
    if (workflow && strcmp(workflow->name, name) != 0)
        return workflow_free(workflow);
    return workflow;
}

/* ---- putting there ---- */

/* What is to be destroyed when it is deleted is not looked for then. What the disk did not take is
 * nowhere else. */
static bool may_be_shelved(const Workflow *workflow) {
    return workflow->graph && workflow_over(workflow) && workflow->ended_us &&
           !workflow->deleting && !workflow->facts.keep && !workflow->unwritten &&
           !workflow_is_watched(workflow);
}

static void forget_the_rest(Workflow *workflow) {
    Arena kept;
    arena_init(&kept);
    char **at = arena_alloc(&kept, (workflow->warnings.n + 1) * sizeof(*at));
    for (size_t i = 0; i < workflow->warnings.n; i++)
        at[i] = arena_strdup(&kept, workflow->warnings.at[i]);
    workflow->warnings.at = (const char **)at;
    workflow_drop_steps(workflow);
    arena_deinit(&workflow->arena);
    workflow->arena = kept;
    workflow->config = NULL;
    workflow->masks = NULL;
    workflow->client = (ClientSetup){0};
    workflow->env = workflow->secrets = (StrMap){0};
    object_forget_json(&workflow->object);
    objects_tell(workflow->engine->objects);
}

void workflow_shelve(Workflow *workflow) {
    Err err;
    if (!workflow->graph && workflow->object.whole.json) { /* it was shown */
        object_forget_json(&workflow->object);
        objects_tell(workflow->engine->objects);
    }
    if (!may_be_shelved(workflow))
        return;
    if (save(workflow, &err) < 0)
        log_debug("workflow %s: %s", workflow->name, err.msg);
    else
        forget_the_rest(workflow);
}

void workflow_unshelve(const Workflow *workflow) {
    AUTO_FREE char *path = path_join(workflow->dir, WORKFLOW_OVER_FILE);
    unlink(path);
}

/* ---- taking from there ---- */

const Workflow *workflow_whole(const Workflow *workflow, Workflow **ret_own, Err *err) {
    *ret_own = NULL;
    if (workflow->graph)
        return workflow;
    if (workflow_files_load(workflow->engine, workflow->name, ret_own, err) < 0)
        return NULL;
    (void)plan_workflow((*ret_own)->graph, &(*ret_own)->facts); /* it is over */
    return *ret_own;
}
