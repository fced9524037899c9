/* SPDX-License-Identifier: Apache-2.0 */
/* A session's intent on disk: written to a temporary name and renamed, before anything is done
 * about it.
 *
 *   session.json       who it is and what was asked: small, rewritten at each request
 *   spec.<gen>.json    the resolved config of a generation: written once
 *   client.json        environment, limits, ... its processes inherit: written once, or by
 *                      --env-refresh */

#include "engine/sessions/session_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/client_setup.h"
#include "engine/sessions/enablement.h"
#include "engine/sessions/session_environment.h"
#include "engine/sessions/stopped.h"
#include "engine/targets/run_files.h"
#include "engine/targets/target.h"
#include "engine/targets/service_watch.h"

/* ---- writing ---- */

static int write_json(const Session *session, const char *name, Buf *buf, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, name);
    int r = file_write_buf(path, buf, 0600, err);
    buf_deinit(buf);
    return r;
}

static void begin(Buf *buf, JsonWriter *out) {
    buf_init(buf, MAX_STATE_BYTES);
    json_writer_init(out, buf);
    json_object_begin(out);
    json_kv_int(out, "format", SESSION_FORMAT);
}

static void write_names(const Session *session, const char *key,
                        bool (*pick)(const Session *, size_t), JsonWriter *out) {
    json_kv_array(out, key);
    for (size_t i = 0; i < session->graph.n; i++)
        if (pick(session, i))
            json_string(out, session->graph.targets[i].name);
    json_array_end(out);
}

static bool is_chosen(const Session *session, size_t i) {
    return session->chosen[i];
}
static bool is_stopped(const Session *session, size_t i) {
    return session->facts[i].want == WANT_STOPPED;
}

static bool is_forced(const Session *session, size_t i) {
    return session->facts[i].queued && session->facts[i].forced;
}

/* A run that somebody asked for and that is still to come, and after which: if the newest run is a
 * later one, it has come. (One that waits for its back-off is found again from the end of the run
 * before.) */
static void write_queued(const Session *session, JsonWriter *out) {
    json_kv_object(out, "queued");
    for (size_t i = 0; i < session->graph.n; i++) {
        const TargetFacts *facts = &session->facts[i];
        if (facts->queued && !facts->not_before_ms && facts->run > session->targets[i]->base_run)
            json_kv_int(out, session->graph.targets[i].name, facts->run);
    }
    json_object_end(out);
}

/* Files have changed, and that is why it is queued; or they have, and wait for somebody to ask. */
static void write_changes(const Session *session, JsonWriter *out) {
    json_kv_object(out, "causes");
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->facts[i].queued && session->facts[i].cause)
            json_kv_string(out, session->graph.targets[i].name, session->facts[i].cause);
    json_object_end(out);
    json_kv_object(out, "pending");
    for (size_t i = 0; i < session->graph.n; i++) {
        PendingChanges pending = service_watch_pending(session->targets[i]);
        if (!pending.n)
            continue;
        json_kv_object(out, session->graph.targets[i].name);
        json_kv_int(out, "n", (int64_t)pending.n);
        json_kv_string(out, "first", pending.first);
        json_object_end(out);
    }
    json_object_end(out);
}

/* Jobs that were not needed, and have not run in this session. */
static void write_skipped(const Session *session, JsonWriter *out) {
    json_kv_object(out, "skipped");
    for (size_t i = 0; i < session->graph.n; i++) {
        const TargetFacts *facts = &session->facts[i];
        if (!facts->skipped || facts->run > session->targets[i]->base_run)
            continue;
        json_kv_object(out, session->graph.targets[i].name);
        json_kv_string(out, "note", facts->note ? facts->note : "");
        json_kv_int(out, "us", facts->ended_us);
        json_object_end(out);
    }
    json_object_end(out);
}

static void load_skipped(Session *session, const Value *skipped) {
    for (size_t i = 0; i < session->graph.n; i++) {
        const Value *v = value_get(skipped, session->graph.targets[i].name);
        const char *note = value_get_str(v, "note");
        session->targets[i]->skipped_us = value_get_int(v, "us", 0);
        if (note)
            session->targets[i]->skipped_note = xstrdup(note);
    }
}

