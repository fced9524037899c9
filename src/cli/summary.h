/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each target of a `ci` that is over, a line each. */
#pragma once

#include "cli/cases.h"
#include "cli/targets.h"

/* Remembers of a target what cannot be seen any more when it was stopped. */
void summary_note(Seen *seen);
/* On stderr. `well`: the session succeeded. */
void summary_print(const Targets *targets, bool well, bool color);
/* With the times, and the critical path. On stderr. */
void summary_table(const Cases *cases, bool color);
