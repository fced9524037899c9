/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sessions/stopped.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "spec/routes.h"
#include "spec/session.h"
#include "store/state_file.h"

enum { MAX_SLUG = 100 };

bool is_slug(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.");
    return n > 0 && n <= MAX_SLUG && !text[n] && text[0] != '.';
}

static char *session_path(const char *state_dir, const char *slug, Arena *arena) {
    return arena_printf(arena, "%s/sessions/%s", state_dir, slug);
}

/* Its session.json. */
static int read_session(const char *state_dir, const char *slug, Arena *arena, const Value **ret,
                        Err *err) {
    AUTO_FREE char *text = NULL;
    size_t size;
    const char *path = arena_printf(arena, "%s/session.json", session_path(state_dir, slug, arena));
    return file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0 ||
                   json_parse(arena_strndup(arena, text, size), size, arena, ret, err) < 0
               ? -1
               : value_check_format(*ret, SESSION_FORMAT, err);
}

int stopped_find(const char *state_dir, const char *slug, Arena *arena, StoppedSession *ret) {
    const Value *v;
    if (!is_slug(slug) || read_session(state_dir, slug, arena, &v, NULL) < 0 ||
        !value_get_bool(v, "down", false))
        return -1;
    const char *uid = value_get_str(v, "uid"), *file = value_get_str(v, "file"),
               *error = value_get_str(v, "error");
    *ret = (StoppedSession){
        .slug = arena_strdup(arena, slug),
        .uid = uid ? uid : "",
        .file = file ? file : "",
        .error = error ? error : "",
        .name = value_get_str(v, "session"),
        .ci = value_get_bool(v, "ci", false),
        .done = value_get_bool(v, "done", false),
        .late = value_get_bool(v, "late", false),
        .helpers = value_count(value_get(v, "lingering")) > 0,
        .started_us = value_get_int(v, "started_us", 0),
        .ci_timeout_ms = value_get_int(v, "ci_timeout_ms", 0),
        .ci_readiness_timeout_ms = value_get_int(v, "ci_readiness_timeout_ms", 0),
    };
    ret->created_us = value_get_int(v, "created_us", ret->started_us);
    return 0;
}

static int by_slug(const void *a, const void *b) {
    return strcmp(((const StoppedSession *)a)->slug, ((const StoppedSession *)b)->slug);
}

void stopped_list(const char *state_dir, Arena *arena, StoppedList *ret) {
    AUTO_FREE char *path = path_join(state_dir, "sessions");
    DIR *dir = opendir(path);
    size_t cap = 0;
    *ret = (StoppedList){.n = 0};
    for (struct dirent *entry; dir && ret->n < MAX_STOPPED && (entry = readdir(dir));) {
        StoppedSession session;
        if (stopped_find(state_dir, entry->d_name, arena, &session) < 0)
            continue;
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        ret->at[ret->n++] = session;
    }
    if (dir)
        closedir(dir);
    if (ret->n)
        qsort(ret->at, ret->n, sizeof(*ret->at), by_slug);
}

/* What a server may be making or removing just now has no session.json, and runs nothing yet. */
static bool is_down(const char *state_dir, const char *slug, const char *path, Arena *arena) {
    const Value *v;
    Err err;
    if (read_session(state_dir, slug, arena, &v, &err) < 0)
        return err.kind == ERR_NOT_FOUND;
    const char *file = value_get_str(v, "file");
    return value_get_bool(v, "down", false) || (file && !path_below(file, path));
}

bool stopped_all_below(const char *state_dir, const char *path) {
    AUTO_FREE char *sessions = path_join(state_dir, "sessions");
    DIR *dir = opendir(sessions);
    bool down = dir || errno == ENOENT;
    Arena arena;
    arena_init(&arena);
    for (struct dirent *entry; dir && down && (entry = readdir(dir));)
        down = !is_slug(entry->d_name) || is_down(state_dir, entry->d_name, path, &arena);
    if (dir)
        closedir(dir);
    arena_deinit(&arena);
    return down;
}

