/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine would refuse of a Config's values, said before anything starts.
 * What is wrong for every backend is found before (spec/workflow_check.h). */
#pragma once

#include "backend/backend.h"

void docker_check_config(const WorkflowConfig *config, Report *report);
