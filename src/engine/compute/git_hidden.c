/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/git_hidden.h"

#include <string.h>
#include <sys/stat.h>

typedef struct Hidden {
    const char *top;
    const StrMap *env;
    Arena *arena;
    StrList paths;
} Hidden;

static int git(const Hidden *h, const char *const *words, const StrList *paths, ToolDone *ret,
               Err *err) {
    const StrList fixed = compute_words(words, h->arena);
    const char **all = arena_alloc(h->arena, (fixed.n + paths->n + 1) * sizeof(*all));
    memcpy(all, fixed.at, fixed.n * sizeof(*all));
    if (paths->n)
        memcpy(all + fixed.n, paths->at, paths->n * sizeof(*all));
    all[fixed.n + paths->n] = NULL;
    return compute_git(&(GitAsk){h->top, h->env, all, NULL}, h->arena, ret, err);
}

static bool is_file(const Hidden *h, const char *path) {
    struct stat st;
    return lstat(arena_printf(h->arena, "%s/%s", h->top, path), &st) == 0 && S_ISREG(st.st_mode);
}

/* "H a" is one that git looks at; "S": --skip-worktree, small letters: --assume-unchanged. */
static int list(Hidden *h, Err *err) {
    static const char *const words[] = {"ls-files", "-v", "-z", NULL};
    size_t cap = 0;
    ToolDone done;
    if (git(h, words, &(StrList){0}, &done, err) < 0)
        return -1;
    const char *end = done.out + done.out_n;
    for (const char *at = done.out; at + 2 < end; at += strlen(at) + 1) {
        bool hidden = *at == 'S' || (*at >= 'a' && *at <= 'z');
        if (!hidden || !is_file(h, at + 2))
            continue;
        h->paths.at = arena_grow(h->arena, h->paths.at, h->paths.n, &cap, sizeof(*h->paths.at));
        h->paths.at[h->paths.n++] = at + 2;
    }
    return 0;
}

/* "100644 7898… 0<tab>a" of the index, in the order of its paths, which is that of the list. */
static const char *object_of(const char *entry) {
    const char *id = strchr(entry, ' ');
    return id ? id + 1 : "";
}

int git_hidden_changes(const char *top, const StrMap *env, Arena *arena, StrList *ret, Err *err) {
    static const char *const index[] = {"--literal-pathspecs", "ls-files", "-s", "-z", "--", NULL};
    static const char *const hash[] = {"hash-object", "--", NULL};
    Hidden h = {.top = top, .env = env, .arena = arena};
    ToolDone before, now;
    *ret = (StrList){0};
    if (list(&h, err) < 0)
        return -1;
    if (h.paths.n == 0)
        return 0;
    if (git(&h, index, &h.paths, &before, err) < 0 || git(&h, hash, &h.paths, &now, err) < 0)
        return -1;
    ret->at = arena_alloc(arena, h.paths.n * sizeof(*ret->at));
    const char *entry = before.out, *id = now.out;
    for (size_t i = 0; i < h.paths.n && *entry && *id; i++) {
        size_t n = strcspn(id, "\n");
        if (strncmp(object_of(entry), id, n) != 0)
            ret->at[ret->n++] = h.paths.at[i];
        entry += strlen(entry) + 1;
        id += n + (id[n] == '\n');
    }
    return 0;
}
