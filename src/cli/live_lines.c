/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_lines.h"

#include <string.h>

/* How many rows of the terminal the lines of before take. */
static size_t rows_of(const LiveLines *live, size_t width) {
    size_t rows = 0;
    for (size_t i = 0; i < live->n; i++)
        rows += live->columns[i] > width ? (live->columns[i] + width - 1) / width : 1;
    return rows;
}

/* What stood behind a line goes with its end. */
static void put_lines(const char *text, Buf *out) {
    for (const char *end; *text; text = end + (*end == '\n')) {
        end = strchrnul(text, '\n');
        buf_put(out, text, (size_t)(end - text));
        buf_puts(out, "\033[K\n");
    }
}

void live_lines_frame(LiveLines *live, const LiveFrame *frame, Buf *out) {
    size_t rows = rows_of(live, frame->width ? frame->width : 1);
    size_t n = frame->n < LIVE_LINES_MOST ? frame->n : LIVE_LINES_MOST;
    if (rows)
        buf_printf(out, "\r\033[%zuA", rows);
    put_lines(frame->above, out);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s\033[K\n", frame->at[i].text);
        live->columns[i] = frame->at[i].columns;
    }
    if (rows)
        buf_puts(out, "\033[J");
    live->n = n;
}
