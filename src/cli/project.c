/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/project.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "spec/foreign/process_compose_names.h"

enum { SETTINGS_BYTES = 256 * 1024 };

static bool there(const char *path) {
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static char *first_of(const char *dir, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *path = path_join(dir, names[i]);
        if (there(path))
            return TAKE(path);
    }
    return NULL;
}

static char *find_own(const char *dir) {
    static const char *const names[] = {"thole.yaml", "previewctl.yaml"};
    return first_of(dir, names, COUNT(names));
}

/* ---- files of other tools ---- */

/* Has the file a line that begins so? */
static char *line_of(const char *path, const char *begin) {
    AUTO_FREE char *text = NULL;
    if (file_read(path, MAX_CONFIG_BYTES, &text, NULL, NULL) < 0)
        return NULL;
    for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (str_starts(at, begin))
            return xstrndup(at, strcspn(at, "\r\n"));
    return NULL;
}

/* A compose.yaml is mostly one of Docker's, with `services:`. */
static bool has_processes(const char *path) {
    AUTO_FREE char *line = line_of(path, "processes:");
    return line != NULL;
}

static char *find_process_compose(const char *dir) {
    for (size_t i = 0; i < PC_NAMES; i++) {
        AUTO_FREE char *path = path_join(dir, pc_names[i]);
        if (there(path) && (i >= PC_COMPOSE_NAMES || has_processes(path)))
            return TAKE(path);
    }
    return NULL;
}

static char *find_compose(const char *dir) {
    return first_of(dir, pc_names, PC_COMPOSE_NAMES);
}

/* OVERMIND_PROCFILE, from the environment or .overmind.env; foreman and overmind take no other name
 * by themselves. */
static char *find_procfile(const char *dir) {
    static const char *const names[] = {"Procfile"};
    AUTO_FREE char *settings = path_join(dir, ".overmind.env");
    AUTO_FREE char *line = line_of(settings, "OVERMIND_PROCFILE=");
    const char *named = line ? strchr(line, '=') + 1 : getenv("OVERMIND_PROCFILE");
    if (named && *named) {
        AUTO_FREE char *path = path_join(dir, named);
        if (there(path))
            return TAKE(path);
    }
    return first_of(dir, names, COUNT(names));
}

static char *find_foreign(const char *dir) {
    char *found = find_process_compose(dir);
    return found ? found : find_procfile(dir);
}

/* ---- upwards ---- */

static char *search(const char *from, char *(*look)(const char *dir)) {
    AUTO_FREE char *dir = xstrdup(from);
    for (;;) {
        char *found = look(dir[0] ? dir : "/");
        char *slash = strrchr(dir, '/');
        if (found || !slash || !dir[0])
            return found;
        *slash = '\0';
    }
}

char *project_find(const char *from, Err *err) {
    char *found = search(from, find_own);
    if (!found)
        found = search(from, find_foreign);
    if (found)
        return found;
    AUTO_FREE char *compose = search(from, find_compose);
    err_set(err, ERR_NOT_FOUND,
            "there is no thole.yaml in %s or above%s; `thole init` writes one, --file names "
            "another",
            from,
            compose ? ", and the compose.yaml is one of Docker's, which thole does not run" : "");
    return NULL;
}

/* ---- a file that is gone ---- */

/* What `.thole/state.json` says of its config file, if that belongs beside it. */
static char *traced(const char *dir) {
    Arena arena;
    Err err;
    const Value *state;
    size_t size;
    char *found = NULL;
    AUTO_FREE char *path = xasprintf("%s/.thole/state.json", dir);
    AUTO_FREE char *text = NULL;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, &err) < 0)
        return NULL;
    arena_init(&arena);
    const char *file = json_parse(text, size, &arena, &state, &err) == 0
                           ? value_get_str(state, "config_path")
                           : NULL;
    AUTO_FREE char *of = path_dir(file ? file : "");
    if (file && strcmp(of, *dir ? dir : "/") == 0 && access(file, F_OK) < 0)
        found = xstrdup(file);
    arena_deinit(&arena);
    return found;
}

char *project_vanished(const char *from) {
    AUTO_FREE char *dir = xstrdup(from);
    for (;;) {
        char *found = traced(dir);
        char *slash = strrchr(dir, '/');
        if (found || !slash || !dir[0])
            return found;
        *slash = '\0';
    }
}
