/* SPDX-License-Identifier: Apache-2.0 */
/* The processes below this one: its children, theirs, and so on. The caller is a child subreaper,
 * so whatever daemonizes or loses its parent stays below it. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    /* remembered in one look; those beyond are found if their parent was seen first */
    TREE_PROCESSES = 1 << 16,
    TREE_PIDS = 1 << 22, /* the kernel's limit */
};

typedef struct TreeLink {
    pid_t pid, parent;
} TreeLink;

/* A megabyte that is address space only: pages are touched by a look, in proportion to what runs,
 * and given back. */
typedef struct Tree {
    _Alignas(4096) uint32_t count;
    int words; /* of `below` that may have a bit */
    TreeLink seen[TREE_PROCESSES];
    uint64_t below[TREE_PIDS / 64]; /* a bit per pid */
    char entries[16 * 1024];
} Tree;

typedef struct TreeSignal {
    int signal; /* 0: only count. Another than SIGKILL is followed by SIGCONT: a stopped process
                   cannot act on it */
    pid_t self; /* getpid() */
    bool (*skip)(const void *arg, pid_t child); /* not meant, with all below it; may be NULL */
    const void *arg;
    WireSurvivors *left; /* filled with those who are alive; may be NULL */
    pid_t group;         /* only processes of this group are meant; 0: all */
    bool at_sight; /* direct children are killed while looking: they fork on and are gone at the
                      second look */
} TreeSignal;

/* Looks once at all processes and signals those below us, each through a pidfd after a second look
 * at who it is. Zombies do not count. Returns how many live ones there were. -1: /proc cannot be
 * read. */
int tree_signal(Tree *t, const TreeSignal *how);

/* Whether a child is alive: one system call, no look at /proc. Children that are zombies do not
 * count. */
bool tree_has_child(void);

/* One line of /proc/<pid>/stat. */
typedef struct TreeStat {
    pid_t parent, group;
    char state; /* R S D T t Z X I */
    char name[WIRE_NAME_MAX];
    uint64_t start_ticks; /* since boot; with the pid it names a process for ever */
} TreeStat;

/* -1 if there is no such process. */
MUST int tree_stat(pid_t pid, TreeStat *ret_stat);
