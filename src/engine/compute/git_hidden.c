/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/git_hidden.h"

#include <string.h>
#include <sys/stat.h>

enum { AT_ONCE = 512 }; /* paths on a command line, which has its limit */

static bool is_file(const char *top, const char *path, Arena *arena) {
    struct stat st;
    return lstat(arena_printf(arena, "%s/%s", top, path), &st) == 0 && S_ISREG(st.st_mode);
}

/* "H a" is one that git looks at; "S a": --skip-worktree, small letters: --assume-unchanged. */
static int list_hidden(const char *top, const StrMap *env, Arena *arena, StrList *ret, Err *err) {
    static const char *const options[] = {"-v", NULL}, *all[] = {"."};
    StrList files;
    if (compute_git_files(&(GitAsk){top, env, options, NULL}, &(StrList){all, 1}, arena, &files,
                          err) < 0)
        return -1;
    ret->at = arena_alloc(arena, (files.n + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < files.n; i++) {
        const char *file = files.at[i];
        bool hidden = *file == 'S' || (*file >= 'a' && *file <= 'z');
        if (hidden && is_file(top, file + 2, arena))
            ret->at[ret->n++] = file + 2;
    }
    return 0;
}

/* The objects that the files would be, a line each. `at`: where git is asked. */
static int hash(GitAsk at, const StrList *paths, Arena *arena, ToolDone *ret, Err *err) {
    const char **words = arena_alloc(arena, (paths->n + 3) * sizeof(*words));
    words[0] = "hash-object";
    words[1] = "--";
    memcpy(words + 2, paths->at, paths->n * sizeof(*words));
    words[paths->n + 2] = NULL;
    at.words = words;
    return compute_git(&at, arena, ret, err);
}

/* "100644 7898… 0<tab>a" of the index. */
static const char *object_of(const char *entry) {
    const char *id = strchr(entry, ' ');
    return id ? id + 1 : "";
}

/* The index is in the order of its paths, and so is the list that was made from it. */
static int compare(const GitAsk *ask, const StrList *paths, Arena *arena, StrList *ret, Err *err) {
    StrList index;
    ToolDone now;
    if (compute_git_files(ask, paths, arena, &index, err) < 0 ||
        hash(*ask, paths, arena, &now, err) < 0)
        return -1;
    const char *id = now.out;
    for (size_t i = 0; i < paths->n && i < index.n && *id; i++) {
        size_t n = strcspn(id, "\n");
        if (strncmp(object_of(index.at[i]), id, n) != 0)
            ret->at[ret->n++] = paths->at[i];
        id += n + (id[n] == '\n');
    }
    return 0;
}

int git_hidden_changes(const char *top, const StrMap *env, Arena *arena, StrList *ret, Err *err) {
    static const char *const options[] = {"-s", NULL};
    const GitAsk ask = {top, env, options, NULL};
    StrList paths = {0};
    *ret = (StrList){0};
    if (list_hidden(top, env, arena, &paths, err) < 0)
        return -1;
    ret->at = arena_alloc(arena, (paths.n + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < paths.n; i += AT_ONCE) {
        size_t left = paths.n - i;
        const StrList some = {paths.at + i, left < AT_ONCE ? left : AT_ONCE};
        if (compare(&ask, &some, arena, ret, err) < 0)
            return -1;
    }
    return 0;
}
