/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/path.h"
#include "base/str.h"

void process_each(ProcessFn fn, void *arg) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        int64_t pid;
        if (number_parse(entry->d_name, 1, INT32_MAX, &pid) == 0 && fn(arg, (pid_t)pid))
            break;
    }
    if (proc)
        closedir(proc);
}

typedef struct Kin {
    pid_t pid, parent;
} Kin;

typedef VEC(Kin) Kinship;

static bool collect(void *arg, pid_t pid) {
    Kinship *all = arg;
    ProcStat stat;
    if (proc_stat(pid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X')
        VEC_PUSH(*all, (Kin){.pid = pid, .parent = stat.ppid});
    return false;
}

void process_tree(pid_t root, Pids *pids) {
    Kinship all = {0};
    size_t at = pids->n;
    process_each(collect, &all);
    VEC_PUSH(*pids, root);
    for (; at < pids->n; at++)
        for (size_t i = 0; i < all.n && pids->n <= all.n; i++)
            if (all.at[i].parent == pids->at[at])
                VEC_PUSH(*pids, all.at[i].pid);
    VEC_FREE(all);
}

void process_command(pid_t pid, char *ret, size_t size) {
    char path[64], text[PATH_MAX + PROCESS_COMMAND] = {0};
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    const char *command = path_base(text); /* the first argument ends at its NUL */
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' ';
    str_copy(ret, size, command);
    if (strlen(command) >= size && size > 3)
        str_copy(ret + size - 4, 4, "...");
}
