/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logs/log_mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "backend/log_reader.h"
#include "engine/logs/log_lines.h"
#include "engine/targets/run_files.h"
#include "spec/hook_output.h"

typedef struct Masked {
    uint32_t run;
    HookOutputMask state;
    bool open;   /* the line before goes on: it was longer than lines are, */
    bool hidden; /* ... and masked */
} Masked;

void log_masks_init(LogMasks *masks) {
    map_init(&masks->targets);
    arena_init(&masks->arena);
}

void log_masks_deinit(LogMasks *masks) {
    const char *target;
    void *masked;
    for (size_t i = 0; map_next(&masks->targets, &i, &target, &masked);)
        free(masked);
    map_deinit(&masks->targets);
    arena_deinit(&masks->arena);
}

/* Of a line that goes on in the next piece the rest is like its beginning. */
static void mask(Masked *masked, LogLine *line, Arena *arena) {
    bool goes_on = masked->open;
    masked->open = line->partial;
    if (goes_on) {
        line->size = masked->hidden ? 0 : line->size;
        return;
    }
    const char *shown = hook_output_mask(&masked->state, line->text, line->size, arena);
    masked->hidden = shown != NULL;
    if (!shown)
        return;
    line->text = shown;
    line->size = strlen(shown);
}

/* Whoever begins in the midst of a run has not seen what stands before. */
static void catch_up(Masked *masked, const char *run_dir, const LogLine *until, Arena *arena) {
    LogReader *reader = log_reader_new(run_dir);
    LogLines lines;
    LogPiece piece;
    LogLine line;
    Err err;
    bool there = false;
    log_lines_init(&lines);
    while (!there && log_reader_next(reader, &piece, &err) > 0)
        for (size_t at = 0; !there && log_lines_next(&lines, &piece, &at, &line);) {
            there = line.offset >= until->offset;
            if (!there && line.stream == 1)
                mask(masked, &line, arena);
        }
    log_lines_deinit(&lines);
    log_reader_free(reader);
}

void log_masks_show(LogMasks *masks, const char *dir, LogLine *line) {
    if (line->stream != 1)
        return;
    Masked *masked = map_get(&masks->targets, line->target);
    if (!masked)
        map_put(&masks->targets, line->target, masked = xcalloc(1, sizeof(*masked)));
    arena_reset(&masks->arena);
    if (masked->run != line->run) {
        AUTO_FREE char *run_dir = run_files_dir(dir, line->target, line->run);
        *masked = (Masked){.run = line->run};
        catch_up(masked, run_dir, line, &masks->arena);
    }
    mask(masked, line, &masks->arena);
}
