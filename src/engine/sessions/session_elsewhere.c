/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sessions/session_elsewhere.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/sessions/stopped.h"
#include "pin/wire.h"

typedef struct Look {
    const char *own, *path;
    Arena *arena;
    const char *found;
} Look;

/* The directory of a run, as a pin holds it: "<state>/sessions/<slug>/runs/<target>/<n>". What it
 * may not look at, or is no pin, is at none. */
static bool look_at(void *arg, pid_t pid) {
    Look *look = arg;
    char link[64], dir[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, WIRE_PIN_DIR);
    ssize_t n = readlink(link, dir, sizeof(dir) - 1);
    dir[n > 0 ? n : 0] = '\0';
    char *end = strstr(dir, "/sessions/");
    if (dir[0] != '/' || !end)
        return false;
    *end = '\0';
    if (strcmp(dir, look->own) == 0 || !stopped_any_runs_below(dir, look->path))
        return false;
    look->found = arena_strdup(look->arena, dir);
    return true;
}

const char *session_elsewhere(const char *state_dir, const char *path, Arena *arena) {
    AUTO_FREE char *own = path_resolve(state_dir), *real = path_resolve(path);
    Look look = {.own = own, .path = real, .arena = arena};
    process_each(look_at, &look);
    return look.found;
}

/* Where the server of the state directory listens, or has listened last. Owned; NULL: unknown. */
static char *runtime_dir(const char *state_dir) {
    AUTO_FREE char *lock = path_join(state_dir, SERVER_LOCK), *socket = NULL;
    if (file_read(lock, PATH_MAX, &socket, NULL, NULL) < 0 || !strchr(socket, '/'))
        return NULL;
    return path_dir(socket);
}

/* A runtime directory is of one server at a time. */
const char *session_elsewhere_vars(const char *state_dir, const char *there, Arena *arena) {
    AUTO_FREE char *own = runtime_dir(state_dir), *dir = runtime_dir(there);
    return arena_printf(arena, "THOLE_RUNTIME_DIR=%s THOLE_STATE_DIR=%s",
                        dir && !str_same(dir, own) ? dir : "$(mktemp -d)", there);
}
