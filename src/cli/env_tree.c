/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_tree.h"

#include <string.h>

#include "base/clock.h"
#include "base/columns.h"
#include "base/str.h"
#include "cli/plain.h"

enum {
    CUT_BYTES = 2048,
    TITLE_INDENT = 0,
    PHASE_INDENT = 2,
    STEP_INDENT = 4,
    TALK_INDENT = 8,
    TOOK_WIDTH = 6,
    NAME_LEAST = 8,
    TALK_MOST = 1024, /* bytes of a line that are kept */
    FOOT_LEAST = 3,
};

#define DIM "\033[2m"

/* ---- steps ---- */

const char *tree_sign(TreeState state) {
    static const char *const signs[] = {[TREE_PENDING] = "·",
                                        [TREE_RUNNING] = "▶",
                                        [TREE_DONE] = "✓",
                                        [TREE_SKIPPED] = "○",
                                        [TREE_FAILED] = "✗"};
    return signs[state];
}

const char *tree_color(TreeState state) {
    static const char *const colors[] = {[TREE_PENDING] = DIM,
                                         [TREE_RUNNING] = "\033[33m",
                                         [TREE_DONE] = "\033[32m",
                                         [TREE_SKIPPED] = DIM,
                                         [TREE_FAILED] = "\033[31m"};
    return colors[state];
}

const char *tree_phase(const char *phase) {
    static const char *const phases[] = {"provision", "run", "destroy"};
    for (size_t i = 0; i < COUNT(phases); i++)
        if (str_same(phase, phases[i]))
            return phases[i];
    return "";
}

void tree_init(Tree *tree, const char *title) {
    *tree = (Tree){.title = plain_copy(title), .phase = ""};
}

static void drop(TreeStep *step) {
    free(step->name);
    free(step->note);
    free(step->talk);
}

void tree_deinit(Tree *tree) {
    for (size_t i = 0; i < tree->steps.n; i++)
        drop(&tree->steps.at[i]);
    VEC_FREE(tree->steps);
    free(tree->title);
    free(tree->waits);
}

static TreeStep *push(Tree *tree, const char *name, const char *phase) {
    VEC_PUSH(tree->steps,
             (TreeStep){.name = plain_copy(name), .phase = tree_phase(phase), .took_ms = -1});
    return &tree->steps.at[tree->steps.n - 1];
}

void tree_expect(Tree *tree, const char *name, const char *phase) {
    push(tree, name, phase);
}

static void cut(Tree *tree, size_t from, size_t to) {
    if (from == to)
        return;
    for (size_t i = from; i < to; i++)
        drop(&tree->steps.at[i]);
    memmove(&tree->steps.at[from], &tree->steps.at[to],
            (tree->steps.n - to) * sizeof(*tree->steps.at));
    tree->steps.n -= to - from;
}

/* The first that is not over; those before it were told of in their order. */
static size_t first_open(const Tree *tree) {
    size_t i = tree->printed;
    while (i < tree->steps.n && tree->steps.at[i].state >= TREE_DONE)
        i++;
    return i;
}

/* The one of that name which is not over yet; a new one, before all that is pending. */
static TreeStep *open_one(Tree *tree, const char *name, const char *phase) {
    AUTO_FREE char *plain = plain_copy(name);
    size_t first = first_open(tree), i = first;
    while (i < tree->steps.n &&
           (strcmp(tree->steps.at[i].name, plain) != 0 || tree->steps.at[i].state >= TREE_DONE))
        i++;
    if (i == tree->steps.n) {
        TreeStep it = *push(tree, name, phase);
        i = first;
        while (tree->steps.at[i].state == TREE_RUNNING)
            i++;
        memmove(&tree->steps.at[i + 1], &tree->steps.at[i],
                (tree->steps.n - 1 - i) * sizeof(*tree->steps.at));
        tree->steps.at[i] = it;
        return &tree->steps.at[i];
    }
    size_t from = first;
    while (from < i && tree->steps.at[from].state != TREE_PENDING)
        from++;
    cut(tree, from, i);
    return &tree->steps.at[from];
}