static void load_changes(Session *session, const Value *v) {
    const Value *forced = value_get(v, "forced");
    for (size_t i = 0; i < value_count(forced); i++) {
        int64_t t = graph_find(&session->graph, value_str(value_at(forced, i)));
        if (t >= 0)
            session->targets[t]->queued_forced = true;
    }
    const Value *causes = value_get(v, "causes"), *pending = value_get(v, "pending");
    for (size_t i = 0; i < session->graph.n; i++) {
        const char *name = session->graph.targets[i].name, *cause = value_get_str(causes, name);
        const Value *changes = value_get(pending, name);
        PendingChanges known = {(size_t)value_get_int(changes, "n", 0),
                                value_get_str(changes, "first")};
        if (cause)
            session->targets[i]->queued_cause = xstrdup(cause);
        service_watch_remember(session->targets[i], &known);
    }
}

/* Runs up to these are of earlier sessions of the same file. */
static void write_base(const Session *session, JsonWriter *out) {
    json_kv_object(out, "base");
    for (size_t i = 0; i < session->graph.n; i++)
        if (session->targets[i]->base_run)
            json_kv_int(out, session->graph.targets[i].name, session->targets[i]->base_run);
    json_object_end(out);
}

/* Since the machine was started: the next server counts from it, whatever the clock was set to. */
static int64_t started_boot_ms(const Session *session) {
    Loop *loop = session->engine->loop;
    return loop_boot_ms(loop) - (loop_now_ms(loop) - session->started_ms);
}

/* Of a session of before the machine was started only the time on the wall is known. */
static int64_t load_started_ms(const Session *session, const Value *v) {
    Loop *loop = session->engine->loop;
    const char *boot = value_get_str(v, "boot_id");
    int64_t boot_ms = value_get_int(v, "started_boot_ms", 0);
    int64_t ago_ms = boot && strcmp(boot, boot_id()) == 0 && boot_ms
                         ? loop_boot_ms(loop) - boot_ms
                         : (loop_wall_us(loop) - session->started_us) / 1000;
    return loop_now_ms(loop) - (ago_ms > 0 ? ago_ms : 0);
}

/* Runs that have left helpers. */
static void write_lingering(const Session *session, JsonWriter *out) {
    json_kv_object(out, "lingering");
    for (size_t i = 0; i < session->graph.n; i++) {
        const Helpers *helpers = &session->targets[i]->helpers;
        if (!helpers->runs.n)
            continue;
        json_kv_array(out, session->graph.targets[i].name);
        for (size_t j = 0; j < helpers->runs.n; j++)
            json_int(out, helpers->runs.at[j]);
        json_array_end(out);
    }
    json_object_end(out);
}

int session_could_save(Session *session, Err *err) {
    return session_save(session, err);
}

int session_save(Session *session, Err *err) {
    Buf buf;
    JsonWriter out;
    begin(&buf, &out);
    json_kv_string(&out, "uid", session->object.uid);
    json_kv_string(&out, "slug", session->slug);
    json_kv_string(&out, "file", session->config->file);
    json_kv_string(&out, "session", session->name);
    json_kv_int(&out, "generation", (int64_t)session->spec_generation);
    json_kv_int(&out, "object_generation", (int64_t)session->object.generation);
    json_kv_bool(&out, "ci", session->ci);
    json_kv_int(&out, "ci_timeout_ms", session->ci_config.timeout_ms);
    json_kv_int(&out, "ci_readiness_timeout_ms", session->ci_config.readiness_timeout_ms);
    json_kv_int(&out, "started_us", session->started_us);
    json_kv_string(&out, "boot_id", boot_id());
    json_kv_int(&out, "started_boot_ms", started_boot_ms(session));
    json_kv_int(&out, "created_us", session->object.created_us);
    json_kv_int(&out, "read_started_us", session->read_started_us);
    json_kv_int(&out, "read_ended_us", session->read_ended_us);
    json_kv_bool(&out, "hold", session->hold);
    json_kv_bool(&out, "all", session->all);
    json_kv_bool(&out, "done", session->done);
    json_kv_bool(&out, "late", session->late);
    json_kv_string(&out, "error", session->error);
    json_kv_string(&out, "culprit", session->culprit);
    json_kv_bool(&out, "deleting", session->deleting);
    json_kv_bool(&out, "purge", session->purge);
    json_kv_bool(&out, "down", session->down);
    json_kv_bool(&out, "unclear", session->unclear);
    json_kv_int(&out, "changed_us", loop_wall_us(session->engine->loop));
    write_names(session, "chosen", is_chosen, &out);
    write_names(session, "stopped", is_stopped, &out);
    session_write_enablement(session, &out);
    schedule_write(session, &out);
    write_queued(session, &out);
    write_changes(session, &out);
    write_skipped(session, &out);
    write_names(session, "forced", is_forced, &out);
    write_base(session, &out);
    write_lingering(session, &out);
    json_object_end(&out);
    int r = write_json(session, "session.json", &buf, err);
    session->unsaved = false;
    sys_point("saved");
    return r;
}

