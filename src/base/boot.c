/* SPDX-License-Identifier: Apache-2.0 */
#include "base/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static ssize_t read_small(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n < 0)
        return -1;
    text[n] = '\0';
    return n;
}

const char *boot_id(void) {
    static char id[40]; /* constant once read */
    if (!id[0] && read_small("/proc/sys/kernel/random/boot_id", id, sizeof(id)) > 0)
        id[strcspn(id, "\n")] = '\0';
    return id;
}

static uint64_t ns_inode(pid_t pid, const char *kind) {
    char path[64];
    struct stat st;
    if (pid)
        snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
    else
        snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

uint64_t pidns_inode(pid_t pid) {
    return ns_inode(pid, "pid");
}

uint64_t mntns_inode(pid_t pid) {
    return ns_inode(pid, "mnt");
}

int proc_stat(pid_t pid, ProcStat *ret) {
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (read_small(path, text, sizeof(text)) <= 0)
        return -1;
    char *open = strchr(text, '('), *close = strrchr(text, ')'); /* a name may hold anything */
    if (!open || !close || close < open)
        return -1;
    snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(close - open - 1), open + 1);
    unsigned long long ticks;
    int ppid;
    if (sscanf(close + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &ret->state, &ppid, &ticks) != 3)
        return -1;
    ret->ppid = ppid;
    ret->start_ticks = ticks;
    return 0;
}

bool proc_alive(pid_t pid, uint64_t start_ticks) {
    ProcStat stat;
    if (pid <= 0 || proc_stat(pid, &stat) < 0 || stat.state == 'Z' || stat.state == 'X')
        return false;
    return start_ticks == 0 || stat.start_ticks == start_ticks;
}

static void random_bytes(unsigned char *bytes, size_t size) {
    while (size) {
        ssize_t n = getrandom(bytes, size, 0);
        if (n < 0 && errno != EINTR)
            abort();
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
}

void random_uuid(char text[37]) {
    unsigned char b[16];
    random_bytes(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

void random_hex(char *text, size_t bytes) {
    unsigned char b[64];
    if (bytes > sizeof(b))
        abort();
    random_bytes(b, bytes);
    str_hex(text, b, bytes);
}

uint64_t random_u64(void) {
    uint64_t number;
    random_bytes((unsigned char *)&number, sizeof(number));
    return number;
}
