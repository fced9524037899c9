/* SPDX-License-Identifier: Apache-2.0 */
/* Between show.c and why.c: a sentence is about what is shown. */
#pragma once

#include "plan/plan.h"

TargetPhase show_phase(const TargetFacts *facts, const Verdict *verdict);
