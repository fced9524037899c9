/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/workflow_home.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"

#define SHARED "home"
#define HOMES  "homes"
#define NETRC  ".netrc"

enum { NETRC_MAX = 1 << 20 };

int homes_make(const char *task_dir, Err *err) {
    AUTO_FREE char *shared = path_join(task_dir, SHARED);
    return path_mkdirs(shared, 0700, err);
}

bool homes_exist(const char *task_dir) {
    AUTO_FREE char *shared = path_join(task_dir, SHARED);
    AUTO_FREE char *homes = path_join(task_dir, HOMES);
    struct stat st;
    return lstat(shared, &st) == 0 || lstat(homes, &st) == 0;
}

int homes_remove(const char *task_dir, Err *err) {
    AUTO_FREE char *shared = path_join(task_dir, SHARED);
    AUTO_FREE char *homes = path_join(task_dir, HOMES);
    return path_remove_tree(shared, err) < 0 ? -1 : path_remove_tree(homes, err);
}

/* NULL: it has none. */
static const char *credentials(const Step *step, Arena *arena) {
    const char *machine = strmap_get(&step->environment, "CI_NETRC_MACHINE");
    const char *login = strmap_get(&step->environment, "CI_NETRC_USERNAME");
    const char *password = strmap_get(&step->environment, "CI_NETRC_PASSWORD");
    if (!machine || !*machine)
        return NULL;
    return arena_printf(arena, "machine %s\nlogin %s\npassword %s\n", machine, login ? login : "",
                        password ? password : "");
}

/* A step may have changed it: then it is another. */
static bool holds(const char *path, const char *text) {
    AUTO_FREE char *found = NULL;
    return file_read(path, NETRC_MAX, &found, NULL, NULL) == 0 && strcmp(found, text) == 0;
}

/* The first home with these credentials, else a new one: one without any was theirs who removed
 * them, and may still be at work. */
static const char *home_with(const char *text, const char *task_dir, Arena *arena, Err *err) {
    const char *homes = arena_printf(arena, "%s/" HOMES, task_dir);
    if (path_mkdirs(homes, 0700, err) < 0)
        return NULL;
    for (unsigned i = 1;; i++) {
        const char *home = arena_printf(arena, "%s/%u", homes, i);
        const char *path = arena_printf(arena, "%s/" NETRC, home);
        if (mkdir(home, 0700) == 0)
            return file_write_atomic(path, text, strlen(text), 0600, false, err) < 0 ? NULL : home;
        if (errno != EEXIST) {
            err_sys(err, errno, "make %s", home);
            return NULL;
        }
        if (holds(path, text))
            return home;
    }
}

const char *step_home(const Step *step, const char *task_dir, Arena *arena, Err *err) {
    const char *text = credentials(step, arena);
    return text ? home_with(text, task_dir, arena, err)
                : arena_printf(arena, "%s/" SHARED, task_dir);
}
