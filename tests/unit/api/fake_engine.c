/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sessions/reload.h"
#include "fake_engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

struct LogStream {
    Engine *engine;
    bool follow;
    size_t at;
    LoopFn more;
    void *arg;
};

struct EventStream {
    Engine *engine;
    bool follow, given;
};

/* ---- objects ---- */

static void encode_session(Object *object, JsonWriter *out) {
    const Session *session = container_of(object, Session, object);
    json_kv_object(out, "spec");
    json_kv_string(out, "tiltfilePath", session->file);
    json_kv_string(out, "exitCondition", session->ci ? "ci" : "manual");
    json_object_end(out);
    json_kv_object(out, "status");
    json_kv_array(out, "targets");
    for (size_t i = 0; i < session->target_n; i++) {
        json_object_begin(out);
        json_kv_string(out, "name", session->targets[i]->target);
        json_key(out, "state");
        json_raw(out, session->targets[i]->state, strlen(session->targets[i]->state));
        json_object_end(out);
    }
    json_array_end(out);
    json_kv_bool(out, "done", session->done);
    json_object_end(out);
}

static void encode_target(Object *object, JsonWriter *out) {
    const Target *target = container_of(object, Target, object);
    json_kv_object(out, "spec");
    json_kv_string(out, "target", target->target);
    json_kv_string(out, "type", "server");
    json_object_end(out);
    json_kv_object(out, "status");
    json_key(out, "state");
    json_raw(out, target->state, strlen(target->state));
    json_object_end(out);
}

Engine *fake_engine_new(Loop *loop) {
    Engine *engine = xcalloc(1, sizeof(*engine));
    engine->loop = loop;
    engine->objects = objects_new(loop);
    list_init(&engine->sessions);
    return engine;
}

static void remove_workflow(Engine *engine);

Engine *fake_engine_free(Engine *engine) {
    Session *session;
    LIST_FOREACH_SAFE (session, &engine->sessions, link)
        fake_remove(session);
    remove_workflow(engine);
    fake_environment_remove(engine);
    objects_free(engine->objects);
    free(engine);
    return NULL;
}

Session *fake_session(Engine *engine, const char *slug, const char *file) {
    Session *session = xcalloc(1, sizeof(*session));
    session->engine = engine;
    snprintf(session->slug, sizeof(session->slug), "%s", slug);
    snprintf(session->file, sizeof(session->file), "%s", file);
    session->object =
        (Object){.kind = OBJECT_SESSION, .name = session->slug, .encode = encode_session};
    list_append(&engine->sessions, &session->link);
    object_add(engine->objects, &session->object);
    return session;
}

static void encode_workflow(Object *object, JsonWriter *out) {
    json_kv_object(out, "status");
    json_kv_string(out, "phase", "running");
    json_object_end(out);
}

static void remove_workflow(Engine *engine) {
    if (engine->workflow)
        object_remove(engine->objects, &engine->workflow->object);
    free(engine->workflow);
}

Workflow *fake_workflow(Engine *engine, const char *name) {
    remove_workflow(engine);
    Workflow *workflow = engine->workflow = xcalloc(1, sizeof(*workflow));
    snprintf(workflow->name, sizeof(workflow->name), "%s", name);
    workflow->object =
        (Object){.kind = OBJECT_WORKFLOW, .name = workflow->name, .encode = encode_workflow};
    object_add(engine->objects, &workflow->object);
    return workflow;
}

Target *fake_target(Session *session, const char *name, const char *state) {
    Target *target = xcalloc(1, sizeof(*target));
    target->session = session;
    snprintf(target->target, sizeof(target->target), "%s", name);
    snprintf(target->name, sizeof(target->name), "%s", name);
    *strchr(target->name, ':') = '.';
    snprintf(target->state, sizeof(target->state), "%s", state);
    target->object = (Object){.kind = OBJECT_TARGET,
                              .space = session->slug,
                              .name = target->name,
                              .labels = &target->labels,
                              .encode = encode_target};
    session->targets[session->target_n++] = target;
    object_add(session->engine->objects, &target->object);
    return target;
}

void fake_set(Target *target, const char *state) {
    snprintf(target->state, sizeof(target->state), "%s", state);
    object_touch(target->session->engine->objects, &target->object);
    object_touch(target->session->engine->objects, &target->session->object);
}

