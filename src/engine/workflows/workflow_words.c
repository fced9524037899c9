/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/workflows/workflow_words.h"

#include "base/str.h"

const char *step_outcome_name(StepOutcome outcome) {
    switch (outcome) {
    case OUTCOME_NONE:
    case OUTCOME_SUCCESS: break;
    case OUTCOME_FAILURE: return "failure";
    case OUTCOME_ERROR: return "error";
    case OUTCOME_CANCELED: return "killed";
    }
    return "success";
}

const char *workflow_result_name(WorkflowResult result) {
    switch (result) {
    case RESULT_NONE: break;
    case RESULT_SUCCESS: return "success";
    case RESULT_FAILURE: return "failure";
    case RESULT_ERROR: return "error";
    case RESULT_CANCELED: return "canceled";
    case RESULT_TIMEOUT: return "timeout";
    }
    return NULL;
}

bool step_outcome_of(const char *word, StepOutcome *ret) {
    for (StepOutcome o = OUTCOME_SUCCESS; word && o <= OUTCOME_CANCELED; o++)
        if (str_same(word, step_outcome_name(o))) {
            *ret = o;
            return true;
        }
    return false;
}

bool workflow_result_of(const char *word, WorkflowResult *ret) {
    for (WorkflowResult r = RESULT_SUCCESS; word && r <= RESULT_TIMEOUT; r++)
        if (str_same(word, workflow_result_name(r))) {
            *ret = r;
            return true;
        }
    return false;
}
