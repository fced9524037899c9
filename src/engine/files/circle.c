/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/files/circle.h"

#include <string.h>

#include "base/str.h"

bool circle_goes_on(Circle *circle, const char *path, int64_t now_ms, int64_t slack_ms) {
    bool same = strncmp(circle->path, path, CIRCLE_PATH - 1) == 0;
    bool soon = now_ms - circle->at_ms <= CIRCLE_MS + slack_ms;
    circle->row = same && soon ? circle->row + 1 : 0;
    circle->at_ms = now_ms;
    str_copy(circle->path, sizeof(circle->path), path);
    return circle->row >= CIRCLE_ROW;
}
