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

typedef struct ServicePort {
    int64_t number;
    bool udp;
    const char *uuid, *name; /* of its step */
} ServicePort;
typedef struct ServicePorts {
    ServicePort *at;
    size_t n;
} ServicePorts;

/* What its services listen on while they run. In `arena`. */
ServicePorts services_ports(const WorkflowConfig *config, Arena *arena);
/* The first of them behind `after` (NULL: of all) that `step` wants, too; NULL: there is none. */
const ServicePort *services_claim(const ServicePorts *ports, const Step *step,
                                  const ServicePort *after);
/* ERR_CONFLICT: somebody listens on a port of this step already, who is named if that is known. */
MUST int services_check_free(const Step *step, Err *err);
