/* SPDX-License-Identifier: Apache-2.0 */
/* The config that an operation goes by: what the file says. Where that cannot be read any more, an
 * operation that undoes, that a server before has begun, or that tells variables goes by what it
 * said last, which lies beside the events as config.json. How that is undone of which it speaks no
 * more is kept there, too. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/operations/operation_files.h"
#include "spec/config_modes.h"
#include "spec/environment_undoing.h"

#define CONFIG_FILE "config.json"

/* The mode of what is there counts: nobody has to say it again. */
static const char *mode_of(const Operation *operation) {
    const Environment *environment = operation->environment;
    const char *mode = operation->ask.mode, *had = environment->entry.mode;
    if (environment->version && had && *had && !environment->apart)
        mode = arena_strdup((Arena *)&operation->arena, had);
    return mode && *mode ? mode : "local";
}

static bool may_be_old(const OperationAsk *ask) {
    return ask->kind == OPERATION_DELETE || ask->kind == OPERATION_STOP || ask->again ||
           ask->recalls;
}

static const Config *read_last(Operation *operation) {
    AUTO_FREE char *path = path_join(operation->environment->dir, CONFIG_FILE), *text = NULL;
    Arena *arena = &operation->arena;
    size_t size;
    Err err;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, &err) < 0)
        return NULL;
    return config_decode(arena_strndup(arena, text, size), size, arena, &err);
}

/* What it is called may follow from the directory that it was provisioned from. */
static void take_name(Operation *operation) {
    Config *config = arena_dup(&operation->arena, operation->config, sizeof(*config));
    config->name = operation->manifest->project_name;
    operation->config = config;
}

/* Of what no store knows nothing is ever undone. */
static void keep_undoing(Operation *operation, const EnvironmentEntry *entry) {
    if (operation->keeper->leased && operation->said.now && operation->said.last)
        operation->config = environment_undoing(operation->said.now, operation->said.last, entry,
                                                &operation->arena);
}

void operation_keep_undoing(Operation *operation) {
    keep_undoing(operation, &operation->entry);
}

int operation_check_undoing(Operation *operation, Err *err) {
    Arena *arena = &operation->arena;
    const char *unknown = environment_undoing_unknown(operation->config, &operation->entry, arena);
    if (operation->ask.kind != OPERATION_DELETE || !unknown)
        return 0;
    if (!operation->ask.force)
        return err_set(err, ERR_CONFLICT,
                       "%s no longer says how this is undone: %s; put it back, or delete with "
                       "--force, which leaves what was made",
                       path_base(operation->ask.file), unknown);
    operation_add_remains(operation,
                          arena_printf(arena,
                                       "what was made by this was left, for nobody knows how it is "
                                       "undone: %s",
                                       unknown));
    return 0;
}

/* Without the overlay that it was made with it would be another environment. NULL: it is there, or
 * there never was one. */
static const char *gone_overlay(const Operation *operation) {
    const Config *last = operation->said.last;
    if (!last || !operation->environment->version)
        return NULL;
    const char *overlay =
        config_overlay_path(last->file, operation->ask.mode, (Arena *)&operation->arena);
    for (size_t i = 0; i < last->files.n && i < last->digests.n; i++)
        if (strcmp(last->files.at[i], overlay) == 0 && *last->digests.at[i])
            return access(overlay, F_OK) < 0 ? overlay : NULL;
    return NULL;
}

int operation_read_config(Operation *operation, Report *report, Err *err) {
    OperationAsk *ask = &operation->ask;
    ask->mode = mode_of(operation);
    operation->config = config_load(
        &(ConfigAsk){
            .file = ask->file, .client = &ask->client->env, .mode = ask->mode, .environment = true},
        &operation->arena, report);
    operation->said.last = read_last(operation);
    const char *gone = gone_overlay(operation);
    if (gone)
        operation->config = NULL;
    operation->said.now = operation->config;
    if (!operation->config && may_be_old(ask))
        operation->config = operation->said.last;
    keep_undoing(operation, NULL);
    if (operation->config && operation->manifest)
        take_name(operation);
    if (operation->config)
        return 0;
    if (gone)
        return err_set(err, ERR_INVALID,
                       "environment '%s' was made with %s, which is gone: put it back, or an empty "
                       "file if nothing differs in mode %s any more",
                       operation->environment->entry.name, gone, ask->mode);
    return err_set(err, ERR_INVALID, "%s %s", ask->file,
                   access(ask->file, F_OK) == 0 ? "is not valid" : "does not exist");
}

/* To replace a file by itself is to wait for the disk. */
static bool is_saved(const char *path, const Buf *buf) {
    AUTO_FREE char *text = NULL;
    size_t size;
    return file_read(path, MAX_STATE_BYTES, &text, &size, NULL) == 0 && size == buf->n &&
           memcmp(text, buf->p, size) == 0;
}

/* Who looks for what is nobody's with another store sees whose it is. */
static int note_store(const Operation *operation, Err *err) {
    const char *store = operation->engine->options.store_file;
    AUTO_FREE char *path = path_join(operation->environment->dir, ENVIRONMENT_STORE), *text = NULL;
    if (!store || !operation->keeper->leased ||
        (file_read(path, PATH_MAX, &text, NULL, NULL) == 0 && strcmp(text, store) == 0))
        return 0;
    return file_write_atomic(path, store, strlen(store), 0600, false, err);
}

int operation_save_config(const Operation *operation, Err *err) {
    AUTO_FREE char *path = path_join(operation->environment->dir, CONFIG_FILE);
    Buf buf;
    JsonWriter out;
    if (path_mkdirs(operation->environment->dir, 0700, err) < 0 || note_store(operation, err) < 0)
        return -1;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    config_encode(operation->config, false, &out);
    int r = is_saved(path, &buf) ? 0 : file_write_buf(path, &buf, 0600, err);
    buf_deinit(&buf);
    return r;
}