void fake_label(Target *target, const char *name, const char *value) {
    target->labels.n = 0;
    free(target->labels.at);
    target->labels.at = xcalloc(1, sizeof(StrPair));
    if (name)
        target->labels.at[target->labels.n++] = (StrPair){name, value};
    object_touch(target->session->engine->objects, &target->object);
}

void fake_remove_target(Target *target) {
    Session *session = target->session;
    object_remove(session->engine->objects, &target->object);
    for (size_t i = 0; i < session->target_n; i++)
        if (session->targets[i] == target)
            session->targets[i] = session->targets[--session->target_n];
    free(target->labels.at);
    free(target);
}

void fake_remove(Session *session) {
    while (session->target_n)
        fake_remove_target(session->targets[0]);
    object_remove(session->engine->objects, &session->object);
    list_remove(&session->link);
    free(session);
}

/* ---- engine.h ---- */

const char *engine_store_file(const Engine *engine) {
    return NULL;
}

Objects *engine_objects(Engine *engine) {
    return engine->objects;
}

static void append(char *text, size_t size, const char *more) {
    size_t n = strlen(text);
    snprintf(text + n, size - n, "%s", more);
}

static void remember(Engine *engine, const SessionAsk *ask) {
    const ClientSetup *client = ask->client;
    const char *seen = strmap_get(&client->env, "SEEN");
    engine->asked = *ask;
    snprintf(engine->env_seen, sizeof(engine->env_seen), "%s", seen ? seen : "(none)");
    engine->umask_seen = client->process.umask;
    engine->soft_seen = client->process.limit_n ? (int64_t)client->process.limits[0].soft : -2;
    engine->names_seen[0] = '\0';
    for (size_t i = 0; i < ask->names.n; i++)
        append(engine->names_seen, sizeof(engine->names_seen), ask->names.at[i]);
}

Session *session_create(Engine *engine, const SessionAsk *ask, Report *report, Err *err) {
    Session *session;
    remember(engine, ask);
    LIST_FOREACH (session, &engine->sessions, link)
        if (strcmp(session->file, ask->file) == 0 && !ask->session) {
            err_set(err, ERR_CONFLICT, "session %s exists", session->slug);
            return NULL;
        }
    if (strstr(ask->file, "broken")) {
        Place place = {ask->file, 3, 5, "services.api.port"};
        report_add(report, &place, "use 80", "%s", "99999 is outside 1..65535");
        err_set(err, ERR_INVALID, "%s is not valid", ask->file);
        return NULL;
    }
    if (ask->names.n && strcmp(ask->names.at[0], "nobody") == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no resource or target \"nobody\"");
        return NULL;
    }
    session = fake_session(engine, ask->session ? "made-second" : "made-1", ask->file);
    session->ci = ask->ci;
    return session;
}

int session_start(Session *session, const StartAsk *ask, Err *err) {
    const StrList *names = ask->names;
    const StrMap *labels = ask->labels;
    if (names->n && strcmp(names->at[0], "nobody") == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no resource or target \"nobody\"");
    snprintf(session->engine->names_seen, sizeof(session->engine->names_seen), "%s%s%s",
             names->n ? names->at[0] : "",
             labels->n && labels->at[0].value ? labels->at[0].value : "",
             ask->client ? "+client" : "");
    return 0;
}

int session_patch(Session *session, const SessionPatch *patch, Err *err) {
    if (session->done)
        return err_set(err, ERR_CONFLICT, "session %s is done", session->slug);
    session->patch = *patch;
    return 0;
}

int target_patch_enabled(Target *target, Tristate enabled, Err *err) {
    target->patched = enabled;
    target->enabled = enabled == YES ? 1 : enabled == NO ? -1 : 0;
    return 0;
}

/* A file named "bad" has a problem, any other no changes. */
int session_reload(Session *session, Report *report, Err *err) {
    if (!strstr(session->file, "bad"))
        return 0;
    Place place = {.file = session->file, .line = 3, .column = 5};
    report_add(report, &place, NULL, "it is wrong");
    return err_set(err, ERR_INVALID, "%s is not valid", session->file);
}

int session_preview(Engine *engine, const SessionAsk *ask, Report *report, ReloadPlan *ret,
                    Err *err) {
    *ret = (ReloadPlan){.at = arena_alloc(report->arena, sizeof(*ret->at)), .n = 1};
    ret->at[0] = (TargetChange){"api:serve", RELOAD_RESTART, "command"};
    return 0;
}

