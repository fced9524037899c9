/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"

static void close_file(FILE **file) {
    if (*file)
        fclose(*file);
}

static void strip_newline(char *line) {
    line[strcspn(line, "\n")] = '\0';
}

/* Where the hierarchy of version 2 is mounted: "36 35 0:30 /root /mount/point opts… - cgroup2
 * cgroup2 rw". A mount of a part of it (root other than "/") is of use only when we are below that
 * part, so its root is given too. */
static bool mount_find(char point[PATH_MAX], char root[PATH_MAX]) {
    AUTO(close_file) FILE *file = fopen("/proc/self/mountinfo", "re");
    AUTO_FREE char *line = NULL;
    size_t cap = 0;
    while (file && getline(&line, &cap, file) > 0) {
        const char *type = strstr(line, " - ");
        if (type && strncmp(type + 3, "cgroup2 ", 8) == 0 &&
            sscanf(line, "%*d %*d %*s %4095s %4095s", root, point) == 2)
            return true;
    }
    return false;
}

/* Our own group in it: the line "0::/path" of /proc/self/cgroup. */
static bool self_find(char path[PATH_MAX]) {
    AUTO(close_file) FILE *file = fopen("/proc/self/cgroup", "re");
    AUTO_FREE char *line = NULL;
    size_t cap = 0;
    while (file && getline(&line, &cap, file) > 0) {
        if (strncmp(line, "0::/", 4) == 0 && strlen(line) < PATH_MAX) {
            strip_newline(line);
            snprintf(path, PATH_MAX, "%s", line + 3);
            return true;
        }
    }
    return false;
}

/* The path below the mount point: the mount's root is cut off. */
static const char *below_root(const char *path, const char *root) {
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0') ? path + n : NULL;
}

/* Without the memory controller in the leaves nobody can say who was killed for want of memory. */
static void ask_for_memory(int dir) {
    AUTO_CLOSE int fd = openat(dir, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "+memory", 7) < 0)
        return;
}

int cgroup_open(void) {
    char point[PATH_MAX], root[PATH_MAX], self[PATH_MAX];
    if (!mount_find(point, root) || !self_find(self))
        return -1;
    const char *below = below_root(self, root);
    AUTO_FREE char *path = NULL;
    if (!below || asprintf(&path, "%s%s/thole-%u", point, strcmp(below, "/") == 0 ? "" : below,
                           (unsigned)geteuid()) < 0)
        return -1;
    if (mkdir(path, 0755) < 0 && access(path, W_OK) < 0)
        return -1;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 && faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS) < 0) {
        close(dir);
        return -1;
    }
    if (dir >= 0)
        ask_for_memory(dir);
    return dir;
}

void cgroup_remove(int dir, const char *leaf) {
    if (dir < 0)
        return;
    char path[128];
    snprintf(path, sizeof path, "%.80s/cgroup.kill", leaf);
    AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1", 1) < 0)
        return;
    unlinkat(dir, leaf, AT_REMOVEDIR);
}
