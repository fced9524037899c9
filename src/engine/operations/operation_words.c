/* SPDX-License-Identifier: Apache-2.0 */
/* What a command that failed has said last: of an exit code people learn no more than that. */
#include "backend/log_reader.h"
#include "base/utf8.h"
#include "engine/logs/log_lines.h"
#include "engine/operations/operation_files.h"
#include "engine/targets/run_files.h"

enum { LOOK_BACK_LINES = 32, WORDS_MOST = 200 };

/* As many bytes of it as are whole characters. */
static size_t cut(const char *text, size_t size) {
    size_t n = 0;
    for (size_t more; n < size; n += more ? more : 1) {
        more = utf8_length(text + n, size - n);
        if (n + (more ? more : 1) > WORDS_MOST)
            break;
    }
    return n;
}

static void note(const LogLine *line, Buf *out) {
    const char *text = line->text;
    size_t size = line->size;
    utf8_trim(&text, &size);
    if (line->stream != 2 || size == 0)
        return;
    buf_reset(out);
    buf_put(out, text, cut(text, size));
}

static void find(const Operation *operation, Buf *out) {
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
                note(&line, out);
    while (log_lines_flush(&lines, log_reader_tell(reader), true, &line))
        note(&line, out);
    log_lines_deinit(&lines);
    log_reader_free(reader);
}

int operation_add_last_words(const Operation *operation, Err *err) {
    const Err how = *err;
    Buf words;
    buf_init(&words, WORDS_MOST + 1);
    find(operation, &words);
    if (words.n)
        err_set(err, how.kind, "%s: %s", how.msg, buf_cstr(&words));
    buf_deinit(&words);
    return -1;
}