void tree_start(Tree *tree, const char *name, const char *phase, int64_t now_ms) {
    TreeStep *step = open_one(tree, name, phase);
    tree_wait(tree, NULL);
    if (step->state == TREE_RUNNING)
        return;
    step->state = TREE_RUNNING;
    step->since_ms = now_ms;
}

void tree_end(Tree *tree, const char *name, const char *phase, const TreeEnd *end) {
    TreeStep *step = open_one(tree, name, phase);
    tree_wait(tree, NULL);
    step->state = end->state;
    step->took_ms = end->took_ms;
    free(step->note);
    step->note = end->note ? plain_copy(end->note) : NULL;
}

/* Of what a carriage return overwrites only the last. */
void tree_talk(Tree *tree, const char *name, const char *line, size_t size) {
    while (size && line[size - 1] == '\r')
        size--;
    const char *last = size ? memrchr(line, '\r', size) : NULL;
    if (last) {
        size -= (size_t)(last + 1 - line);
        line = last + 1;
    }
    AUTO_FREE char *text = xstrndup(line, size < TALK_MOST ? size : TALK_MOST);
    for (size_t i = first_open(tree); i < tree->steps.n; i++) {
        TreeStep *step = &tree->steps.at[i];
        if (step->state != TREE_RUNNING || strcmp(step->name, name) != 0)
            continue;
        for (char *tab = text; (tab = strchr(tab, '\t'));)
            *tab = ' ';
        free(step->talk);
        step->talk = plain_copy(text);
        return;
    }
}

void tree_wait(Tree *tree, const char *why) {
    free(tree->waits);
    tree->waits = why ? plain_copy(why) : NULL;
}

void tree_close(Tree *tree) {
    tree_wait(tree, NULL);
    cut(tree, first_open(tree), tree->steps.n);
}

bool tree_is_running(const Tree *tree) {
    for (size_t i = tree->printed; i < tree->steps.n; i++)
        if (tree->steps.at[i].state == TREE_RUNNING)
            return true;
    return tree->waits != NULL;
}

/* ---- lines ---- */

/* A line that is being written, and the columns that are left of it. */
typedef struct Pen {
    const TreeStyle *style;
    Buf *out;
    size_t left;
} Pen;

static void put(Pen *pen, const char *color, const char *text) {
    char cut_text[CUT_BYTES];
    bool painted = color && pen->style->color && *text;
    if (!pen->left)
        return;
    columns_cut(text, pen->left, cut_text, sizeof(cut_text));
    buf_printf(pen->out, "%s%s%s", painted ? color : "", cut_text, painted ? "\033[0m" : "");
    pen->left -= columns_of(cut_text);
}

static void put_blanks(Pen *pen, size_t n) {
    for (; n && pen->left; n--, pen->left--)
        buf_putc(pen->out, ' ');
}

/* Of a terminal the last column stays free: some go to the next row when it is written. */
static Pen begin(const TreeStyle *style, Buf *out, size_t indent) {
    Pen pen = {style, out, style->width > 1 ? style->width - 1 : 1};
    put_blanks(&pen, indent);
    return pen;
}

/* Returns its columns. */
static size_t end(Pen *pen) {
    size_t all = pen->style->width > 1 ? pen->style->width - 1 : 1;
    buf_putc(pen->out, '\n');
    return all - pen->left;
}

static size_t name_width(const Tree *tree, size_t width) {
    size_t beside = STEP_INDENT + 2 + 2 + TOOK_WIDTH + 1;
    size_t longest = 0, most = width > beside + NAME_LEAST ? width - beside : NAME_LEAST;
    for (size_t i = 0; i < tree->steps.n; i++) {
        size_t own = columns_of(tree->steps.at[i].name);
        longest = own > longest ? own : longest;
    }
    return longest < most ? longest : most;
}

