/* SPDX-License-Identifier: Apache-2.0 */
/* One line of /proc/<pid>/stat. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct ProcStat {
    pid_t parent;
    char state; /* R S D T t Z X I */
    char name[WIRE_NAME_MAX];
    uint64_t start_ticks; /* since boot; with the pid it names a process for ever */
} ProcStat;

/* `proc` is a descriptor of /proc or AT_FDCWD. -1 if there is no such process. */
MUST int proc_stat(int proc, pid_t pid, ProcStat *ret_stat);
