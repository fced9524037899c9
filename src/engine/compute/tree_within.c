/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/tree_within.h"

#include <errno.h>
#include <fts.h>
#include <mntent.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

enum { LINE_BYTES = 64 << 10 };

typedef struct Found {
    Arena *arena;
    StrList *list;
    size_t cap, skip; /* bytes of each path that are those of the top, and its slash */
} Found;

static void add(Found *found, const char *path, size_t n) {
    StrList *list = found->list;
    list->at = arena_grow(found->arena, list->at, list->n, &found->cap, sizeof(*list->at));
    list->at[list->n++] = arena_strndup(found->arena, path + found->skip, n - found->skip);
}

static Found begin(const char *top, Arena *arena, StrList *list) {
    *list = (StrList){0};
    return (Found){.arena = arena, .list = list, .skip = top[1] ? strlen(top) + 1 : 1};
}

/* ---- mounts ---- */

int tree_mounts(const char *top, Arena *arena, StrList *ret, Err *err) {
    FILE *file = setmntent("/proc/self/mounts", "re");
    Found found = begin(top, arena, ret);
    char *line = arena_alloc(arena, LINE_BYTES);
    struct mntent entry;
    if (!file)
        return err_sys(err, errno, "/proc/self/mounts");
    while (getmntent_r(file, &entry, line, LINE_BYTES))
        if (strcmp(entry.mnt_dir, top) != 0 && path_below(entry.mnt_dir, top))
            add(&found, entry.mnt_dir, strlen(entry.mnt_dir));
    endmntent(file);
    return 0;
}

/* ---- submodules ---- */

enum { IS_REPOSITORY = 1 }; /* FTSENT.fts_number */

static bool is_repository(const char *dir, Arena *arena) {
    return access(arena_printf(arena, "%s/HEAD", dir), F_OK) == 0 &&
           access(arena_printf(arena, "%s/objects", dir), F_OK) == 0;
}

int tree_modules(const GitTree *tree, Arena *arena, StrList *ret, Err *err) {
    char *paths[] = {arena_printf(arena, "%s/modules", tree->dir), NULL};
    Found found = begin(paths[0], arena, ret);
    if (access(paths[0], F_OK) < 0)
        return 0;
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        return err_sys(err, errno, "%s", paths[0]);
    for (FTSENT *entry; (entry = fts_read(walk));) {
        bool inside = entry->fts_parent->fts_number == IS_REPOSITORY;
        if (entry->fts_info != FTS_D || entry->fts_level == 0)
            continue;
        if (inside && strcmp(entry->fts_name, "modules") != 0) {
            fts_set(walk, entry, FTS_SKIP);
        } else if (is_repository(entry->fts_path, arena)) {
            entry->fts_number = IS_REPOSITORY;
            add(&found, entry->fts_path, entry->fts_pathlen);
        }
    }
    fts_close(walk);
    return 0;
}

/* ---- repositories ---- */

/* `entry` is the first that is seen of what makes a directory a bare repository. */
static bool is_bare(const FTSENT *entry, const char *dir, Arena *arena) {
    return entry->fts_info == FTS_F && strcmp(entry->fts_name, "HEAD") == 0 &&
           is_repository(dir, arena) && access(arena_printf(arena, "%s/refs", dir), F_OK) == 0;
}

/* Worktrees and submodules of a repository have their directories in that of the repository. */
static void sort_in(const GitTree *tree, const char *path, Found *others, Found *modules) {
    GitTree at;
    Err unused; /* it leads nowhere: these are files as any */
    if (git_tree_of(path, others->arena, &at, &unused) < 0 || at.prefix[0])
        return;
    const char *own = arena_printf(others->arena, "%s/modules", tree->dir);
    if (!path_below(at.dir, tree->common))
        add(others, path, strlen(path));
    else if (path_below(at.dir, own))
        add(modules, path, strlen(path));
}

int tree_repositories(const GitTree *tree, Arena *arena, StrList *ret, StrList *ret_modules,
                      Err *err) {
    char *paths[] = {arena_strdup(arena, tree->top), NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    Found others = begin(tree->top, arena, ret), modules = begin(tree->top, arena, ret_modules);
    if (!walk)
        return err_sys(err, errno, "%s", tree->top);
    for (FTSENT *entry; (entry = fts_read(walk));) {
        bool git = strcmp(entry->fts_name, ".git") == 0;
        if (entry->fts_info == FTS_DP || (!git && strcmp(entry->fts_name, "HEAD") != 0))
            continue;
        if (git && entry->fts_info == FTS_D)
            fts_set(walk, entry, FTS_SKIP);
        size_t n = entry->fts_pathlen - entry->fts_namelen - 1;
        const char *path = arena_strndup(arena, entry->fts_path, n);
        if (entry->fts_level > 1 && (git || is_bare(entry, path, arena)))
            sort_in(tree, path, &others, &modules);
    }
    fts_close(walk);
    return 0;
}
