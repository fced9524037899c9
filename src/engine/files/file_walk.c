/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/files/file_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"

enum { MAX_IGNORE_BYTES = 1 << 20 };

typedef struct Walker {
    const Walk *walk;
    size_t files, dirs;
    int depth;
} Walker;

bool walk_wants(const WalkSet *set, const WalkUse *use, const IgnoreAt *at, const char *path) {
    if (!glob_set_match(set->globs, path) || ignore_look(set->ignore, path, false) == IGNORED)
        return false;
    if (glob_set_names(set->globs, path))
        return true;
    const char *name = path_base(path);
    return !ignore_always(name) && !ignore_dropping(name) &&
           (use->all || !ignore_says(at, path, false));
}

bool walk_enters(const WalkSet *set, const WalkUse *use, const IgnoreAt *at, const char *path,
                 bool *ret_all) {
    *ret_all = use->all;
    if (!glob_set_enters(set->globs, path) || ignore_look(set->ignore, path, true) == IGNORED)
        return false;
    bool named = *path && glob_set_names(set->globs, path);
    const char *name = path_base(path);
    if (!named && (ignore_always(name) || ignore_dropping(name)))
        return false;
    bool ignored = !use->all && ignore_says(at, path, true);
    *ret_all = use->all || ignored;
    return !ignored || named;
}

/* ---- .gitignore files ---- */

static Ignore *read_rules(const char *path, const IgnoreFrom *from) {
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(path, MAX_IGNORE_BYTES, &text, &size, NULL) < 0)
        return from->outer;
    return ignore_parse(text, size, from);
}

/* The directory that holds `info/exclude`: .git, or where the file .git of a worktree leads to. */
static char *git_dir(const char *top) {
    AUTO_FREE char *git = path_join(top, ".git");
    AUTO_FREE char *text = NULL;
    struct stat st;
    if (stat(git, &st) < 0)
        return NULL;
    if (S_ISDIR(st.st_mode) || file_read(git, PATH_MAX, &text, NULL, NULL) < 0 ||
        !str_starts(text, "gitdir: "))
        return xstrdup(git);
    text[strcspn(text, "\n")] = '\0';
    AUTO_FREE char *own = path_join(top, text + strlen("gitdir: "));
    AUTO_FREE char *link = path_join(own, "commondir");
    AUTO_FREE char *common = NULL;
    if (file_read(link, PATH_MAX, &common, NULL, NULL) < 0)
        return xstrdup(own);
    common[strcspn(common, "\n")] = '\0';
    return path_join(own, common);
}

/* The repository that the root is in: the length of its path; 0: it is in none. */
static size_t repository(const char *root) {
    AUTO_FREE char *path = xstrdup(root);
    for (;;) {
        AUTO_FREE char *git = path_join(*path ? path : "/", ".git");
        if (access(git, F_OK) == 0)
            return *path ? strlen(path) : 1;
        char *slash = strrchr(path, '/');
        if (!slash)
            return 0;
        *slash = '\0';
    }
}

/* Rules from outside of the root, the innermost first. */
static Ignore *rules_above(const char *root) {
    size_t top_n = repository(root), n = strlen(root);
    if (!top_n)
        return NULL;
    AUTO_FREE char *top = xstrndup(root, top_n);
    AUTO_FREE char *git = git_dir(top);
    AUTO_FREE char *exclude = git ? path_join(git, "info/exclude") : NULL;
    const char *above = root + top_n + (root[top_n] == '/');
    IgnoreFrom from = {.dir = "", .above = above};
    Ignore *rules = exclude ? read_rules(exclude, &from) : NULL;
    for (size_t at = top_n; at < n;) { /* root[0, at) is a directory above it */
        AUTO_FREE char *dir = xstrndup(root, at);
        AUTO_FREE char *path = path_join(dir, ".gitignore");
        from = (IgnoreFrom){.outer = rules, .dir = "", .above = root + at + (root[at] == '/')};
        rules = read_rules(path, &from);
        at += 1 + strcspn(root + at + 1, "/");
    }
    return rules;
}

/* ---- the walk ---- */

/* Towards what is asked for, or below it. */
static bool on_the_way(const Walk *walk, const char *path) {
    const char *only = walk->only;
    if (!only || !*only || !*path)
        return true;
    return path_below(path, only) || path_below(only, path);
}