static void took_of(const TreeStep *step, int64_t now_ms, char text[DURATION_TEXT]) {
    int64_t ms = now_ms - step->since_ms;
    text[0] = '\0';
    if (step->state == TREE_RUNNING && ms >= 1000)
        duration_format_go(ms - ms % 1000, text);
    else if (step->took_ms > 0 || (step->took_ms == 0 && step->state == TREE_DONE))
        duration_format_short(step->took_ms, text);
}

static size_t put_step(const Tree *tree, const TreeStyle *style, const TreeStep *step, Buf *out) {
    char took[DURATION_TEXT], name[CUT_BYTES];
    const char *color = tree_color(step->state);
    size_t width = name_width(tree, style->width);
    Pen pen = begin(style, out, STEP_INDENT);
    took_of(step, style->now_ms, took);
    put(&pen, color, tree_sign(step->state));
    put_blanks(&pen, 1);
    columns_cut_middle(step->name, width, name, sizeof(name));
    put(&pen, step->state == TREE_PENDING || step->state == TREE_SKIPPED ? DIM : NULL, name);
    if (!took[0] && !step->note)
        return end(&pen);
    size_t n = columns_of(took);
    put_blanks(&pen, width - columns_of(name) + 2 + (n < TOOK_WIDTH ? TOOK_WIDTH - n : 0));
    put(&pen, NULL, took);
    if (step->note) {
        put_blanks(&pen, 2);
        put(&pen, step->state == TREE_FAILED ? color : DIM, step->note);
    }
    return end(&pen);
}

static size_t put_text(const TreeStyle *style, size_t indent, const char *color, const char *text,
                       Buf *out) {
    Pen pen = begin(style, out, indent);
    put(&pen, color, text);
    return end(&pen);
}

/* ---- the whole ---- */

static void print_title(Tree *tree, const TreeStyle *style, Buf *above) {
    if (!tree->titled)
        (void)put_text(style, TITLE_INDENT, "\033[1m", tree->title, above);
    tree->titled = true;
}

static void print_over(Tree *tree, const TreeStyle *style, Buf *above) {
    size_t first = first_open(tree);
    for (; tree->printed < first; tree->printed++) {
        const TreeStep *step = &tree->steps.at[tree->printed];
        if (*step->phase && strcmp(step->phase, tree->phase) != 0)
            (void)put_text(style, PHASE_INDENT, NULL, step->phase, above);
        tree->phase = *step->phase ? step->phase : tree->phase;
        (void)put_step(tree, style, step, above);
    }
}

typedef struct Foot {
    Buf *out;
    size_t *columns;
    size_t n, most;
} Foot;

static void count(Foot *foot, size_t columns) {
    foot->columns[foot->n++] = columns;
}

/* What has no room is left out from the end. */
size_t tree_draw(Tree *tree, const TreeStyle *style, Buf *above, Buf *out,
                 size_t columns[LIVE_LINES_MOST]) {
    size_t most = style->height > 2 * FOOT_LEAST ? style->height / 2 : FOOT_LEAST;
    Foot foot = {out, columns, 0, most < LIVE_LINES_MOST ? most : LIVE_LINES_MOST};
    print_title(tree, style, above);
    print_over(tree, style, above);
    const char *phase = tree->phase;
    if (tree->waits)
        count(&foot, put_text(style, PHASE_INDENT, tree_color(TREE_RUNNING), tree->waits, out));
    for (size_t i = tree->printed; i < tree->steps.n; i++) {
        const TreeStep *step = &tree->steps.at[i];
        bool head = *step->phase && strcmp(step->phase, phase) != 0;
        bool talks = step->talk && step->state == TREE_RUNNING;
        if (foot.n + head + talks + 1 > foot.most)
            break;
        if (head)
            count(&foot, put_text(style, PHASE_INDENT, NULL, step->phase, out));
        phase = *step->phase ? step->phase : phase;
        count(&foot, put_step(tree, style, step, out));
        if (talks)
            count(&foot, put_text(style, TALK_INDENT, DIM, step->talk, out));
    }
    return foot.n;
}