int session_save_spec(const Session *session, const Config *config, uint64_t generation, Err *err) {
    Buf buf;
    JsonWriter out;
    char name[40];
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    config_encode(config, false, &out);
    snprintf(name, sizeof(name), "spec.%llu.json", (unsigned long long)generation);
    return write_json(session, name, &buf, err);
}

int session_save_client(Session *session, Err *err) {
    Buf buf;
    JsonWriter out;
    begin(&buf, &out);
    client_setup_encode(&session->client, &out);
    json_object_end(&out);
    return write_json(session, "client.json", &buf, err);
}

/* ---- reading ---- */

static int read_json(const char *dir, const char *name, Arena *arena, const Value **ret, Err *err) {
    AUTO_FREE char *path = path_join(dir, name);
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return -1;
    if (json_parse(arena_strndup(arena, text, size), size, arena, ret, err) < 0)
        return err_in(err, "%s", path);
    if (value_check_format(*ret, SESSION_FORMAT, err) < 0)
        return err_in(err, "%s", path);
    if ((*ret)->kind != VALUE_MAP)
        return err_set(err, ERR_INVALID, "%s does not hold what thole writes there", path);
    return 0;
}

/* What the former session left beside its session.json is of a newer format: not ours to
 * replace. */
static int refuse_newer(const Session *session, Arena *arena, Err *err) {
    char spec[40];
    const char *names[] = {"client.json", "ports.json", spec};
    snprintf(spec, sizeof(spec), "spec.%llu.json",
             (unsigned long long)session_newest_spec(session));
    for (size_t i = 0; i < COUNT(names); i++) {
        const Value *v;
        Err why = {.kind = ERR_NONE};
        if (read_json(session->dir, names[i], arena, &v, &why) == 0 || why.kind != ERR_UNAVAILABLE)
            continue;
        *err = why;
        return -1;
    }
    return 0;
}

static void load_lingering(Session *session, const Value *v) {
    const Value *all = value_get(v, "lingering");
    for (size_t i = 0; i < session->graph.n; i++) {
        const Value *runs = value_get(all, session->graph.targets[i].name);
        for (size_t j = 0; j < value_count(runs); j++)
            target_lingers(session->targets[i], (uint32_t)value_int(value_at(runs, j), 0));
    }
}

int session_check_former(Session *session, Err *err) {
    Arena arena;
    const Value *head;
    Err why = {.kind = ERR_NONE};
    arena_init(&arena);
    int r = read_json(session->dir, "session.json", &arena, &head, &why);
    if (r == 0) {
        session->unclear =
            value_get_bool(head, "unclear", false) ||
            !(value_get_bool(head, "down", false) || value_get_bool(head, "done", false));
        load_lingering(session, head);
    } else {
        session->unclear = why.kind != ERR_NOT_FOUND || session_newest_spec(session) > 0;
    }
    bool newer = r < 0 && why.kind == ERR_UNAVAILABLE;
    if (newer)
        *err = why;
    else
        newer = refuse_newer(session, &arena, err) < 0;
    arena_deinit(&arena);
    if (newer)
        return -1;
    if (r < 0 && session->unclear)
        log_warn("%s: %s; what its former session left running is ended first", session->slug,
                 why.msg);
    return 0;
}

static void load_wants(Session *session, const Value *v) {
    const Value *chosen = value_get(v, "chosen"), *stopped = value_get(v, "stopped"),
                *queued = value_get(v, "queued"), *base = value_get(v, "base");
    for (size_t i = 0; i < value_count(chosen); i++) {
        int64_t t = graph_find(&session->graph, value_str(value_at(chosen, i)));
        if (t < 0)
            continue;
        session->chosen[t] = 1;
        session->facts[t].want = session->deleting || session->done ? WANT_DOWN : WANT_RUN;
    }
    for (size_t i = 0; i < value_count(stopped); i++) {
        int64_t t = graph_find(&session->graph, value_str(value_at(stopped, i)));
        if (t >= 0)
            fact_wanted(&session->facts[t], WANT_STOPPED, 0, "stopped by request");
    }
    for (size_t i = 0; i < session->graph.n; i++) {
        const char *name = session->graph.targets[i].name;
        session->targets[i]->queued_after = (uint32_t)value_get_int(queued, name, 0);
        session->targets[i]->base_run = (uint32_t)value_get_int(base, name, 0);
    }
    schedule_load(session, v);
    session_load_enablement(session, v);
}

