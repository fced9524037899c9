/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the runs of a target seem to write themselves: those that changed during every one of
 * its runs so far, or during many in a row. */
#pragma once

#include "base/map.h"
#include "engine/files/file_watch.h"
#include "plan/plan.h"

typedef struct OwnFiles {
    TargetType type;
    Map files;     /* by path */
    uint32_t base; /* the last run before the files were watched */
} OwnFiles;

void own_files_begin(OwnFiles *own, TargetType type, const TargetFacts *facts);
void own_files_deinit(OwnFiles *own);
/* Records that the file changed, if that was during the newest run (of a server: right after its
 * start). True: it did so in all of them, and there were enough, or in many in a row. */
bool own_files_has(OwnFiles *own, const TargetFacts *facts, const FileChange *change,
                   const PlanWorld *world);
