/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that go round: what a file starts leads, over others, to a change of the same file.
 * Nobody can tell that from somebody who saves it again and again, but by how often and how
 * soon. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { CIRCLE_ROW = 30, CIRCLE_MS = 3000, CIRCLE_PATH = 200, CIRCLE_PATHS = 4 };

typedef struct Circle {
    char paths[CIRCLE_PATHS][CIRCLE_PATH]; /* that changed last: a circle may be of several */
    unsigned next;                         /* place of the next that is not among them */
    int64_t at_ms;
    unsigned row; /* times in a row, each soon after the one before */
} Circle;

/* The file has changed. True: for more than CIRCLE_ROW times one of those that changed before did,
 * each within CIRCLE_MS and `slack_ms` of the one before. */
bool circle_goes_on(Circle *circle, const char *path, int64_t now_ms, int64_t slack_ms);
