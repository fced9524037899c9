/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a run directory: the claim, who runs there, how it ended. See wire.h. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { RECORD_BYTES_MAX = 32 * 1024 };

/* What does not change while the rail lives, asked once. */
typedef struct Machine {
    char boot_id[40];
    uint64_t pidns; /* inode of the pid namespace */
} Machine;

void machine_read(Machine *ret_machine);

/* 0: the run is ours. -1: EEXIST, somebody else's; or another error, and it is nobody's. */
MUST int record_claim(int dir);

typedef struct RecordRun {
    const Machine *machine;
    const Launch *launch;
    pid_t pin, pid;
    uint64_t pin_start_ticks, start_ticks;
    int64_t started_us;
} RecordRun;

/* Write RUN_RECORD and EXIT_RECORD; `room` is RECORD_BYTES_MAX bytes of anybody's. With `spare` the launch file is not
 * needed any more: when the disk is full, the exit record is written over it, which takes no block, and renamed. */
MUST int record_run(int dir, const RecordRun *run, char *room);
MUST int record_exit(int dir, const WireEnded *ended, bool spare, char *room);
