/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/beside.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "base/str.h"
#include "base/sys.h"

#define HEAD ".thole-"
#define TAIL "~"

enum { DIGITS = 16 };

bool beside_is_name(const char *name) {
    return str_starts(name, HEAD) && strspn(name + strlen(HEAD), "0123456789abcdef") == DIGITS &&
           strcmp(name + strlen(HEAD) + DIGITS, TAIL) == 0;
}

static int make(Beside *beside) {
    uint64_t number;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -1;
    snprintf(beside->name, sizeof(beside->name), HEAD "%0*llx" TAIL, DIGITS,
             (unsigned long long)number);
    beside->fd = sys_openat(beside->dir, beside->name,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return beside->fd < 0 ? -1 : 0;
}

/* Somebody who swept had the lock before us, and has removed it. */
static bool is_swept(int fd) {
    struct stat st;
    return SYS_RETRY(flock(fd, LOCK_EX)) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int beside_open(int dir, Beside *ret) {
    *ret = (Beside){.dir = dir, .fd = -1};
    if (make(ret) < 0)
        return -1;
    while (is_swept(ret->fd)) {
        close(ret->fd);
        if (make(ret) < 0)
            return -1;
    }
    return 0;
}

void beside_close(Beside *beside) {
    int number = errno;
    (void)sys_unlinkat(beside->dir, beside->name, 0);
    close(beside->fd);
    errno = number;
}

/* Where files cannot be locked nothing is swept. */
static void sweep(int dir, const char *name) {
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)sys_unlinkat(dir, name, 0);
    close(fd);
}

void beside_sweep(int dir) {
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list));)
        if (beside_is_name(entry->d_name))
            sweep(dir, entry->d_name);
    closedir(list);
}
