/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/patience.h"

enum { PAUSE_MS = 100, PAUSE_MAX_MS = 2000 };

void patience_ok(Patience *patience) {
    *patience = (Patience){0};
}

void patience_heard(Patience *patience) {
    patience->heard++;
}

int64_t patience_again(Patience *patience, int64_t now_ms, int64_t limit_ms) {
    if (patience->heard && now_ms - patience->last_ms >= limit_ms)
        patience_ok(patience);
    if (patience->since_ms == 0)
        patience->since_ms = now_ms;
    patience->last_ms = now_ms;
    patience->heard = 0;
    if (now_ms - patience->since_ms >= limit_ms)
        return -1;
    patience->pause_ms = patience->pause_ms ? patience->pause_ms * 2 : PAUSE_MS;
    if (patience->pause_ms > PAUSE_MAX_MS)
        patience->pause_ms = PAUSE_MAX_MS;
    return patience->pause_ms;
}
