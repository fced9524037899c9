/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks write as people may see it: values of outputs are masked (spec/hook_output.h), also
 * where somebody begins to read in the midst of one, and wherever else the hook writes one, stderr
 * too, from when its log has it: of one that is over everywhere. */
#pragma once

#include "base/map.h"
#include "engine/logs/log_hub.h"

typedef struct LogMasks {
    Map targets; /* name → of its newest run */
    Arena arena; /* of the line in hand */
} LogMasks;

void log_masks_init(LogMasks *masks);
void log_masks_deinit(LogMasks *masks);
/* The next line that is shown of its run; what it says then lives until the next call. dir: holds
 * runs/. */
void log_masks_show(LogMasks *masks, const char *dir, LogLine *line);
