/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/event_status.h"

#include "base/attr.h"

static const struct {
    const char *name, *doc;
} statuses[] = {
    [EVENT_STEP_VERIFYING] = {"verifying",
                              "it was done before; whether that still stands is being looked at"},
    [EVENT_STEP_STARTED] = {"started", "it is being done"},
    [EVENT_STEP_STREAMING] = {"streaming",
                              "its command, `run`, is about to start, and its log can be followed"},
    [EVENT_STEP_COMPLETED] = {"completed", "it is done, after `durationMs`"},
    [EVENT_STEP_SKIPPED] = {"skipped",
                            "it was done before, and nothing of what it was made from has changed"},
    [EVENT_STEP_FAILED] =
        {"failed", "it is not done, after `durationMs`; `error` says why, `reason` of what kind"},
    [EVENT_OPERATION_WAITING] = {"waiting",
                                 "for its turn, or for the store; `message` says for whom"},
    [EVENT_OPERATION_STARTED] = {"started", "its turn has come"},
    [EVENT_OPERATION_DONE] = {"done", "the end: all went well"},
    [EVENT_OPERATION_FAILED] = {"failed",
                                "the end; `error` says why, `reason` of what kind, `resume` which "
                                "command goes on"},
    [EVENT_OPERATION_CANCELED] = {"canceled", "the end: somebody ended it; `resume` goes on"},
};

const char *event_status_name(EventStatus status) {
    return statuses[status].name;
}

bool event_status_is_of_step(EventStatus status) {
    return status <= EVENT_STEP_FAILED;
}

void event_status_markdown(Buf *out) {
    buf_puts(out, "| of | `status` | meaning |\n|---|---|---|\n");
    for (EventStatus i = 0; i < COUNT(statuses); i++)
        buf_printf(out, "| %s | `%s` | %s |\n",
                   event_status_is_of_step(i) ? "a step" : "the operation", statuses[i].name,
                   statuses[i].doc);
}
