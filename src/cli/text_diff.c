/* SPDX-License-Identifier: Apache-2.0 */
/* The longest common subsequence of the lines between what both begin and end with. Texts that
 * would take too large a table are one change from top to bottom of it. */
#include "cli/text_diff.h"

#include <stdint.h>
#include <string.h>

#include "base/vec.h"

enum { CONTEXT = 3, CELLS_MOST = 16 * 1024 * 1024 };

typedef struct Line {
    const char *at;
    size_t n;  /* without its newline */
    bool open; /* the text ends without one */
} Line;

typedef VEC(Line) Lines;

/* A line of the difference: kept (' '), removed ('-') or added ('+'). */
typedef struct Edit {
    char sign;
    Line line;
    size_t a, b; /* how many lines of each text stand before it */
} Edit;

typedef VEC(Edit) Edits;

static void split(const char *text, Lines *ret) {
    for (const char *at = text; at && *at;) {
        size_t n = strcspn(at, "\n");
        VEC_PUSH(*ret, (Line){at, n, !at[n]});
        at += n + (at[n] == '\n');
    }
}

static bool same(const Line *a, const Line *b) {
    return a->n == b->n && a->open == b->open && memcmp(a->at, b->at, a->n) == 0;
}

/* ---- what is common ---- */

/* Where the texts differ: [from, a_to) of the one, [from, b_to) of the other. */
typedef struct Middle {
    size_t from, a_to, b_to;
} Middle;

static Middle middle_of(const Lines *a, const Lines *b) {
    Middle m = {0, a->n, b->n};
    while (m.from < m.a_to && m.from < m.b_to && same(&a->at[m.from], &b->at[m.from]))
        m.from++;
    while (m.a_to > m.from && m.b_to > m.from && same(&a->at[m.a_to - 1], &b->at[m.b_to - 1])) {
        m.a_to--;
        m.b_to--;
    }
    return m;
}

/* table[i * (w + 1) + k]: the length of what lines i… and k… have in common. NULL: too large. */
static uint32_t *table_of(const Lines *a, const Lines *b, const Middle *m) {
    size_t h = m->a_to - m->from, w = m->b_to - m->from;
    if ((h + 1) > CELLS_MOST / (w + 1))
        return NULL;
    uint32_t *table = xcalloc((h + 1) * (w + 1), sizeof(*table));
    for (size_t i = h; i-- > 0;)
        for (size_t k = w; k-- > 0;) {
            const uint32_t *below = &table[(i + 1) * (w + 1) + k];
            uint32_t *cell = &table[i * (w + 1) + k];
            if (same(&a->at[m->from + i], &b->at[m->from + k]))
                *cell = below[1] + 1;
            else
                *cell = below[0] > cell[1] ? below[0] : cell[1];
        }
    return table;
}

static void push(Edits *edits, char sign, const Lines *of, size_t a, size_t b) {
    VEC_PUSH(*edits, (Edit){sign, of->at[sign == '+' ? b : a], a, b});
}

static void edit(const Lines *a, const Lines *b, Edits *ret) {
    Middle m = middle_of(a, b);
    AUTO_FREE uint32_t *table = table_of(a, b, &m);
    size_t i = 0, k = 0, w = m.b_to - m.from;
    for (; i < m.from; i++, k++)
        push(ret, ' ', a, i, k);
    while (i < m.a_to || k < m.b_to) {
        const uint32_t *cell = table ? &table[(i - m.from) * (w + 1) + (k - m.from)] : NULL;
        bool both = i < m.a_to && k < m.b_to;
        if (table && both && same(&a->at[i], &b->at[k])) {
            push(ret, ' ', a, i++, k);
            k++;
        } else if (i < m.a_to && (!both || !table || cell[w + 1] >= cell[1])) {
            push(ret, '-', a, i++, k);
        } else {
            push(ret, '+', b, i, k++);
        }
    }
    for (; i < a->n; i++, k++)
        push(ret, ' ', a, i, k);
}

/* ---- printed ---- */

static void put_colored(const TextDiff *diff, const char *color, const char *text, Buf *out) {
    buf_printf(out, "%s%s%s", diff->color ? color : "", text, diff->color ? "\033[0m" : "");
}

static void put_line(const TextDiff *diff, const Edit *it, Buf *out) {
    const char *color = it->sign == '-' ? "\033[31m" : "\033[32m";
    bool painted = diff->color && it->sign != ' ';
    if (painted)
        buf_puts(out, color);
    buf_putc(out, it->sign);
    buf_put(out, it->line.at, it->line.n);
    buf_puts(out, painted ? "\033[0m\n" : "\n");
    if (it->line.open)
        buf_puts(out, "\\ No newline at end of file\n");
}

/* Lines are numbered from 1; of none, the one before. */
static void put_range(char sign, size_t before, size_t n, Buf *out) {
    buf_printf(out, "%c%zu", sign, n ? before + 1 : before);
    if (n != 1)
        buf_printf(out, ",%zu", n);
}

static void put_hunk(const TextDiff *diff, const Edit *at, size_t n, Buf *out) {
    size_t removed = 0, added = 0;
    Buf head;
    buf_init(&head, 256);
    for (size_t i = 0; i < n; i++) {
        removed += at[i].sign != '+';
        added += at[i].sign != '-';
    }
    buf_puts(&head, "@@ ");
    put_range('-', at->a, removed, &head);
    buf_putc(&head, ' ');
    put_range('+', at->b, added, &head);
    buf_puts(&head, " @@");
    put_colored(diff, "\033[36m", buf_cstr(&head), out);
    buf_putc(out, '\n');
    buf_deinit(&head);
    for (size_t i = 0; i < n; i++)
        put_line(diff, &at[i], out);
}

static size_t next_change(const Edits *edits, size_t from) {
    while (from < edits->n && edits->at[from].sign == ' ')
        from++;
    return from;
}

/* Changes that have no more than two contexts of lines between them are one hunk. */
static void put_hunks(const TextDiff *diff, const Edits *edits, Buf *out) {
    for (size_t change = next_change(edits, 0); change < edits->n;) {
        size_t from = change > CONTEXT ? change - CONTEXT : 0, last = change, next;
        while ((next = next_change(edits, last + 1)) < edits->n && next - last - 1 <= 2 * CONTEXT)
            last = next;
        size_t to = last + 1 + CONTEXT < edits->n ? last + 1 + CONTEXT : edits->n;
        put_hunk(diff, edits->at + from, to - from, out);
        change = next;
    }
}

static void put_names(const TextDiff *diff, Buf *out) {
    const char *before = diff->before ? diff->before_name : "/dev/null";
    const char *after = diff->after ? diff->after_name : "/dev/null";
    if (diff->color)
        buf_puts(out, "\033[1m");
    buf_printf(out, "--- %s\n+++ %s", before, after);
    buf_puts(out, diff->color ? "\033[0m\n" : "\n");
}

void text_diff(const TextDiff *diff, Buf *out) {
    Lines a = {0}, b = {0};
    Edits edits = {0};
    split(diff->before, &a);
    split(diff->after, &b);
    edit(&a, &b, &edits);
    if (next_change(&edits, 0) < edits.n || !diff->before != !diff->after) {
        put_names(diff, out);
        put_hunks(diff, &edits, out);
    }
    VEC_FREE(edits);
    VEC_FREE(a);
    VEC_FREE(b);
}
