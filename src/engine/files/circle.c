/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/files/circle.h"

#include <string.h>

#include "base/str.h"

static bool is_among(Circle *circle, const char *path) {
    for (unsigned i = 0; i < CIRCLE_PATHS; i++)
        if (strncmp(circle->paths[i], path, CIRCLE_PATH - 1) == 0)
            return true;
    str_copy(circle->paths[circle->next++ % CIRCLE_PATHS], CIRCLE_PATH, path);
    return false;
}

bool circle_goes_on(Circle *circle, const char *path, int64_t now_ms, int64_t slack_ms) {
    bool same = is_among(circle, path);
    bool soon = now_ms - circle->at_ms <= CIRCLE_MS + slack_ms;
    circle->row = same && soon ? circle->row + 1 : 0;
    circle->at_ms = now_ms;
    return circle->row >= CIRCLE_ROW;
}