/* Of a server that nothing is known of: what cannot be read says nothing against anybody. */
static bool runs_in(const char *state_dir, const char *slug, const char *path, Arena *arena) {
    const Value *v;
    Err unused;
    if (read_session(state_dir, slug, arena, &v, &unused) < 0)
        return false;
    const char *file = value_get_str(v, "file");
    return !value_get_bool(v, "down", false) && file && path_below(file, path);
}

bool stopped_any_runs_below(const char *state_dir, const char *path) {
    AUTO_FREE char *sessions = path_join(state_dir, "sessions");
    DIR *dir = opendir(sessions);
    bool runs = false;
    Arena arena;
    arena_init(&arena);
    for (struct dirent *entry; dir && !runs && (entry = readdir(dir));)
        runs = is_slug(entry->d_name) && runs_in(state_dir, entry->d_name, path, &arena);
    if (dir)
        closedir(dir);
    arena_deinit(&arena);
    return runs;
}

static void write_meta(const StoppedSession *session, JsonWriter *out) {
    char time[TIME_TEXT];
    time_format_seconds(session->created_us, time);
    json_kv_object(out, "metadata");
    json_kv_string(out, "name", session->slug);
    json_kv_string(out, "uid", session->uid);
    json_kv_string(out, "creationTimestamp", time);
    json_kv_object(out, "annotations");
    json_kv_string(out, "thole.dev/stopped", "true");
    json_object_end(out);
    json_object_end(out);
}

void stopped_encode(const StoppedSession *session, JsonWriter *out) {
    SessionSpec spec = {.tiltfile_path = session->file,
                        .exit_condition = session->ci ? "ci" : "manual",
                        .ci_timeout_ms = session->ci_timeout_ms,
                        .ci_readiness_timeout_ms = session->ci_readiness_timeout_ms};
    SessionStatus status = {.start_us = session->started_us,
                            .done = session->done,
                            .error = session->error[0] ? session->error : NULL,
                            .late = session->late,
                            .slug = session->slug,
                            .session = session->name};
    json_object_begin(out);
    json_kv_string(out, "apiVersion", TILT_API_VERSION);
    json_kv_string(out, "kind", "Session");
    write_meta(session, out);
    json_key(out, "spec");
    session_encode_spec(&spec, out);
    json_key(out, "status");
    session_encode_status(&status, out);
    json_object_end(out);
}

/* What of it is in the project's directory. That may be gone by now, or not ours: no reason to keep
 * the rest. */
static void purge_project(const char *state_dir, const char *slug) {
    Arena arena;
    StoppedSession session;
    Err err;
    arena_init(&arena);
    if (stopped_find(state_dir, slug, &arena, &session) == 0 && session.file[0] == '/') {
        AUTO_FREE char *dir = state_dir_of(session.file, slug, session.name ? slug : NULL);
        if (state_remove(dir, &err) < 0)
            log_warn("%s: %s", slug, err.msg);
    }
    arena_deinit(&arena);
}

int stopped_purge(const char *state_dir, const char *slug, Err *err) {
    if (!is_slug(slug))
        return err_set(err, ERR_INVALID, "\"%s\" is no name of a session", slug);
    purge_project(state_dir, slug);
    AUTO_FREE char *sessions = path_join(state_dir, "sessions");
    AUTO_FREE char *path = path_join(sessions, slug);
    return path_remove_tree(path, err);
}

int stopped_purge_below(const char *state_dir, const char *path, Err *err) {
    Arena arena;
    StoppedList list;
    int r = 0;
    arena_init(&arena);
    stopped_list(state_dir, &arena, &list);
    for (size_t i = 0; i < list.n && r == 0; i++)
        if (path_below(list.at[i].file, path))
            r = stopped_purge(state_dir, list.at[i].slug, err);
    arena_deinit(&arena);
    return r;
}
