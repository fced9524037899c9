/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/git_tree.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

enum { LINE_MAX_BYTES = 64 << 10 };

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *below(const char *dir, const char *name, Arena *arena) {
    return arena_printf(arena, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
}

static const char *resolve(const char *path, Arena *arena) {
    char real[PATH_MAX];
    return realpath(path, real) ? arena_strdup(arena, real) : NULL;
}

/* What a file has, without the line break at its end; NULL: there is none. */
static const char *line_of(const char *path, Arena *arena) {
    char *text;
    size_t n;
    if (file_read(path, LINE_MAX_BYTES, &text, &n, NULL) < 0)
        return NULL;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    const char *line = arena_strndup(arena, text, n);
    free(text);
    return line;
}

/* A path that a file names from `dir`. */
static const char *named(const char *dir, const char *path, Arena *arena) {
    return path[0] == '/' ? path : below(dir, path, arena);
}

/* The git directory of a worktree's top; NULL: `top` is none; "": what it has leads nowhere. */
static const char *git_dir_of(const char *top, Arena *arena) {
    const char *git = below(top, ".git", arena), *line;
    if (!exists(git))
        return NULL;
    if (is_dir(git))
        return exists(below(git, "HEAD", arena)) ? git : NULL;
    line = line_of(git, arena);
    if (!line || !str_starts(line, "gitdir: "))
        return "";
    const char *dir = resolve(named(top, line + strlen("gitdir: "), arena), arena);
    return dir && exists(below(dir, "HEAD", arena)) ? dir : "";
}

bool git_tree_lost(const char *top, Arena *arena) {
    const char *dir = git_dir_of(top, arena);
    return dir && !dir[0];
}

static bool is_bare(const char *dir, Arena *arena) {
    return exists(below(dir, "HEAD", arena)) && is_dir(below(dir, "objects", arena)) &&
           is_dir(below(dir, "refs", arena));
}

static const char *branch_of(const char *dir, Arena *arena) {
    static const char heads[] = "ref: refs/heads/";
    const char *line = line_of(below(dir, "HEAD", arena), arena);
    return line && str_starts(line, heads) ? line + strlen(heads) : "";
}

static void describe(const char *real, const char *top, const char *dir, Arena *arena,
                     GitTree *ret) {
    const char *common = line_of(below(dir, "commondir", arena), arena);
    const char *locked = line_of(below(dir, "locked", arena), arena);
    common = common ? resolve(named(dir, common, arena), arena) : dir;
    size_t n = strlen(top);
    *ret = (GitTree){.top = top,
                     .prefix = real[n] ? real + n + (real[n] == '/') : "",
                     .dir = dir,
                     .common = common ? common : dir,
                     .branch = branch_of(dir, arena),
                     .bare = strcmp(top, dir) == 0,
                     .half_made = locked && strcmp(locked, GIT_HALF_MADE) == 0};
}

int git_tree_of(const char *path, Arena *arena, GitTree *ret, Err *err) {
    const char *real = resolve(path, arena);
    if (!real)
        return err_set(err, ERR_NOT_FOUND, "there is no directory %s", path);
    for (char *top = arena_strdup(arena, real);;) {
        const char *dir = git_dir_of(top, arena);
        if (dir && !dir[0])
            return err_set(err, ERR_INVALID, "%s/.git leads to no git repository", top);
        if (!dir && is_bare(top, arena))
            dir = top;
        if (dir) {
            describe(real, top, dir, arena, ret);
            return 0;
        }
        char *slash = strrchr(top, '/');
        if (!slash || !top[1])
            return err_set(err, ERR_NOT_FOUND, "%s is in no git repository", path);
        slash[slash == top] = '\0';
    }
}

/* `note` is "/r/.git/worktrees/x", whose file gitdir names the ".git" of the worktree. */
static bool is_note_of(const char *note, const char *path, Arena *arena) {
    static const char git[] = "/.git";
    const char *line = line_of(below(note, "gitdir", arena), arena);
    size_t n = line ? strlen(line) : 0;
    if (n <= strlen(git) || strcmp(line + n - strlen(git), git) != 0)
        return false;
    const char *tree = named(note, arena_strndup(arena, line, n - strlen(git)), arena);
    AUTO_FREE char *real = path_resolve_above(tree); /* what is a link itself is no worktree */
    return strcmp(real, path) == 0;
}

bool git_tree_noted(const char *common, const char *path, Arena *arena, const char **ret_locked) {
    const char *notes = below(common, "worktrees", arena), *found = NULL;
    AUTO_FREE char *real = path_resolve(path);
    const struct dirent *entry;
    DIR *dir = opendir(notes);
    while (dir && !found && (entry = readdir(dir))) {
        const char *note = below(notes, entry->d_name, arena);
        found = entry->d_name[0] != '.' && is_note_of(note, real, arena) ? note : NULL;
    }
    if (dir)
        closedir(dir);
    *ret_locked = found ? line_of(below(found, "locked", arena), arena) : NULL;
    return found;
}
