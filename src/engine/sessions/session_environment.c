/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sessions/session_environment.h"

#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "data/json.h"

ConfigAsk session_config_ask(const Session *session) {
    const EnvironmentEntry *entry = session->environment;
    return (ConfigAsk){.file = session->config->file,
                       .client = &session->client.env,
                       .mode = entry ? entry->mode : NULL,
                       .entry = entry};
}

ConfigAsk session_config_first(const SessionAsk *ask) {
    const EnvironmentEntry *entry = ask->environment;
    return (ConfigAsk){.file = ask->file,
                       .client = &ask->client->env,
                       .mode = entry ? entry->mode : NULL,
                       .entry = entry};
}

/* What `thole vet` takes for valid is not called otherwise here. */
static bool needs_environment(const ConfigAsk *ask) {
    ConfigAsk alone = *ask;
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    alone.environment = true;
    bool valid = !ask->entry && config_load(&alone, &arena, &report);
    arena_deinit(&arena);
    return valid;
}

const Config *session_read_config(const ConfigAsk *ask, Arena *arena, Report *report, Err *err) {
    const Config *config = config_load(ask, arena, report);
    if (config)
        return config;
    if (needs_environment(ask))
        err_set(err, ERR_INVALID,
                "%s runs in an environment alone: `thole env create NAME` makes one", ask->file);
    else
        err_set(err, ERR_INVALID, "%s is not valid", ask->file);
    return NULL;
}

static const EnvironmentEntry *decode(const Session *session, const char *text, size_t size,
                                      Arena *arena, Err *err) {
    EnvironmentEntry *entry = arena_alloc(arena, sizeof(*entry));
    const Value *v;
    Report report;
    report_init(&report, arena);
    if (json_parse(text, size, arena, &v, err) < 0) {
        err_in(err, "%s/" SESSION_ENVIRONMENT_FILE, session->dir);
        return NULL;
    }
    const char *name = value_get_str(v, "name");
    if (entry_decode(v, name ? name : "", arena, &report, entry) == 0)
        return entry;
    err_set(err, ERR_INVALID, "%s/" SESSION_ENVIRONMENT_FILE ": %s", session->dir,
            report_line(&report.at[0], arena));
    return NULL;
}

/* What was taken before stays if this cannot be. */
static int take(Session *session, const char *text, size_t size, Err *err) {
    Arena arena;
    arena_init(&arena);
    const EnvironmentEntry *entry = decode(session, text, size, &arena, err);
    if (!entry) {
        arena_deinit(&arena);
        return -1;
    }
    arena_deinit(&session->environment_arena);
    session->environment_arena = arena;
    session->environment = entry;
    return 0;
}

int session_set_environment(Session *session, const EnvironmentEntry *entry, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, SESSION_ENVIRONMENT_FILE);
    Buf buf;
    JsonWriter out;
    if (!entry) {
        session->environment = NULL;
        unlink(path);
        return 0;
    }
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    entry_encode(entry, ENTRY_STORED, &out);
    int r = file_write_buf(path, &buf, 0600, err);
    if (r == 0)
        r = take(session, buf_cstr(&buf), buf.n, err);
    buf_deinit(&buf);
    return r;
}

int session_load_environment(Session *session, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, SESSION_ENVIRONMENT_FILE), *text = NULL;
    size_t size;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    return take(session, text, size, err);
}
