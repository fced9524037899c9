/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time on the command line: --since, --until. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* A point in time as people say it: "10m" (ago), "2006-01-02T15:04:05Z", or in the local zone
 * "2006-01-02", "2006-01-02 15:04[:05]", "15:04[:05]" (today). */
MUST int when_parse(const char *text, int64_t now_us, int64_t *ret_us, Err *err);
