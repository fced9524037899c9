/* SPDX-License-Identifier: Apache-2.0 */
/* What an environment's operation does, drawn as a tree: phases, below them their steps.
 *
 *     create feat-x
 *       provision
 *         ✓ create_compute  120ms
 *         ○ allocate_ports         cached
 *         ▶ seed_db            3s
 *             copying table orders
 *         · build_manifest
 *
 * What is over is printed once, and stays; the rest is drawn at the foot. Pure: no I/O, no clock.
 */
#pragma once

#include "base/vec.h"
#include "cli/live_lines.h"

typedef enum TreeState {
    TREE_PENDING,
    TREE_RUNNING,
    TREE_DONE,
    TREE_SKIPPED,
    TREE_FAILED,
} TreeState;

typedef struct TreeStep {
    char *name;        /* owned; without control characters, like all below */
    const char *phase; /* a literal: "provision", "run", "destroy", "" */
    TreeState state;
    int64_t since_ms; /* monotonic; TREE_RUNNING */
    int64_t took_ms;  /* of one that is over; -1: unknown */
    char *note;       /* owned; why, NULL: nothing is to be said */
    char *talk;       /* owned; the last line that its hook wrote; NULL */
} TreeStep;

typedef struct Tree {
    char *title;         /* owned */
    VEC(TreeStep) steps; /* in the order in which they are drawn */
    size_t printed;      /* the first of them stay on the screen */
    const char *phase;   /* that was printed last */
    bool titled;         /* the title was */
    char *waits;         /* owned; what the whole waits for; NULL */
} Tree;

typedef struct TreeStyle {
    bool color;
    size_t width, height; /* of the terminal */
    int64_t now_ms;
} TreeStyle;

void tree_init(Tree *tree, const char *title);
void tree_deinit(Tree *tree);

/* One that is to come, if all goes well; those before it are told of first. */
void tree_expect(Tree *tree, const char *name, const char *phase);
/* It begins now: what was expected before it does not come any more. */
void tree_start(Tree *tree, const char *name, const char *phase, int64_t now_ms);
typedef struct TreeEnd {
    TreeState state;
    int64_t took_ms;
    const char *note; /* may be NULL */
} TreeEnd;
void tree_end(Tree *tree, const char *name, const char *phase, const TreeEnd *end);
/* Its hook has written a line. */
void tree_talk(Tree *tree, const char *name, const char *line, size_t size);
void tree_wait(Tree *tree, const char *why); /* NULL: no more */
/* Nothing more will come. */
void tree_close(Tree *tree);

/* Appends to `above` what is to be printed for good since the last time, to `foot` the lines that
 * are drawn below (each ended by a newline); their columns to `columns`. Returns how many lines. */
size_t tree_draw(Tree *tree, const TreeStyle *style, Buf *above, Buf *foot,
                 size_t columns[LIVE_LINES_MOST]);
bool tree_is_running(const Tree *tree); /* its durations go on */

/* A step's sign, and the SGR of its state (NULL: plain). */
const char *tree_sign(TreeState state);
const char *tree_color(TreeState state);
/* The literal of a phase's name. */
const char *tree_phase(const char *phase);
