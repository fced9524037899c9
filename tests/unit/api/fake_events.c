/* SPDX-License-Identifier: Apache-2.0 */
/* A workflow has one event, and nothing more comes. */
#include "engine/workflows/workflow_events.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct WorkflowEvents {
    bool given, follow;
};

WorkflowEvents *workflow_events_new(Workflow *workflow, const WorkflowEventAsk *ask, LoopFn more,
                                    void *arg, Err *err) {
    if (ask->steps.n && strcmp(ask->steps.at[0], "nobody") == 0) {
        err_set(err, ERR_NOT_FOUND, "workflow T1 has no step nobody");
        return NULL;
    }
    WorkflowEvents *events = xcalloc(1, sizeof(*events));
    events->follow = ask->follow;
    return events;
}

WorkflowEvents *workflow_events_free(WorkflowEvents *events) {
    free(events);
    return NULL;
}

int workflow_events_next(WorkflowEvents *events, EventLine *ret) {
    static const char line[] = "{\"seq\":1,\"kind\":\"workflow\",\"reason\":\"Created\"}";
    if (events->given)
        return events->follow ? 0 : -1;
    events->given = true;
    *ret = (EventLine){.json = line, .size = strlen(line)};
    return 1;
}
