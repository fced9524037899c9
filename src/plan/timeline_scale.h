/* SPDX-License-Identifier: Apache-2.0 */
/* Where the marks of a time axis are: round steps, not too many. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

/* The smallest round step of which at most `most` fit into the range; at least 1 ms. */
int64_t scale_step_ms(int64_t range_ms, int64_t most);
/* What stands at a mark: 0, 500ms, 1.5s, 10s, 2m, 1h. */
void scale_label(int64_t ms, char text[DURATION_TEXT]);
