/* SPDX-License-Identifier: Apache-2.0 */
/* First line: a glob; second: a path; the rest: a .gitignore. */
#include "fuzz/fuzz.h"

#include "base/arena.h"
#include "base/glob.h"
#include "base/ignore.h"

#include <string.h>

enum { PATH_MOST = 512 };

/* What matches must be reached: every directory above it is entered. */
static void check_parents(const GlobSet *set, char *path) {
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (!glob_set_enters(set, path))
            __builtin_trap();
    }
}

static char *take_line(char **at) {
    char *line = *at, *end = line + strcspn(line, "\n");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Err err = {0};
    arena_init(&arena);
    char *at = arena_strndup(&arena, (const char *)data, size);
    const char *glob = take_line(&at);
    char *path = take_line(&at);
    GlobSet *set = glob_set_new(&glob, 1, &err);
    if (!set && !err.msg[0])
        __builtin_trap(); /* refused without saying why */
    if (!set == (glob_check(glob, &err) == 0))
        __builtin_trap();
    if (strlen(path) < PATH_MOST && *path && *path != '/' && !strstr(path, "//")) {
        IgnoreFrom from = {.dir = ""};
        Ignore *ignore = ignore_parse(at, strlen(at), &from);
        ignore_look(ignore, path, false);
        ignore_free(ignore);
        if (set && glob_set_match(set, path))
            check_parents(set, path);
    }
    glob_set_free(set);
    arena_deinit(&arena);
    return 0;
}