static void load_head(Session *session, const Value *v) {
    const char *culprit = value_get_str(v, "culprit");
    const char *name = value_get_str(v, "session"), *error = value_get_str(v, "error"),
               *uid = value_get_str(v, "uid");
    session->name = name ? arena_strdup(&session->arena, name) : NULL;
    session->culprit = culprit ? arena_strdup(&session->arena, culprit) : NULL;
    session->spec_generation = (uint64_t)value_get_int(v, "generation", 1);
    session->object.generation =
        (uint64_t)value_get_int(v, "object_generation", (int64_t)session->spec_generation);
    session->ci = value_get_bool(v, "ci", false);
    session->started_us = value_get_int(v, "started_us", 0);
    session->started_ms = load_started_ms(session, v);
    session->object.created_us = value_get_int(v, "created_us", session->started_us);
    session->hold = value_get_bool(v, "hold", false);
    session->all = value_get_bool(v, "all", true);
    session->done = value_get_bool(v, "done", false);
    session->late = value_get_bool(v, "late", false);
    session->deleting = value_get_bool(v, "deleting", false);
    session->purge = value_get_bool(v, "purge", false);
    session->unclear = value_get_bool(v, "unclear", false);
    str_copy(session->error, sizeof(session->error), error ? error : "");
    str_copy(session->object.uid, sizeof(session->object.uid), uid ? uid : "");
    if (session->deleting)
        session->object.deleted_us = value_get_int(v, "changed_us", session->started_us);
}

static const Config *load_config(const char *path, Arena *arena, Err *err) {
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return NULL;
    const Config *config = config_decode(arena_strndup(arena, text, size), size, arena, err);
    if (!config)
        (void)err_in(err, "%s", path);
    return config;
}

static Generation *load_generation(const Session *session, Err *err) {
    Arena arena;
    arena_init(&arena);
    AUTO_FREE char *path =
        xasprintf("%s/spec.%llu.json", session->dir, (unsigned long long)session->spec_generation);
    const Config *config = load_config(path, &arena, err);
    if (config)
        return generation_new(config, &arena);
    arena_deinit(&arena);
    return NULL;
}

static int load_into(Session *session, bool down_too, Err *err) {
    Arena *arena = &session->arena;
    const Value *head, *client;
    if (read_json(session->dir, "session.json", arena, &head, err) < 0)
        return -1;
    if (value_get_bool(head, "down", false) && !down_too)
        return 1;
    load_head(session, head);
    if (read_json(session->dir, "client.json", &session->client_arena, &client, err) < 0)
        return -1;
    client_setup_load(client, &session->client_arena, &session->client);
    if (session_load_environment(session, err) < 0)
        return -1;
    Generation *generation = load_generation(session, err);
    if (!generation)
        return -1;
    session_set_generation(session, generation);
    const Config *config = session->config;
    session->ci_config = config->ci;
    session->ci_config.timeout_ms = value_get_int(head, "ci_timeout_ms", config->ci.timeout_ms);
    session->ci_config.readiness_timeout_ms =
        value_get_int(head, "ci_readiness_timeout_ms", config->ci.readiness_timeout_ms);
    load_wants(session, head);
    session->leaving = true; /* as far as is known */
    load_changes(session, head);
    load_skipped(session, value_get(head, "skipped"));
    load_lingering(session, head);
    session_file_read(session, value_get_int(head, "read_started_us", session->started_us),
                      value_get_int(head, "read_ended_us", session->started_us));
    return ports_load(session, session->generation, err);
}

int session_load(Engine *engine, const char *slug, bool down_too, Session **ret, Err *err) {
    Session *session = session_new(engine, slug);
    int r = load_into(session, down_too, err);
    if (r != 0) {
        session_free(session);
        return r;
    }
    *ret = session;
    return 0;
}

/* Of "spec.<n>.json"; 0: of nothing else. */
static uint64_t spec_number(const char *name) {
    unsigned long long n;
    char tail;
    return sscanf(name, "spec.%llu.jso%c", &n, &tail) == 2 && tail == 'n' ? n : 0;
}

uint64_t session_newest_spec(const Session *session) {
    DIR *dir = opendir(session->dir);
    uint64_t newest = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        uint64_t n = spec_number(entry->d_name);
        newest = n > newest ? n : newest;
    }
    if (dir)
        closedir(dir);
    return newest;
}

void session_drop_specs(const Session *session) {
    DIR *dir = opendir(session->dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        uint64_t n = spec_number(entry->d_name);
        if (n > 0 && n < session->spec_generation)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}
