/* SPDX-License-Identifier: Apache-2.0 */
/* What a Config may not say, although each of its keys may: for workflow_load. */
#pragma once

#include "spec/source.h"
#include "spec/workflow.h"

/* All problems go to the report of the source. */
void workflow_check(const WorkflowConfig *config, const Source *source);
