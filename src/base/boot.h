/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who on this machine: identities that a reused pid or a reboot cannot fake. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

const char *boot_id(void);       /* of this boot; "" if the kernel does not say */
uint64_t pidns_inode(pid_t pid); /* of the pid namespace (0: our own); 0: unknown */
uint64_t mntns_inode(pid_t pid);

typedef struct ProcStat {
    char state; /* 'Z': a zombie */
    pid_t ppid;
    uint64_t start_ticks;
    char name[64];
} ProcStat;

MUST int proc_stat(pid_t pid, ProcStat *ret); /* -1: gone */
/* That very process, and no zombie. start_ticks 0: any. */
bool proc_alive(pid_t pid, uint64_t start_ticks);

/* A random (version 4) uuid, 2n random hex digits, and a number. */
void random_uuid(char text[37]);
void random_hex(char *text, size_t bytes);
uint64_t random_u64(void);
