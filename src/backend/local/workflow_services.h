/* SPDX-License-Identifier: Apache-2.0 */
/* The services of a workflow on this machine: detached steps, which listen on their ports
 * themselves. The others find them by variables, as those of a session do. */
#pragma once

#include "spec/workflow.h"

/* <SERVICE>_HOST, which is 127.0.0.1, and <SERVICE>_PORT, its first port; if it has several,
 * <SERVICE>_PORT_1 and so on, too. In `arena`. */
StrMap services_environment(const WorkflowConfig *config, Arena *arena);
/* Two services that want one port. */
void services_check(const WorkflowConfig *config, Report *report);
/* ERR_CONFLICT: somebody listens on a port of this step already, who is named if that is known. */
MUST int services_check_free(const Step *step, Err *err);
