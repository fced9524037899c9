/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/tree.h"

#include "base/sys.h"
#include "pin/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_below(const Tree *t, pid_t pid) {
    return pid > 0 && pid < TREE_PIDS && (t->below[pid / 64] >> (pid % 64) & 1);
}

/* Marks a process if its parent is marked or is us; true if that is news. */
static bool mark(Tree *t, const TreeSignal *how, const TreeProcess *p) {
    if (p->pid >= TREE_PIDS || is_below(t, p->pid))
        return false;
    bool child = p->parent == how->self && !(how->skip && how->skip(how->arg, p->pid));
    if (!child && !is_below(t, p->parent))
        return false;
    uint32_t word = (uint32_t)p->pid / 64;
    t->below[word] |= UINT64_C(1) << (p->pid % 64);
    t->words = word >= t->words ? word + 1 : t->words;
    return true;
}

static void look_at(Tree *t, const TreeSignal *how, int proc, const char *name) {
    ProcStat stat;
    pid_t pid = (pid_t)strtoul(name, NULL, 10);
    if (pid <= 0 || pid == how->self || proc_stat(proc, pid, &stat) < 0)
        return;
    TreeProcess p = {pid, stat.parent};
    mark(t, how, &p);
    if (t->count < TREE_PROCESSES)
        t->seen[t->count++] = p;
}

/* A parent may have a higher pid than its child: go on until nothing is new. */
static void close_over(Tree *t, const TreeSignal *how) {
    for (bool news = true; news;) {
        news = false;
        for (uint32_t i = 0; i < t->count; i++)
            news |= mark(t, how, &t->seen[i]);
    }
}

static int look(Tree *t, const TreeSignal *how, int proc) {
    ssize_t size;
    while ((size = sys_getdents64(proc, t->entries, sizeof(t->entries))) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const void *)(t->entries + at);
            look_at(t, how, proc, entry->d_name);
            at += entry->d_reclen;
        }
    }
    close_over(t, how);
    return size < 0 ? -1 : 0;
}

static void name_survivor(int proc, pid_t pid, const ProcStat *stat, WireSurvivors *left) {
    left->count++;
    if (left->named == WIRE_SURVIVORS_MAX)
        return;
    WireSurvivor *who = &left->who[left->named++];
    struct stat owner = {0};
    char name[16];
    snprintf(name, sizeof(name), "%d", pid);
    fstatat(proc, name, &owner, 0);
    who->pid = pid;
    who->uid = owner.st_uid;
    memcpy(who->name, stat->name, sizeof(who->name));
}

static void deliver(pid_t pid, int fd, int signal) {
    if (fd >= 0)
        sys_pidfd_send_signal(fd, signal);
    else
        sys_kill(pid, signal);
}

/* True if it was alive and is still one of ours. */
static bool signal_one(const Tree *t, const TreeSignal *how, int proc, pid_t pid) {
    ProcStat stat;
    int fd = sys_pidfd_open(pid);
    bool ours = proc_stat(proc, pid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X' &&
                (stat.parent == how->self || is_below(t, stat.parent));
    if (ours && how->left)
        name_survivor(proc, pid, &stat, how->left);
    if (ours && how->signal != 0)
        deliver(pid, fd, how->signal);
    if (ours && how->signal != 0 && how->signal != SIGKILL)
        deliver(pid, fd, SIGCONT); /* a stopped process cannot act on it */
    if (fd >= 0)
        close(fd);
    return ours;
}

int tree_signal(Tree *t, const TreeSignal *how) {
    int proc = sys_openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (proc < 0)
        return -1;
    int alive = 0, result = look(t, how, proc);
    for (uint32_t word = 0; word < t->words; word++) {
        for (uint64_t bits = t->below[word]; bits != 0; bits &= bits - 1)
            alive += signal_one(t, how, proc, (pid_t)(word * 64 + (uint32_t)__builtin_ctzll(bits)));
    }
    close(proc);
    madvise(t, sizeof(*t), MADV_DONTNEED); /* zeroed again */
    return result < 0 ? -1 : alive;
}

/* A wait for stopped children fails with ECHILD when all children are zombies, and takes nothing from anybody. */
bool tree_has_child(void) {
    siginfo_t info;
    return sys_waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}
