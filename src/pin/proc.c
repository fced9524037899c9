/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/proc.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARENT = 2, START = 20 }; /* fields counted from the state, which is 1 */

/* "12 (a (b) c) S 1 12 ...": the name may hold anything, so it ends at the last parenthesis. */
static int parse(char *line, ProcStat *ret_stat) {
    char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (!open || !close || close < open || close[1] != ' ')
        return errno = EINVAL, -1;
    ProcStat s = {.state = close[2]};
    *close = '\0';
    snprintf(s.name, sizeof(s.name), "%s", open + 1);
    char *at = close + 3;
    for (int field = PARENT; field <= START; field++) {
        uint64_t value = strtoull(at, &at, 10); /* negative ones are of no interest */
        if (field == PARENT)
            s.parent = (pid_t)value;
        s.start_ticks = value;
    }
    *ret_stat = s;
    return 0;
}

int proc_stat(int proc, pid_t pid, ProcStat *ret_stat) {
    char path[32], line[1024];
    snprintf(path, sizeof(path), proc == AT_FDCWD ? "/proc/%d/stat" : "%d/stat", pid);
    int fd = sys_openat(proc, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    ssize_t size = sys_read(fd, line, sizeof(line) - 1);
    close(fd);
    if (size <= 0)
        return errno = ESRCH, -1;
    line[size] = '\0';
    return parse(line, ret_stat);
}
