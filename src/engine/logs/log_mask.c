/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logs/log_mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "backend/log_reader.h"
#include "engine/logs/log_lines.h"
#include "engine/targets/run_files.h"
#include "spec/environment_secrets.h"
#include "spec/hook_output.h"
#include "spec/mask_forms.h"

/* Where somebody is in stdout. */
typedef struct StdoutPlace {
    HookOutputMask state;
    bool open;   /* the line before goes on: it was longer than lines are, */
    bool hidden; /* ... and is of a value */
} StdoutPlace;

/* What a run has said as outputs: its log is read ahead of what is shown. */
typedef struct Values {
    LogReader *reader;
    LogLines lines;
    uint64_t end; /* so far */
    StdoutPlace place;
    Arena arena; /* the forms */
    MaskForms forms;
    FormMask mask;
} Values;

typedef struct Masked {
    uint32_t run;
    StdoutPlace place;
    Values values;
} Masked;

/* ---- values ---- */

static void values_init(Values *values, const char *run_dir) {
    *values = (Values){.reader = log_reader_new(run_dir)};
    log_lines_init(&values->lines);
    arena_init(&values->arena);
    mask_forms_init(&values->forms, &values->arena);
}

static void values_deinit(Values *values) {
    log_reader_free(values->reader);
    log_lines_deinit(&values->lines);
    mask_forms_deinit(&values->forms);
    arena_deinit(&values->arena);
}

static void learn(Values *values, const LogLine *line, Arena *arena) {
    StdoutPlace *place = &values->place;
    bool goes_on = place->open;
    const char *value = goes_on ? arena_strndup(arena, line->text, line->size)
                                : hook_output_value(&place->state, line->text, line->size, arena);
    place->open = line->partial;
    place->hidden = goes_on ? place->hidden : value != NULL;
    if (place->hidden && values->forms.list.n < MASK_FORMS_MAX && !environment_is_ordinary(value))
        mask_forms_add(&values->forms, value);
}

/* What the log has by now. A last line without an end is not waited for. */
static void learn_all(Values *values, Arena *arena) {
    const size_t known = values->forms.list.n;
    const Buf *rest = &values->lines.open[0].text;
    LogPiece piece;
    LogLine line;
    Err err;
    while (log_reader_next(values->reader, &piece, &err) > 0)
        for (size_t at = 0; log_lines_next(&values->lines, &piece, &at, &line);) {
            arena_reset(arena);
            if (line.stream == 1)
                learn(values, &line, arena);
        }
    if (rest->n > 0) {
        const StdoutPlace place = values->place;
        learn(values, &(LogLine){.text = rest->p, .size = rest->n}, arena);
        values->place = place;
    }
    values->end = log_reader_tell(values->reader);
    if (values->forms.list.n > known)
        form_mask_init(&values->mask, &values->forms.list, &values->arena);
}

/* A NUL byte does not end a line. */
static void hide(const Values *values, LogLine *line, Arena *arena) {
    const char *end = line->text + line->size;
    Buf out;
    if (values->forms.list.n == 0)
        return;
    buf_init(&out, line->size * strlen(SCHEMA_MASKED) + 1);
    for (const char *at = line->text; at < end;) {
        size_t n = strnlen(at, (size_t)(end - at));
        form_mask_put(&values->mask, arena_strndup(arena, at, n), &out);
        if (at + n < end)
            buf_putc(&out, '\0');
        at += n + 1;
    }
    line->size = out.n;
    line->text = arena_strndup(arena, buf_cstr(&out), out.n);
    buf_deinit(&out);
}

/* ---- lines ---- */

void log_masks_init(LogMasks *masks) {
    map_init(&masks->targets);
    arena_init(&masks->arena);
}

void log_masks_deinit(LogMasks *masks) {
    const char *target;
    void *masked;
    for (size_t i = 0; map_next(&masks->targets, &i, &target, &masked);) {
        values_deinit(&((Masked *)masked)->values);
        free(masked);
    }
    map_deinit(&masks->targets);
    arena_deinit(&masks->arena);
}

/* Of a line that goes on in the next piece the rest is like its beginning. False: it is talk. */
static bool mask(StdoutPlace *place, LogLine *line, Arena *arena) {
    bool goes_on = place->open;
    place->open = line->partial;
    if (goes_on) {
        line->size = place->hidden ? 0 : line->size;
        return place->hidden;
    }
    const char *shown = hook_output_mask(&place->state, line->text, line->size, arena);
    place->hidden = shown != NULL;
    if (!shown)
        return false;
    line->text = shown;
    line->size = strlen(shown);
    return true;
}

/* Whoever begins in the midst of a run has not seen what stands before. */
static void catch_up(StdoutPlace *place, const char *run_dir, const LogLine *until, Arena *arena) {
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
                (void)mask(place, &line, arena);
        }
    log_lines_deinit(&lines);
    log_reader_free(reader);
}

static Masked *masked_of(LogMasks *masks, const char *dir, const LogLine *line) {
    Masked *masked = map_get(&masks->targets, line->target);
    if (masked && masked->run == line->run)
        return masked;
    if (masked)
        values_deinit(&masked->values);
    else
        map_put(&masks->targets, line->target, masked = xcalloc(1, sizeof(*masked)));
    AUTO_FREE char *run_dir = run_files_dir(dir, line->target, line->run);
    *masked = (Masked){.run = line->run};
    catch_up(&masked->place, run_dir, line, &masks->arena);
    values_init(&masked->values, run_dir);
    learn_all(&masked->values, &masks->arena);
    return masked;
}

void log_masks_show(LogMasks *masks, const char *dir, LogLine *line) {
    if (line->stream != 1 && line->stream != 2)
        return;
    arena_reset(&masks->arena);
    Masked *masked = masked_of(masks, dir, line);
    if (line->offset > masked->values.end)
        learn_all(&masked->values, &masks->arena);
    if (line->stream == 2 || !mask(&masked->place, line, &masks->arena))
        hide(&masked->values, line, &masks->arena);
}
