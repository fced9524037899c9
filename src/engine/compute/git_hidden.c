/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/git_hidden.h"

#include <string.h>
#include <sys/stat.h>

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
int git_hidden_changes(const char *top, const StrMap *env, Arena *arena, StrList *ret, Err *err) {
    static const char *const options[] = {"-s", NULL};
    StrList paths = {0}, index;
    const GitAsk ask = {top, env, options, NULL};
    ToolDone now;
    *ret = (StrList){0};
    if (list_hidden(top, env, arena, &paths, err) < 0)
        return -1;
    if (paths.n == 0)
        return 0;
    if (compute_git_files(&ask, &paths, arena, &index, err) < 0 ||
        hash(ask, &paths, arena, &now, err) < 0)
        return -1;
    ret->at = arena_alloc(arena, paths.n * sizeof(*ret->at));
    const char *id = now.out;
    for (size_t i = 0; i < paths.n && i < index.n && *id; i++) {
        size_t n = strcspn(id, "\n");
        if (strncmp(object_of(index.at[i]), id, n) != 0)
            ret->at[ret->n++] = paths.at[i];
        id += n + (id[n] == '\n');
    }
    return 0;
}
