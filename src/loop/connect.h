/* SPDX-License-Identifier: Apache-2.0 */
/* Can one connect there? The question of a TCP readiness probe: connects, closes at once, says how
 * it went. `localhost` is asked at ::1 and 127.0.0.1; other names are looked up first (on a helper
 * thread). */
#pragma once

#include "loop/loop.h"

typedef struct Connect Connect;

/* err: NULL, or why not; ERR_TIMEOUT after timeout_ms. Called exactly once, from the loop, unless
 * freed before. */
typedef void (*ConnectFn)(void *arg, const Err *err);

/* `host`: a name or an address, IPv6 without brackets; copied. The returned handle is dead after fn
 * has returned. */
Connect *connect_new(Loop *loop, const char *host, uint16_t port, int64_t timeout_ms, ConnectFn fn,
                     void *arg);
Connect *connect_free(Connect *connect);
