/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time on the command line: --since, --until, and as they are shown. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

/* A point in time as people say it: "10m" (ago), "2006-01-02T15:04:05Z", or in the local zone
 * "2006-01-02", "2006-01-02 15:04[:05]", "15:04[:05]" (today). */
MUST int when_parse(const char *text, int64_t now_us, int64_t *ret_us, Err *err);

/* One of RFC 3339 as the clock on the wall says it: of today the time alone, to the millisecond.
 * "": it is none. */
void when_show(const char *text, char ret[TIME_TEXT]);
