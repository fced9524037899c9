/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/lost_pins.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "base/str.h"
#include "base/xalloc.h"

#define PIN_COMM "thole-pin\n"
#define DELETED  " (deleted)" /* as the kernel says it of a directory that has no name any more */

enum { INODE_TEXT = 24 };

typedef struct Socket {
    char inode[INODE_TEXT];
    const char *name;
} Socket;

typedef struct Look {
    const char *state_dir; /* its real path */
    Arena *arena;
    Socket *sockets; /* ours */
    size_t socket_n, socket_cap;
    LostPins found;
} Look;

/* "Num RefCount Protocol Flags Type St Inode Path" */
static void take_socket(Look *look, const char *line, const char *prefix) {
    char inode[INODE_TEXT], name[128];
    if (sscanf(line, "%*s %*s %*s %*s %*s %*s %23s @%127s", inode, name) != 2 ||
        !str_starts(name, prefix))
        return;
    look->sockets = arena_grow(look->arena, look->sockets, look->socket_n, &look->socket_cap,
                               sizeof(*look->sockets));
    Socket *socket = &look->sockets[look->socket_n++];
    memcpy(socket->inode, inode, sizeof(inode));
    socket->name = arena_strdup(look->arena, name);
}

static void take_sockets(Look *look) {
    FILE *list = fopen("/proc/net/unix", "re");
    AUTO_FREE char *prefix = xasprintf("thole/%u/", (unsigned)geteuid());
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    while (list && getline(&line, &size, list) > 0)
        take_socket(look, line, prefix);
    if (list)
        fclose(list);
}

static bool is_pin(int proc) {
    char name[32] = "";
    struct stat st;
    AUTO_CLOSE int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, name, sizeof name - 1) > 0 && strcmp(name, PIN_COMM) == 0 &&
           fstat(proc, &st) == 0 && st.st_uid == geteuid();
}

/* "<state>/<kind>/<task>/runs/<step>/1 (deleted)". NULL: it is not. */
static const char *task_of(const Look *look, const char *link) {
    size_t n = strlen(look->state_dir), all = strlen(link);
    if (all < sizeof DELETED || strcmp(link + all - (sizeof DELETED - 1), DELETED) != 0 ||
        !str_starts(link, look->state_dir) || link[n] != '/')
        return NULL;
    const char *end = strstr(link + n, "/runs/");
    end = end ? end : strstr(link + n, "/exec/");
    const char *from = end;
    while (from && from > link + n && from[-1] != '/')
        from--;
    return from && from < end ? arena_strndup(look->arena, from, (size_t)(end - from)) : NULL;
}

static const char *socket_of(const Look *look, const char *link) {
    char inode[INODE_TEXT];
    if (sscanf(link, "socket:[%23[0-9]]", inode) != 1)
        return NULL;
    for (size_t i = 0; i < look->socket_n; i++)
        if (strcmp(look->sockets[i].inode, inode) == 0)
            return look->sockets[i].name;
    return NULL;
}

/* What it has open says which it is: its directory, and the socket where it listens. */
static void read_links(const Look *look, DIR *fds, LostPin *ret) {
    struct dirent *entry;
    char link[PATH_MAX];
    while ((entry = readdir(fds))) {
        ssize_t n = readlinkat(dirfd(fds), entry->d_name, link, sizeof link - 1);
        link[n > 0 ? n : 0] = '\0';
        const char *task = ret->task ? NULL : task_of(look, link);
        const char *socket = ret->socket ? NULL : socket_of(look, link);
        ret->task = task ? task : ret->task;
        ret->socket = socket ? socket : ret->socket;
    }
}

static bool look_at(void *arg, pid_t pid) {
    Look *look = arg;
    LostPin lost = {.pin = pid};
    AUTO_FREE char *path = xasprintf("/proc/%d", (int)pid);
    AUTO_CLOSE int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || !is_pin(proc))
        return false;
    int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *fds = fd < 0 ? NULL : fdopendir(fd);
    if (!fds) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    read_links(look, fds, &lost);
    closedir(fds);
    if (!lost.task || !lost.socket)
        return false;
    LostPins *all = &look->found;
    all->at = arena_grow(look->arena, all->at, all->n, &all->cap, sizeof(*all->at));
    all->at[all->n++] = lost;
    return false;
}

static int by_task(const void *a, const void *b) {
    const LostPin *x = a, *y = b;
    int order = strcmp(x->task, y->task);
    return order ? order : (x->pin > y->pin) - (x->pin < y->pin);
}

LostPins lost_pins_find(const char *state_dir, Arena *arena) {
    AUTO_FREE char *real = realpath(state_dir, NULL);
    Look look = {.state_dir = real ? real : state_dir, .arena = arena};
    take_sockets(&look);
    process_each(look_at, &look);
    if (look.found.n > 1)
        qsort(look.found.at, look.found.n, sizeof(*look.found.at), by_task);
    return look.found;
}
