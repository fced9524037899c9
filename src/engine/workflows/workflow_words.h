/* SPDX-License-Identifier: Apache-2.0 */
/* What outcomes and results are called: in the API, and in facts.jsonl. */
#pragma once

#include "plan/workflow.h"

const char *step_outcome_name(StepOutcome outcome);      /* NONE: as success */
const char *workflow_result_name(WorkflowResult result); /* NONE: NULL */

/* False: there is no such word; NULL is none. */
bool step_outcome_of(const char *word, StepOutcome *ret);
bool workflow_result_of(const char *word, WorkflowResult *ret);
