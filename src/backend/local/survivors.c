/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/survivors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/process.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "pin/wire.h"

enum { ENVIRON_BLOCK = 128 * 1024 };

typedef struct Look {
    const char *const *ids;
    size_t n;
    SurvivorFn fn;
    void *arg;
    char *block; /* ENVIRON_BLOCK bytes */
} Look;

/* The id in `stamp`, if it is one of ours. */
static const char *known(const Look *look, const char *stamp) {
    for (size_t i = 0; i < look->n; i++)
        if (strcmp(look->ids[i], stamp) == 0)
            return look->ids[i];
    return NULL;
}

/* One "NAME=value" per string; a string may lie across two blocks, so what is incomplete is carried
 * over. */
static const char *stamp_find(const Look *look, int fd) {
    static const char name[] = RUN_STAMP "=";
    size_t have = 0;
    bool skipping = false; /* inside a string that is longer than a block */
    for (;;) {
        ssize_t n = read(fd, look->block + have, ENVIRON_BLOCK - 1 - have);
        if (n <= 0)
            return NULL;
        have += (size_t)n;
        char *at = look->block, *end = look->block + have, *nul;
        while ((nul = memchr(at, '\0', (size_t)(end - at)))) {
            if (!skipping && strncmp(at, name, sizeof name - 1) == 0)
                return known(look, at + sizeof name - 1);
            skipping = false;
            at = nul + 1;
        }
        have = (size_t)(end - at);
        memmove(look->block, at, have);
        if (have == ENVIRON_BLOCK - 1) {
            skipping = true;
            have = 0;
        }
    }
}

static void describe(int proc, const char *pid, pid_t number, Survivor *ret) {
    char path[64];
    struct stat st;
    ret->pid = number;
    if (fstatat(proc, pid, &st, 0) == 0)
        ret->uid = st.st_uid;
    snprintf(path, sizeof path, "%.20s/comm", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, ret->name, sizeof ret->name - 1);
    ret->name[n > 0 ? n : 0] = '\0';
    ret->name[strcspn(ret->name, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

static void look_at(const Look *look, int proc, const char *pid) {
    char path[64];
    int64_t number;
    if (number_parse(pid, 1, INT32_MAX, &number) < 0)
        return;
    snprintf(path, sizeof path, "%.20s/environ", pid);
    AUTO_CLOSE int environment = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (environment < 0)
        return; /* another user's, or gone */
    /* The descriptor stays with the process that was opened, also when the number is given to
     * another one: the pidfd made after it is of the same process if the environment can still be
     * read afterwards. */
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)number, 0);
    const char *id = pidfd < 0 ? NULL : stamp_find(look, environment);
    if (!id)
        return;
    Survivor survivor = {.id = id};
    describe(proc, pid, (pid_t)number, &survivor);
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
        look->fn(look->arg, &survivor, true);
    else if (errno != ESRCH)
        look->fn(look->arg, &survivor, false);
}

void survivors_kill(const char *const *ids, size_t n, SurvivorFn fn, void *arg) {
    AUTO_FREE char *block = xmalloc(ENVIRON_BLOCK);
    Look look = {.ids = ids, .n = n, .fn = fn, .arg = arg, .block = block};
    block[ENVIRON_BLOCK - 1] = '\0';
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc)))
        look_at(&look, dirfd(proc), entry->d_name);
    if (proc)
        closedir(proc);
}

typedef struct Others {
    pid_t rail;
    SurvivorFn fn;
    void *arg;
} Others;

static bool look_at_other(void *arg, pid_t pid) {
    const Others *others = arg;
    ProcStat stat;
    Survivor survivor = {.pid = pid};
    char number[24];
    if (proc_stat(pid, &stat) < 0 || stat.ppid != others->rail || stat.state == 'Z')
        return false;
    snprintf(number, sizeof number, "/proc/%d", (int)pid);
    describe(AT_FDCWD, number, pid, &survivor);
    if (survivor.uid != geteuid())
        others->fn(others->arg, &survivor, false);
    return false;
}

void survivors_of_others(pid_t rail, SurvivorFn fn, void *arg) {
    if (rail > 0)
        process_each(look_at_other, &(Others){rail, fn, arg});
}
