/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

char *path_join(const char *dir, const char *name) {
    if (name[0] == '/' || !dir[0])
        return xstrdup(name);
    size_t n = strlen(dir);
    return xasprintf("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_dir(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

char *path_resolve(const char *path) {
    char *real = path[0] == '/' ? realpath(path, NULL) : NULL;
    const char *name = path_base(path);
    if (real || path[0] != '/')
        return real ? real : xstrdup(path);
    AUTO_FREE char *dir = path_dir(path), *above = path_resolve(dir);
    if (!name[0] || strcmp(name, ".") == 0)
        return TAKE(above);
    return strcmp(name, "..") == 0 ? path_dir(above) : path_join(above, name);
}

char *path_resolve_above(const char *path) {
    AUTO_FREE char *dir = path_dir(path), *real = path_resolve(dir);
    return path_join(real, path_base(path));
}

bool path_below(const char *path, const char *dir) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (strncmp(path, dir, n) != 0)
        return false;
    return n == 1 || path[n] == '\0' || path[n] == '/';
}

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int path_mkdirs(const char *path, mode_t mode, Err *err) {
    if (is_dir(path) || mkdir(path, mode) == 0) /* mostly it alone is missing */
        return 0;
    if (!path[0])
        return err_set(err, ERR_INVALID, "the path of a directory is empty");
    AUTO_FREE char *copy = xstrdup(path);
    for (char *at = copy + 1;; at++) {
        if (*at && *at != '/')
            continue;
        char saved = *at;
        *at = '\0';
        int number = mkdir(copy, mode) < 0 ? errno : 0;
        /* some file systems refuse before they look */
        if (number && number != EEXIST && !is_dir(copy))
            return err_sys(err, number, "make the directory %s", copy);
        *at = saved;
        if (!saved)
            break;
    }
    return is_dir(path) ? 0 : err_sys(err, ENOTDIR, "make the directory %s", path);
}

/* --- removing --- */

static int remove_at(int dir, const char *name, Err *err);

/* Opens a directory whose entries we may remove, if we can make it such a one. */
static DIR *open_dir(int dir, const char *name) {
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(dir, name, FLAGS);
    /* It is a directory: the caller has tried unlink. */
    if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
        fd = openat(dir, name, FLAGS);
    if (fd < 0)
        return NULL;
    struct stat st;
    if (fstat(fd, &st) == 0 && (st.st_mode & 0300) != 0300)
        (void)fchmod(fd, 0700);
    DIR *list = fdopendir(fd);
    if (!list)
        close(fd);
    return list;
}

static int remove_children(int dir, const char *name, Err *err) {
    DIR *list = open_dir(dir, name);
    int r = 0;
    if (!list)
        return err_sys(err, errno, "open %s", name);
    for (struct dirent *entry; (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (remove_at(dirfd(list), entry->d_name, r == 0 ? err : NULL) < 0)
            r = -1;
    }
    closedir(list);
    return r == 0 ? 0 : err_in(err, "in %s", name);
}

static int remove_at(int dir, const char *name, Err *err) {
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return err_sys(err, errno, "remove %s", name);
    int r = remove_children(dir, name, err);
    if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
        return err_sys(err, errno, "remove %s", name);
    return r;
}

int path_remove_tree(const char *path, Err *err) {
    return remove_at(AT_FDCWD, path, err);
}

/* --- where ours are --- */

static const char *from_env(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* A relative one is to be ignored, says the specification of XDG. */
static const char *from_xdg(const char *name) {
    const char *value = from_env(name);
    return value && value[0] == '/' ? value : NULL;
}

static char *home(void) {
    const char *dir = from_env("HOME");
    struct passwd *who = dir ? NULL : getpwuid(getuid());
    return xstrdup(dir ? dir : who ? who->pw_dir : "/");
}

/* Takes `path`. Others could plant files in a directory that is not ours alone. We do not make it
 * so: it may be /tmp. */
static char *own_dir(char *path, int look, const char *way_out, Err *err) {
    struct stat st;
    if (path[0] != '/') {
        err_set(err, ERR_INVALID, "%s is not an absolute path; %s", path, way_out);
    } else if (path_mkdirs(path, 0700, err) < 0) {
        err_in(err, "%s", way_out);
    } else if (fstatat(AT_FDCWD, path, &st, look) < 0) {
        err_sys(err, errno, "look at %s", path);
    } else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
        err_set(err, ERR_DENIED, "%s is not a directory of uid %u; %s", path, (unsigned)geteuid(),
                way_out);
    } else if ((st.st_mode & 0777) != 0700) {
        err_set(err, ERR_DENIED,
                "%s has mode %04o, but must be private; if it is thole's alone: chmod 700 %s", path,
                (unsigned)st.st_mode & 07777, path);
    } else {
        return path;
    }
    free(path);
    return NULL;
}

char *path_state_dir(Err *err) {
    const char *own = from_env("THOLE_STATE_DIR"), *xdg = from_xdg("XDG_STATE_HOME");
    AUTO_FREE char *at_home = home();
    char *path = own   ? xstrdup(own)
                 : xdg ? path_join(xdg, "thole")
                       : path_join(at_home, ".local/state/thole");
    return own_dir(path, 0, "set THOLE_STATE_DIR to a directory of your own", err);
}

char *path_runtime_dir(Err *err) {
    const char *own = from_env("THOLE_RUNTIME_DIR"), *xdg = from_xdg("XDG_RUNTIME_DIR"),
               *tmp = from_env("TMPDIR");
    char *path = own ? xstrdup(own)
                 : xdg && is_dir(xdg)
                     ? path_join(xdg, "thole")
                     : xasprintf("%s/thole-%u", tmp ? tmp : "/tmp", (unsigned)geteuid());
    return own_dir(path, AT_SYMLINK_NOFOLLOW, "set THOLE_RUNTIME_DIR to a directory of your own",
                   err);
}