void session_delete(Session *session, int64_t grace_ms, bool purge) {
    session->deleted = true;
    session->deleted_grace_ms = grace_ms;
    session->purge = purge;
    session->object.deleted_us = loop_wall_us(session->engine->loop);
    object_touch(session->engine->objects, &session->object);
}

void session_hold(Session *session, int change) {
    session->holders += change;
}

Session *session_find(Engine *engine, const char *slug) {
    Session *session;
    LIST_FOREACH (session, &engine->sessions, link)
        if (strcmp(session->slug, slug) == 0)
            return session;
    return NULL;
}

Session *session_of(Object *object) {
    return container_of(object, Session, object);
}

Session *session_of_file(Engine *engine, const char *file, const char *name) {
    Session *session;
    AUTO_FREE char *end = xasprintf("-%s", name ? name : "1");
    LIST_FOREACH (session, &engine->sessions, link)
        if (strcmp(session->file, file) == 0 && str_ends(session->slug, end))
            return session;
    return NULL;
}

const char *session_file(const Session *session) {
    return session->file;
}

const char *target_name(const Target *target) {
    return target->target;
}

bool target_active(const Target *target) {
    return strstr(target->state, "\"active\"") != NULL;
}

Object *session_object(Session *session) {
    return &session->object;
}

bool engine_review(const ConfigAsk *ask, Report *report, JsonWriter *resolved) {
    Place place = {ask->file, 1, 1, ""};
    const char *name = ask->client ? strmap_get(ask->client, "NAME") : NULL;
    if (strstr(ask->file, "broken")) {
        report_add(report, &place, NULL, "%s", "it is broken");
        return false;
    }
    report_warn(report, &place, "add one", "%s", name ? name : "nothing to run");
    json_object_begin(resolved);
    json_kv_string(resolved, "name", "shop");
    if (ask->entry)
        json_kv_string(resolved, "mode", ask->mode);
    json_object_end(resolved);
    return true;
}

bool engine_translate(const char *file, const StrMap *client, JsonWriter *written) {
    if (!strstr(file, "Procfile"))
        return false;
    json_object_begin(written);
    json_kv_int(written, "version", 1);
    json_object_end(written);
    return true;
}

void engine_look(Engine *engine) {
    (void)engine;
}

void engine_forget_ports(Engine *engine, const char *file, const char *session) {
}

int session_purge_down(Engine *engine, const char *slug, Err *err) {
    (void)engine;
    return err_set(err, ERR_NOT_FOUND, "no session %s", slug);
}

void engine_stop_all(Engine *engine) {
    engine->stopped_all = true;
}

Target *target_of(Object *object) {
    return container_of(object, Target, object);
}

int target_start(Target *target, Err *err) {
    target->starts++;
    return 0;
}

int target_force(Target *target, Err *err) {
    return 0;
}

int target_trigger(Target *target, bool force, Triggered *ret, Err *err) {
    *ret = (Triggered){.run = {target, 7}};
    return 0;
}

int target_stop(Target *target, Err *err) {
    target->stops++;
    return 0;
}

int target_set_enabled(Target *target, bool enabled, bool with_deps, Err *err) {
    target->enabled = enabled ? 1 : -1;
    target->with_deps = with_deps;
    return 0;
}

int target_restart(Target *target, Err *err) {
    target->restarts++;
    return strstr(target->name, "stuck")
               ? err_set(err, ERR_CONFLICT, "%s cannot be restarted", target->target)
               : 0;
}

/* ---- workflow.h ---- */

Workflow *workflow_create(Engine *engine, const WorkflowAsk *ask, Report *report, Err *err) {
    engine->workflow_asked = *ask;
    if (!str_same(ask->backend, "moon"))
        return fake_workflow(engine, ask->task ? ask->task : "drawn");
    err_set(err, ERR_NOT_FOUND, "there is no backend moon");
    return NULL;
}

int workflow_stop(Workflow *workflow, int64_t grace_ms, Err *err) {
    if (workflow->stopped)
        return err_set(err, ERR_CONFLICT, "workflow %s is over", workflow->name);
    workflow->stopped = true;
    return 0;
}

int workflow_delete(Workflow *workflow, Err *err) {
    workflow->deleted = true;
    return 0;
}

Workflow *workflow_of(Object *object) {
    return container_of(object, Workflow, object);
}

