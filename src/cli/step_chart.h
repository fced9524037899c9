/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a workflow, drawn: stages as boxes one below the other; a graph of `depends_on` as a
 * line per step with lanes at its left, from each step to those that wait for it:
 *
 *     ✓ build   success
 *     ├─▶ test  running
 *     └─· docs  pending
 *
 * A graph with more lanes than half of the width has room for is drawn as boxes of layers. Pure: no
 * I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

typedef struct ChartStep {
    const char *name, *state, *took; /* took may be "" */
    const char *color;               /* SGR of the state; NULL: plain */
    const size_t *after;             /* indices of those it depends on */
    size_t after_n;
    size_t stage;
} ChartStep;

typedef struct Chart {
    const ChartStep *at; /* in the order of the text */
    size_t n;
    bool staged;
    bool utf8, color;
    size_t width; /* columns of the terminal */
} Chart;

void chart_draw(const Chart *chart, Buf *out);
