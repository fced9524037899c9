/* SPDX-License-Identifier: Apache-2.0 */
/* What a command that failed has said last: of an exit code people learn no more than that. */
#include <string.h>

#include "backend/log_reader.h"
#include "base/utf8.h"
#include "engine/logs/log_lines.h"
#include "engine/logs/log_mask.h"
#include "engine/operations/operation_files.h"
#include "engine/targets/run_files.h"

enum { LOOK_BACK_LINES = 32, WORDS_MOST = 200, CAUSE_MOST = 110 };

typedef struct Words {
    const Operation *operation;
    bool own;        /* the command is ours, which is git's work: not a hook's */
    LogMasks masks;  /* else: what it has said as outputs stands in no reason either */
    Buf cause, last; /* cause: what git died of, which its last line may not say */
} Words;

static bool is_fatal(const char *text, size_t size) {
    static const char mark[] = "fatal: ";
    return size >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0;
}

static void note(LogLine line, Words *words) {
    const Operation *operation = words->operation;
    line.target = operation_step(operation)->name;
    line.run = operation->doing.run;
    if (line.stream == 2 && !words->own)
        log_masks_show(&words->masks, operation->environment->dir, &line);
    const char *text = line.text;
    size_t size = line.size;
    utf8_trim(&text, &size);
    if (line.stream != 2 || size == 0)
        return;
    if (words->own && !words->cause.n && is_fatal(text, size)) {
        buf_put(&words->cause, text, utf8_cut(text, size, CAUSE_MOST));
        buf_reset(&words->last);
        return;
    }
    buf_reset(&words->last);
    buf_put(&words->last, text, utf8_cut(text, size, words->cause.n ? CAUSE_MOST : WORDS_MOST));
}

static void find(const Operation *operation, Words *words) {
    AUTO_FREE char *dir = run_files_dir(operation->environment->dir,
                                        operation_step(operation)->name, operation->doing.run);
    LogReader *reader = log_reader_new(dir);
    LogLines lines;
    LogPiece piece;
    LogLine line;
    Err err;
    log_lines_init(&lines);
    if (log_reader_seek_tail(reader, LOOK_BACK_LINES, &err) == 0)
        while (log_reader_next(reader, &piece, &err) > 0)
            for (size_t at = 0; log_lines_next(&lines, &piece, &at, &line);)
                note(line, words);
    while (log_lines_flush(&lines, log_reader_tell(reader), true, &line))
        note(line, words);
    log_lines_deinit(&lines);
    log_reader_free(reader);
}

int operation_add_last_words(const Operation *operation, Err *err) {
    const Err how = *err;
    Words words = {.operation = operation, .own = !operation_step(operation)->hook};
    log_masks_init(&words.masks);
    buf_init(&words.cause, CAUSE_MOST + 1);
    buf_init(&words.last, WORDS_MOST + 1);
    find(operation, &words);
    bool both = words.cause.n && words.last.n;
    if (words.cause.n || words.last.n)
        err_set(err, how.kind, "%s: %s%s%s", how.msg, buf_cstr(&words.cause), both ? "; " : "",
                buf_cstr(&words.last));
    log_masks_deinit(&words.masks);
    buf_deinit(&words.cause);
    buf_deinit(&words.last);
    return -1;
}
