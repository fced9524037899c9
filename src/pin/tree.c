/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/tree.h"
#include "base/sys.h"
#include "pin/record.h"

#include <dirent.h>
#include <inttypes.h>

/* State, parent, group and, 17 fields on, the start. */
#define STAT_FIELDS \
    " %c %d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64

/* "12 (a (b) c) S 1 12 ...": the name may hold anything, so it ends at the last parenthesis. */
int tree_stat(pid_t pid, TreeStat *ret_stat) {
    TreeStat *s = ret_stat;
    char path[32], line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    const char *open = strchr(record_read(AT_FDCWD, path, line, sizeof(line)), '(');
    const char *end = strrchr(line, ')');
    if (!open ||
        sscanf(end + 1, STAT_FIELDS, &s->state, &s->parent, &s->group, &s->start_ticks) != 4)
        return errno = ESRCH, -1;
    snprintf(s->name, sizeof(s->name), "%.*s", (int)(end - open) - 1, open + 1);
    return 0;
}

static bool is_below(const Tree *t, pid_t pid) {
    return pid > 0 && pid < TREE_PIDS && (t->below[pid / 64] >> (pid % 64) & 1);
}

/* Marks a process whose parent is marked or us; true if that is news. */
static bool mark(Tree *t, const TreeSignal *how, pid_t pid, pid_t parent) {
    if (pid >= TREE_PIDS || is_below(t, pid))
        return false;
    bool child = parent == how->self && !(how->skip && how->skip(how->arg, pid));
    if (!child && !is_below(t, parent))
        return false;
    t->below[pid / 64] |= UINT64_C(1) << (pid % 64);
    t->words = pid / 64 >= t->words ? pid / 64 + 1 : t->words;
    return true;
}

static void look_at(Tree *t, const TreeSignal *how, const char *name) {
    TreeStat stat;
    pid_t pid = (pid_t)strtoul(name, NULL, 10);
    if (pid <= 0 || pid == how->self || tree_stat(pid, &stat) < 0)
        return;
    if (mark(t, how, pid, stat.parent) && stat.parent == how->self && how->at_sight)
        sys_kill(pid, SIGKILL);
    if (t->count < TREE_PROCESSES)
        t->seen[t->count++] = (TreeLink){pid, stat.parent};
}

static int look(Tree *t, const TreeSignal *how) {
    ssize_t size = -1;
    int proc = sys_openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    while (proc >= 0 && (size = sys_getdents64(proc, t->entries, sizeof(t->entries))) > 0) {
        const struct dirent64 *entry;
        for (ssize_t at = 0; at < size; at += entry->d_reclen) {
            entry = (const void *)(t->entries + at);
            look_at(t, how, entry->d_name);
        }
    }
    close(proc);                    /* -1 does no harm */
    for (bool news = true; news;) { /* a parent may have a higher pid than its child */
        news = false;
        for (uint32_t i = 0; i < t->count; i++)
            news |= mark(t, how, t->seen[i].pid, t->seen[i].parent);
    }
    return size < 0 ? -1 : 0;
}

static void name_survivor(pid_t pid, const TreeStat *seen, WireSurvivors *left) {
    char path[32];
    struct stat owner = {0};
    if (left->count++ >= WIRE_SURVIVORS_MAX)
        return;
    snprintf(path, sizeof(path), "/proc/%d", pid);
    stat(path, &owner);
    WireSurvivor who = {.pid = pid, .uid = owner.st_uid};
    memcpy(who.name, seen->name, sizeof(who.name));
    left->who[left->named++] = who;
}

/* 1: alive and ours. A child cannot be mistaken; for others the pidfd, if there is one, is from
 * before the look. */
static int signal_one(const Tree *t, const TreeSignal *how, pid_t pid) {
    TreeStat stat;
    int fd = sys_pidfd_open(pid);
    bool ours = tree_stat(pid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X' &&
                (stat.parent == how->self || is_below(t, stat.parent)) &&
                (how->group == 0 || how->group == stat.group);
    if (ours && how->left)
        name_survivor(pid, &stat, how->left);
    for (int i = 0; ours && how->signal != 0 && i < 2; i++) {
        int signal = i == 0 ? how->signal : SIGCONT;
        (void)(fd < 0 ? sys_kill(pid, signal) : sys_pidfd_send_signal(fd, signal));
    }
    close(fd);
    return ours;
}

int tree_signal(Tree *t, const TreeSignal *how) {
    int alive = 0, result = look(t, how);
    for (int word = 0; word < t->words; word++) {
        for (uint64_t bits = t->below[word]; bits != 0; bits &= bits - 1)
            alive += signal_one(t, how, word * 64 + __builtin_ctzll(bits));
    }
    madvise(t, sizeof(*t), MADV_DONTNEED); /* zero again */
    return result < 0 ? -1 : alive;
}

/* A wait for stopped children fails with ECHILD if all are zombies, and takes nothing from them. */
bool tree_has_child(void) {
    siginfo_t info;
    return sys_waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}