Object *workflow_object(Workflow *workflow) {
    return &workflow->object;
}

bool workflow_over(const Workflow *workflow) {
    return workflow->stopped;
}

const char *workflow_task_name(const Workflow *workflow) {
    return workflow->name;
}

const char *workflow_backend_name(const Workflow *workflow) {
    return "fake";
}

const char *workflow_phase_name(const Workflow *workflow) {
    return "running";
}

/* ---- log_hub.h ---- */

LogStream *log_stream_new(Engine *engine, const LogAsk *ask, LoopFn more, void *arg, Err *err) {
    engine->log_asked = *ask;
    engine->log_targets[0] = '\0';
    for (size_t i = 0; i < ask->targets.n; i++) {
        append(engine->log_targets, sizeof(engine->log_targets), ask->targets.at[i]);
        append(engine->log_targets, sizeof(engine->log_targets), ",");
    }
    if (ask->targets.n && strcmp(ask->targets.at[0], "nobody") == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no resource or target \"nobody\"");
        return NULL;
    }
    LogStream *stream = xcalloc(1, sizeof(*stream));
    *stream = (LogStream){engine, ask->follow, 0, more, arg};
    engine->stream = stream;
    return stream;
}

LogStream *log_stream_free(LogStream *stream) {
    if (stream)
        stream->engine->stream = NULL;
    free(stream);
    return NULL;
}

int log_stream_next(LogStream *stream, LogLine *ret) {
    if (stream->at == stream->engine->line_n)
        return stream->follow ? 0 : -1;
    const FakeLine *line = &stream->engine->lines[stream->at++];
    *ret = (LogLine){.target = line->target,
                     .object = "api.serve",
                     .run = line->run,
                     .offset = 10 * stream->at,
                     .from = 10 * stream->at,
                     .time_us = 1700000000123456,
                     .stream = line->stream,
                     .text = line->text,
                     .size = line->size ? line->size : strlen(line->text),
                     .partial = line->partial};
    return 1;
}

void fake_log_more(Engine *engine, const FakeLine *lines, size_t n) {
    engine->lines = lines;
    engine->line_n = n;
    if (engine->stream) {
        engine->stream->at = 0;
        engine->stream->more(engine->stream->arg);
    }
}

/* ---- event_stream.h, history.h ---- */

EventStream *event_stream_new(Engine *engine, const EventAsk *ask, LoopFn more, void *arg,
                              Err *err) {
    engine->events_asked = *ask;
    if (ask->targets.n && strcmp(ask->targets.at[0], "nobody") == 0) {
        err_set(err, ERR_NOT_FOUND, "session %s has no events of \"nobody\"", ask->slug);
        return NULL;
    }
    EventStream *stream = xcalloc(1, sizeof(*stream));
    *stream = (EventStream){.engine = engine, .follow = ask->follow};
    return stream;
}

EventStream *event_stream_free(EventStream *stream) {
    free(stream);
    return NULL;
}

int event_stream_next(EventStream *stream, EventLine *ret) {
    static const char line[] = "{\"seq\":1,\"kind\":\"started\",\"target\":\"api:serve\"}";
    if (stream->given)
        return stream->follow ? 0 : -1;
    stream->given = true;
    *ret = (EventLine){.json = line, .size = strlen(line)};
    return 1;
}

int history_why(Engine *engine, const char *slug, const char *name, JsonWriter *out, Err *err) {
    (void)engine;
    if (strcmp(name, "nobody") == 0)
        return err_set(err, ERR_NOT_FOUND, "session %s has no target \"nobody\"", slug);
    json_object_begin(out);
    json_kv_string(out, "target", name);
    json_object_end(out);
    return 0;
}

void history_timeline(Engine *engine, const char *slug, const TimelineWish *wish, Buf *out) {
    (void)engine;
    buf_printf(out, "{\"form\":%d,\"width\":%d,\"slug\":\"%s\"}", wish->form, wish->text.width,
               slug);
}

/* ---- backends/ ---- */

static void note_options(Engine *engine, const Value *options) {
    Buf text;
    JsonWriter out;
    buf_init(&text, sizeof(engine->options_seen) - 1);
    json_writer_init(&out, &text);
    if (options)
        json_value(&out, options);
    snprintf(engine->options_seen, sizeof(engine->options_seen), "%s", buf_cstr(&text));
    buf_deinit(&text);
}

