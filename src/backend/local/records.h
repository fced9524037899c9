/* SPDX-License-Identifier: Apache-2.0 */
/* What a pin has written in a run directory, read back; and what the server writes there when no
 * pin can any more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "pin/wire.h"

typedef struct RunRecord {
    char id[WIRE_ID_MAX];
    char boot_id[40];
    uint64_t pidns;
    int64_t pin, pid;
    uint64_t pin_start_ticks, start_ticks;
    int64_t started_us;
    uint32_t restarts, attempt;
    char cause[256];
} RunRecord;

/* Each: 1 it is there, 0 it is not (or is empty or torn: a power cut), -1 err (a newer format is
 * one). */
MUST int records_run(const char *dir, RunRecord *ret, Err *err);
MUST int records_exit(const char *dir, WireEnded *ret, Err *err);

/* Writes EXIT_RECORD, by a temporary file and a rename. */
MUST int records_write_exit(const char *dir, const WireEnded *ended, Err *err);

/* The sentence of a start that failed, by who asked for it; -1: nobody left one. */
void records_write_why(const char *dir, const char *why);
MUST int records_why(const char *dir, char *ret, size_t size);

typedef enum ClaimKind { CLAIM_NONE, CLAIM_PIN, CLAIM_VOID } ClaimKind;
typedef struct Claim {
    ClaimKind kind;
    pid_t pin; /* 0: it could not write its number */
} Claim;

MUST int records_claim(const char *dir, Claim *ret, Err *err);
/* Declares that the run never starts. 1: it does not, 0: somebody has claimed it before, -1:
 * err. */
MUST int records_void(const char *dir, Err *err);

/* Was the machine restarted since? Is the process it names that one still, and is the run in `dir`
 * its? */
bool records_same_boot(const RunRecord *record);
bool records_pin_lives(const char *dir, const RunRecord *record);
/* It lives, but the run is that of another directory, from which this one was copied with its state
 * directory: it goes on under another server. */
bool records_are_copied(const char *dir, const RunRecord *record);
bool pin_holds_another(const char *dir, pid_t pin); /* directory, which is still there */
/* When, since the machine was started: by the kernel, whatever the clock was set to. 0: unknown. */
int64_t records_started_boot_ms(const RunRecord *record);

/* Appends to the log's index that bytes may be missing at its end, and that bytes without an entry
 * are of stream 1. */
MUST int records_log_gap(const char *dir, int64_t now_us, uint64_t *ret_log_size, Err *err);