static bool told(const Walk *walk, const char *path) {
    return !walk->only || !*walk->only || path_below(path, walk->only);
}

static int walk_dir(Walker *w, WalkDir *dir, Err *err);

/* The directory `path` below `dir`: who has something to look for there? */
static int enter(Walker *w, const WalkDir *dir, const char *path, const char *full, Err *err) {
    const Walk *walk = w->walk;
    AUTO_FREE WalkUse *uses = xcalloc(dir->n + 1, sizeof(*uses));
    WalkDir inner = {.outer = dir, .path = path, .full = full, .uses = uses};
    inner.at.outer = &dir->at;
    for (size_t i = 0; i < dir->n; i++) {
        WalkUse use = {.set = dir->uses[i].set};
        if (walk_enters(&walk->sets[use.set], &dir->uses[i], &dir->at, path, &use.all))
            uses[inner.n++] = use;
    }
    return inner.n ? walk_dir(w, &inner, err) : 0;
}

static bool any_names(const Walk *walk, const WalkDir *dir, const char *path) {
    for (size_t i = 0; i < dir->n; i++)
        if (glob_set_names(walk->sets[dir->uses[i].set].globs, path))
            return true;
    return false;
}

static int file(Walker *w, const WalkDir *dir, const char *path, const struct stat *st, Err *err) {
    const Walk *walk = w->walk;
    if (!told(walk, dir->path))
        return 0;
    for (size_t i = 0; i < dir->n; i++) {
        const WalkSet *set = &walk->sets[dir->uses[i].set];
        if (!walk_wants(set, &dir->uses[i], &dir->at, path))
            continue;
        if (++w->files > MAX_WALK_FILES)
            return err_set(err, ERR_LIMIT, "there are more than %d files", MAX_WALK_FILES);
        walk->on_file(walk->arg, dir, path, st);
        break;
    }
    return 0;
}

static int look_at(Walker *w, const WalkDir *dir, int fd, const char *name, Err *err) {
    AUTO_FREE char *path = *dir->path ? path_join(dir->path, name) : xstrdup(name);
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    bool link = S_ISLNK(st.st_mode);
    if (link && fstatat(fd, name, &st, 0) < 0)
        return 0;
    if (!S_ISDIR(st.st_mode))
        return S_ISREG(st.st_mode) ? file(w, dir, path, &st, err) : 0;
    if (!on_the_way(w->walk, path) || (link && !any_names(w->walk, dir, path)))
        return 0;
    AUTO_FREE char *full = path_join(dir->full, name);
    return enter(w, dir, path, full, err);
}

static int read_dir(Walker *w, const WalkDir *dir, Err *err) {
    DIR *entries = opendir(dir->full);
    int r = 0;
    for (struct dirent *entry; entries && r == 0 && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, ".git") != 0)
            r = look_at(w, dir, dirfd(entries), entry->d_name, err);
    if (entries)
        closedir(entries);
    return r;
}

static int walk_dir(Walker *w, WalkDir *dir, Err *err) {
    const Walk *walk = w->walk;
    if (w->depth >= MAX_WALK_DEPTH) /* links can lead in circles */
        return 0;
    if (++w->dirs > MAX_WALK_DIRS)
        return err_set(err, ERR_LIMIT, "there are more than %d directories", MAX_WALK_DIRS);
    AUTO_FREE char *rules = path_join(dir->full, ".gitignore");
    IgnoreFrom from = {.dir = dir->path, .outer = *dir->path ? NULL : rules_above(walk->root)};
    dir->at.ignore = read_rules(rules, &from);
    bool kept = told(walk, dir->path) && walk->on_dir && walk->on_dir(walk->arg, dir);
    w->depth++;
    int r = read_dir(w, dir, err);
    w->depth--;
    if (!kept)
        ignore_free(dir->at.ignore);
    return r;
}

int file_walk(const Walk *walk, Err *err) {
    Walker w = {.walk = walk};
    AUTO_FREE WalkUse *uses = xcalloc(walk->n + 1, sizeof(*uses));
    WalkDir root = {.path = "", .full = walk->root, .uses = uses};
    struct stat st;
    for (size_t i = 0; i < walk->n; i++)
        if (glob_set_enters(walk->sets[i].globs, ""))
            uses[root.n++] = (WalkUse){.set = i, .all = walk->sets[i].all};
    if (!root.n || stat(walk->root, &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    return walk_dir(&w, &root, err);
}