Op *backends_look(Engine *engine, const BackendsAsk *ask, OpFn fn, void *arg) {
    static const BackendField fields[] = {{"step.tmpfs", FIELD_REFUSED, "not here"}};
    static SeenLeftover left[] = {{{"T8", "network", "n8", false}, false},
                                  {{"T9", "container", "c9", true}, true}};
    static StrPair pair = {"host", "unix:///x"};
    static SeenBackend all[] = {{.name = "docker",
                                 .available = true,
                                 .platform = "linux/amd64",
                                 .version = "20.10",
                                 .where = "unix:///x",
                                 .options = {&pair, 1},
                                 .fields = fields,
                                 .field_n = 1,
                                 .left = {left, 2}},
                                {.name = "local", .why = "no pin"}};
    SeenBackends seen = {all, COUNT(all)};
    Err err = {0};
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    note_options(engine, ask->options);
    if (ask->name && strcmp(ask->name, "local") == 0)
        seen = (SeenBackends){&all[1], 1};
    else if (ask->name && strcmp(ask->name, "none") == 0)
        err_set(&err, ERR_NOT_FOUND, "there is no backend none");
    op_finish(op, &seen, sizeof(seen), err.kind ? &err : NULL);
    return op;
}

Op *orphan_remove(Engine *engine, const OrphanAsk *ask, OpFn fn, void *arg) {
    Err err = {0};
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    note_options(engine, ask->wish.options);
    snprintf(engine->given, sizeof(engine->given), "%s %s%s", ask->wish.name, ask->task,
             ask->unread ? " unread" : "");
    if (strcmp(ask->task, "T8") == 0)
        err_set(&err, ERR_CONFLICT, "the task T8 lives; end it first");
    op_finish(op, NULL, 0, err.kind ? &err : NULL);
    return op;
}

/* ---- terminal.h ---- */

int terminal_look(Target *target, Terminal *ret, Err *err) {
    *ret = target->session->engine->terminal;
    if (!ret->run)
        return err_set(err, ERR_CONFLICT, "%s is not running", target->target);
    return 0;
}

Op *terminal_input(Target *target, const StepInput *input, OpFn fn, void *arg, Err *err) {
    Engine *engine = target->session->engine;
    if (!engine->terminal.run) {
        err_set(err, ERR_CONFLICT, "%s is not running", target->target);
        return NULL;
    }
    snprintf(engine->given, sizeof(engine->given), "%.*s", (int)input->n, input->bytes);
    engine->input = *input;
    Op *op = op_new(engine->loop, fn, arg, NULL, NULL);
    if (engine->slow)
        engine->waits = op;
    else
        op_finish(op, NULL, 0, engine->refused.kind ? &engine->refused : NULL);
    return op;
}

int terminal_resize(Target *target, StepSize size, Err *err) {
    target->session->engine->size = size;
    return target->session->engine->terminal.run
               ? 0
               : err_set(err, ERR_CONFLICT, "%s is not running", target->target);
}

Op *terminal_tail(Target *target, const TerminalTail *ask) {
    Engine *engine = target->session->engine;
    static const char said[] = "one\ntwo$ ";
    LogPiece piece = {.at = ask->from, .stream = 1, .data = said + ask->from};
    piece.size = strlen(piece.data);
    Op *op = op_new(engine->loop, ask->over, ask->arg, NULL, NULL);
    ask->piece(ask->arg, &piece);
    op_finish(op, NULL, 0, NULL);
    return op;
}

Op *terminal_end(Target *target, uint32_t run, OpFn fn, void *arg) {
    StepState state = {.phase = STEP_ENDED, .end = STEP_EXITED, .code = (int)run};
    Op *op = op_new(target->session->engine->loop, fn, arg, NULL, NULL);
    op_finish(op, &state, sizeof(state), NULL);
    return op;
}

void terminal_tail_resume(Engine *engine, Op *tail) {
    (void)engine, (void)tail;
}

int terminal_place(const Target *target, Arena *arena, TerminalPlace *ret, Err *err) {
    static StrPair env[] = {{"A", "b"}, {"BYTES", "\xff"}, {"\xfe", "x"}};
    (void)target, (void)arena, (void)err;
    *ret = (TerminalPlace){.env = {.at = env, .n = 3}, .path = "/shop"};
    return 0;
}
