/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sessions/config_watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/files/file_mark.h"
#include "engine/sessions/reload.h"
#include "engine/sessions/session.h"
#include "spec/digest.h"

enum { DEBOUNCE_MS = 50 }; /* editors write a file in two or three steps */

/* The files of one directory. */
typedef struct DirWatch {
    ConfigWatch *config;
    char *dir;
    FileWatch *files;
} DirWatch;

struct ConfigWatch {
    Session *session;
    Arena arena;
    StrList files; /* as of the generation that it was made for */
    DirWatch *dirs;
    size_t dir_n, to_begin; /* to_begin: of which the first look is still to come */
    Deferred *again;
};

/* ---- what is heard ---- */

static void reload(Session *session) {
    Report report;
    Arena arena;
    Err err;
    arena_init(&arena);
    report_init(&report, &arena);
    if (!session->deleting && session_reload(session, &report, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    arena_deinit(&arena);
}

/* Not from inside the watch: it may go. */
static void on_again(void *arg) {
    ConfigWatch *watch = arg;
    watch->again = NULL;
    reload(watch->session);
}

static void take_up(ConfigWatch *watch) {
    if (!watch->again)
        watch->again = loop_defer(watch->session->engine->loop, on_again, watch);
}

/* `digest`: what it held when it was read. `gone`: what counts when it is not there. */
static bool differs(const char *path, const char *digest, bool gone) {
    uint8_t now[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1] = "";
    Err err;
    if (access(path, F_OK) < 0)
        return gone && *digest;
    if (file_content(path, now, &err) == 0)
        str_hex(hex, now, sizeof(now));
    return strcmp(hex, digest) != 0;
}

static bool any_differs(const Session *session, bool gone) {
    const Config *config = session->config;
    if (session->facts[session->graph.tiltfile].failure ||
        config->digests.n != config->files.n) /* of an older server */
        return true;
    for (size_t i = 0; i < config->files.n; i++)
        if (differs(config->files.at[i], config->digests.at[i], gone))
            return true;
    return false;
}

bool config_changed(const Session *session) {
    return any_differs(session, true);
}

/* Somebody may have asked for it meanwhile. */
static void on_changed(void *arg, const FileChanges *changes) {
    ConfigWatch *watch = ((DirWatch *)arg)->config;
    if (config_changed(watch->session))
        take_up(watch);
}

/* Between their being read and the first look; not all of them need be there. */
static void on_begun(void *arg) {
    ConfigWatch *watch = ((DirWatch *)arg)->config;
    if (--watch->to_begin == 0 && any_differs(watch->session, false))
        take_up(watch);
}

static void on_troubled(void *arg, const char *why) {
    const DirWatch *dir = arg;
    if (!why)
        return;
    log_warn("%s: %s", dir->config->session->slug, why);
    event_record(dir->config->session,
                 &(Event){.kind = EVENT_CONFIG, .reason = "Degraded", .message = why});
}

/* ---- making ---- */

static bool in_dir(const char *path, const char *dir) {
    size_t n = (size_t)(path_base(path) - path);
    return strlen(dir) == n && memcmp(path, dir, n) == 0;
}

/* A name as a glob that means it and nothing else. */
static const char *exactly(const char *name, Arena *arena) {
    char *glob = arena_alloc(arena, 2 * strlen(name) + 1), *to = glob;
    for (; *name; name++) {
        if (strchr("*?[]{},!\\", *name))
            *to++ = '\\';
        *to++ = *name;
    }
    return glob;
}

static void watch_dir(ConfigWatch *watch, const char *path) {
    static const FileWatchEvents events = {on_begun, on_changed, on_troubled};
    DirWatch *dir = &watch->dirs[watch->dir_n];
    StrList globs = {.at = arena_alloc(&watch->arena, watch->files.n * sizeof(char *))};
    Err err;
    *dir = (DirWatch){.config = watch,
                      .dir = arena_strndup(&watch->arena, path, (size_t)(path_base(path) - path))};
    for (size_t i = 0; i < watch->files.n; i++)
        if (in_dir(watch->files.at[i], dir->dir))
            globs.at[globs.n++] = exactly(path_base(watch->files.at[i]), &watch->arena);
    FileWatchAsk ask = {.root = dir->dir, .globs = &globs, .debounce_ms = DEBOUNCE_MS, .all = true};
    dir->files = file_watch_new(watch->session->engine->files, &ask, &events, dir, &err);
    if (dir->files) {
        watch->dir_n++;
        watch->to_begin++;
    } else {
        log_warn("%s: changes of %s are not seen: %s", watch->session->slug, path, err.msg);
    }
}

static bool is_watched(const ConfigWatch *watch, const char *path) {
    for (size_t i = 0; i < watch->dir_n; i++)
        if (in_dir(path, watch->dirs[i].dir))
            return true;
    return false;
}

static ConfigWatch *config_watch_new(Session *session) {
    ConfigWatch *watch = xcalloc(1, sizeof(*watch));
    const StrList *files = &session->config->files;
    watch->session = session;
    arena_init(&watch->arena);
    watch->dirs = arena_alloc(&watch->arena, (files->n + 1) * sizeof(*watch->dirs));
    watch->files.at = arena_alloc(&watch->arena, (files->n + 1) * sizeof(char *));
    for (size_t i = 0; i < files->n; i++)
        watch->files.at[watch->files.n++] = arena_strdup(&watch->arena, files->at[i]);
    for (size_t i = 0; i < files->n; i++)
        if (!is_watched(watch, files->at[i]))
            watch_dir(watch, files->at[i]);
    return watch;
}

ConfigWatch *config_watch_free(ConfigWatch *watch) {
    if (!watch)
        return NULL;
    for (size_t i = 0; i < watch->dir_n; i++)
        file_watch_free(watch->dirs[i].files);
    deferred_free(watch->again);
    arena_deinit(&watch->arena);
    free(watch);
    return NULL;
}

void config_watch_follow(Session *session) {
    ConfigWatch *watch = session->config_watch;
    bool wanted = !session->ci && session->engine->files;
    if (wanted && watch && strlist_same(&watch->files, &session->config->files))
        return;
    config_watch_free(watch);
    session->config_watch = wanted ? config_watch_new(session) : NULL;
}
