/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/workflows/workflow_events.h"

#include "api/api_inside.h"
#include "api/event_flow.h"

static int next_event(void *events, EventLine *ret) {
    return workflow_events_next(events, ret);
}
static void free_events(void *events) {
    workflow_events_free(events);
}

static int parse(Request *request, WorkflowEventAsk *ask) {
    ask->steps = params_all(request, "step");
    ask->follow = request_flag(request, "follow");
    return param_count(request, "limit", 0, &ask->tail) < 0 ||
                   param_count(request, "after", 0, &ask->after) < 0 ||
                   param_time(request, "since", &ask->since_us) < 0
               ? -1
               : 0;
}

void serve_workflow_events(Api *api, Request *request, const RouteMatch *match) {
    WorkflowEventAsk ask = {.tail = -1};
    Err err;
    Object *object = find_object(api, request, match);
    if (!object || parse(request, &ask) < 0)
        return;
    EventFlow flow = event_flow_new();
    WorkflowEvents *events =
        workflow_events_new(workflow_of(object), &ask, flow.more, flow.arg, &err);
    event_flow_begin(flow, request, &(EventSource){events, next_event, free_events}, &err);
}
