/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/tree_copy.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/compute/beside.h"
#include "engine/compute/compute_inside.h"
#include "loop/worker.h"

enum { PIECE = 64 << 10, SHARED_PIECE = 64 << 20 };

bool tree_copy_stopped(const TreeCopy *copy) {
    return (copy->stop && *copy->stop) || worker_is_leaving();
}

static int told(Err *err, const TreeCopy *copy, const char *path) {
    return tree_copy_stopped(copy)
               ? err_set(err, ERR_CANCELLED, "canceled")
               : err_sys(err, errno, "bring %s from %s to %s", path, copy->from, copy->to);
}

/* ---- a file ---- */

/* In the kernel, which shares the bytes where the file system can; it may end at any of them. */
static void share_bytes(const TreeCopy *copy, int from, int to) {
    while (!tree_copy_stopped(copy) &&
           SYS_RETRY(copy_file_range(from, NULL, to, NULL, SHARED_PIECE, 0)) > 0)
        ;
}

static int copy_bytes(const TreeCopy *copy, int from, int to) {
    char piece[PIECE];
    ssize_t n = 0;
    share_bytes(copy, from, to);
    while (!tree_copy_stopped(copy) && (n = sys_read(from, piece, sizeof(piece))) > 0)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = sys_write(to, piece + done, (size_t)(n - done))) < 0)
                return -1;
    return n < 0 || tree_copy_stopped(copy) ? -1 : 0;
}

/* Whole or not at all; what somebody has made there meanwhile stays. */
static int copy_file(const TreeCopy *copy, int from, int dir, const char *name,
                     const struct stat *st) {
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    Beside beside;
    if (beside_open(dir, &beside) < 0)
        return -1;
    bool done = copy_bytes(copy, from, beside.fd) == 0 &&
                fchmod(beside.fd, st->st_mode & 07777) == 0 && futimens(beside.fd, times) == 0 &&
                (renameat2(dir, beside.name, dir, name, RENAME_NOREPLACE) == 0 || errno == EEXIST);
    beside_close(&beside);
    return done ? 0 : -1;
}

static int link_to(const char *target, int dir, const char *name) {
    return symlinkat(target, dir, name) == 0 || errno == EEXIST ? 0 : -1;
}

static int copy_link(const char *source, int dir, const char *name) {
    char target[PATH_MAX];
    ssize_t n = readlink(source, target, sizeof(target) - 1);
    if (n < 0)
        return -1;
    target[n] = '\0';
    return link_to(target, dir, name);
}

static int bring(const TreeCopy *copy, const char *source, int dir, const char *name,
                 const struct stat *st) {
    if (copy->link)
        return link_to(source, dir, name);
    if (S_ISLNK(st->st_mode))
        return copy_link(source, dir, name);
    AUTO_CLOSE int from = sys_openat(AT_FDCWD, source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
    return from < 0 ? -1 : copy_file(copy, from, dir, name, st);
}

/* ---- a tree ---- */

static int copy_at(TreeCopy *copy, int parent, const char *path, Err *err);

static int copy_children(TreeCopy *copy, const char *source, int parent, const char *path,
                         Err *err) {
    DIR *dir = opendir(source);
    int r = 0;
    if (!dir)
        return told(err, copy, path);
    for (struct dirent *entry; r == 0 && (entry = readdir(dir));) {
        AUTO_FREE char *below = path_join(path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, ".git") != 0 && !beside_is_name(entry->d_name))
            r = copy_at(copy, parent, below, err);
    }
    closedir(dir);
    return r;
}

