/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a run directory: what is asked, the claim, who runs there, how it ended. See
 * wire.h. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LAUNCH_TEXT_MAX = 4096, /* id, title, cause, working directory */
    RECORD_BYTES_MAX = 32 * 1024,
};

/* Maps and checks RUN_LAUNCH; strings point into the file's pages. -1 with errno: EINVAL it is not
 * one, EPROTO it is of a newer format. */
MUST int launch_map(int dir, const Launch **ret_launch, size_t *ret_size);

/* The string or list of strings at an offset of it. */
static inline const char *launch_text(const Launch *l, uint32_t at) {
    return (const char *)l + at;
}

/* Reads a small text file and terminates it; "" with errno if there is none. Returns the text. */
const char *record_read(int dir, const char *path, char *text, size_t size);

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
    pid_t pin;
    uint64_t pin_start_ticks;
    const WireStarted *started;
} RecordRun;

/* Write RUN_RECORD and EXIT_RECORD; `room` is RECORD_BYTES_MAX bytes of anybody's. With `spare` the
 * launch file is not needed any more: the exit record is written over it, which costs no file and
 * also works on a full disk, and renamed. After record_exit there is no launch file. */
MUST int record_run(int dir, const RecordRun *run, char *room);
MUST int record_exit(int dir, const WireEnded *ended, bool spare, char *room);