static int copy_directory(TreeCopy *copy, int parent, const char *path, const struct stat *st,
                          Err *err) {
    AUTO_FREE char *source = path_join(copy->from, path);
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    const char *name = path_base(path);
    bool made = sys_mkdirat(parent, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return told(err, copy, path);
    AUTO_CLOSE int dir = files_open_dir(copy->to, path, err);
    if (dir < 0)
        return -1;
    if (!made)
        beside_sweep(dir);
    if (copy_children(copy, source, dir, path, err) < 0)
        return -1;
    if (made && (fchmodat(parent, name, st->st_mode & 07777, 0) < 0 ||
                 utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0))
        return told(err, copy, path);
    return 0;
}

static int copy_at(TreeCopy *copy, int parent, const char *path, Err *err) {
    AUTO_FREE char *source = path_join(copy->from, path);
    struct stat st, there;
    if (tree_copy_stopped(copy))
        return told(err, copy, path);
    if (path_below(copy->to, source)) /* the tree itself lies in it */
        return 0;
    if (lstat(source, &st) < 0)
        return told(err, copy, path);
    if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode))
        return 0; /* sockets and their like belong to who has made them */
    if (S_ISDIR(st.st_mode) && !copy->link)
        return copy_directory(copy, parent, path, &st, err);
    if (fstatat(parent, path_base(path), &there, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (bring(copy, source, parent, path_base(path), &st) < 0)
        return told(err, copy, path);
    copy->files++;
    return 0;
}

/* Directories above it that are missing are as they are in `from`. */
static int make_above(const TreeCopy *copy, const char *path, Err *err) {
    Err why = {0};
    AUTO_CLOSE int there = files_open_parent(copy->to, path, false, &why);
    if (there >= 0 || why.kind != ERR_NOT_FOUND) /* who opens it says why */
        return 0;
    for (size_t n = strcspn(path, "/"); path[n]; n += 1 + strcspn(path + n + 1, "/")) {
        AUTO_FREE char *above = xasprintf("%.*s", (int)n, path);
        AUTO_FREE char *source = path_join(copy->from, above);
        struct stat st;
        AUTO_CLOSE int parent = files_open_parent(copy->to, above, false, err);
        if (parent < 0)
            return -1;
        if (stat(source, &st) == 0 && sys_mkdirat(parent, path_base(above), 0700) == 0 &&
            fchmodat(parent, path_base(above), st.st_mode & 07777, 0) < 0)
            return told(err, copy, above);
    }
    return 0;
}

int tree_copy(TreeCopy *copy, const char *path, Err *err) {
    AUTO_FREE char *source = path_join(copy->from, path);
    struct stat st;
    if (lstat(source, &st) < 0) /* before directories are made for it */
        return told(err, copy, path);
    if (make_above(copy, path, err) < 0)
        return -1;
    AUTO_CLOSE int parent = files_open_parent(copy->to, path, true, err);
    if (parent < 0)
        return -1;
    beside_sweep(parent);
    return copy_at(copy, parent, path, err);
}

/* ---- is it still as it was brought? ---- */

static bool is_link_to(const char *path, const char *target) {
    char now[PATH_MAX];
    ssize_t n = readlink(path, now, sizeof(now));
    return n == (ssize_t)strlen(target) && memcmp(now, target, (size_t)n) == 0;
}

static bool is_same_link(const char *path, const char *source) {
    char target[PATH_MAX];
    ssize_t n = readlink(source, target, sizeof(target) - 1);
    if (n < 0)
        return false;
    target[n] = '\0';
    return is_link_to(path, target);
}

static bool is_same_file(const char *path, const char *source) {
    struct stat a, b;
    return lstat(path, &a) == 0 && lstat(source, &b) == 0 && S_ISREG(a.st_mode) &&
           S_ISREG(b.st_mode) && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

/* There is room for as many as the next power of two. */
static void add(StrList *list, const char *path, Arena *arena) {
    if ((list->n & (list->n - 1)) == 0) {
        const char **at = arena_alloc(arena, (list->n ? 2 * list->n : 1) * sizeof(*at));
        if (list->n)
            memcpy(at, list->at, list->n * sizeof(*at));
        list->at = at;
    }
    list->at[list->n++] = arena_strdup(arena, path);
}

bool tree_copy_is_same(const TreeCopy *copy, const char *path) {
    AUTO_FREE char *source = path_join(copy->from, path), *own = path_join(copy->to, path);
    return is_link_to(own, source) || is_same_link(own, source) || is_same_file(own, source);
}

static void see_changed(const TreeCopy *copy, const char *path, const struct stat *now,
                        Arena *arena, StrList *ret) {
    int64_t touched_ns = (int64_t)now->st_ctim.tv_sec * 1000000000 + now->st_ctim.tv_nsec;
    if (touched_ns > copy->since_ns && !tree_copy_is_same(copy, path))
        add(ret, path, arena);
}

/* What `from` does not have was not brought. */
static void see_children(const TreeCopy *copy, const char *path, Arena *arena, StrList *ret) {
    AUTO_FREE char *own = path_join(copy->to, path);
    DIR *dir = opendir(own);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        AUTO_FREE char *below = path_join(path, entry->d_name);
        AUTO_FREE char *source = path_join(copy->from, below);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            access(source, F_OK) == 0)
            tree_copy_changed(copy, below, arena, ret);
    }
    if (dir)
        closedir(dir);
}

void tree_copy_changed(const TreeCopy *copy, const char *path, Arena *arena, StrList *ret) {
    AUTO_FREE char *own = path_join(copy->to, path);
    struct stat now;
    if (lstat(own, &now) < 0)
        return;
    if (S_ISDIR(now.st_mode))
        see_children(copy, path, arena, ret);
    else
        see_changed(copy, path, &now, arena, ret);
}
