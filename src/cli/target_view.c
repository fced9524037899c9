/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target_view.h"

#include <string.h>

void target_view(const Value *target, TargetView *ret) {
    static const char *const states[] = {"waiting", "active", "terminated", "disabled"};
    const Value *metadata = value_get(target, "metadata"), *spec = value_get(target, "spec");
    const Value *status = value_get(target, "status"), *all = value_get(status, "state"), *state = NULL;
    const char *message = value_get_str(status, "message");
    *ret = (TargetView){.name = value_get_str(spec, "target"), .object = value_get_str(metadata, "name"),
                        .space = value_get_str(metadata, "namespace"), .type = value_get_str(spec, "type"),
                        .state = "none", .message = message ? message : "",
                        .stop_failed = value_get_str(status, "stopFailed")};
    for (size_t i = 0; i < COUNT(states); i++)
        if (value_get(all, states[i])) {
            ret->state = states[i];
            state = value_get(all, states[i]);
        }
    ret->job = ret->type && strcmp(ret->type, "job") == 0;
    ret->reason = value_get_str(state, "waitReason");
    ret->error = value_get_str(state, "error");
    ret->ready = value_get_bool(state, "ready", false);
    ret->run = value_get_int(state, "run", 0);
    ret->pid = value_get_int(state, "pid", 0);
    ret->restarts = value_get_int(state, "restarts", 0);
    ret->start = value_get_str(state, "startTime");
    ret->finish = value_get_str(state, "finishTime");
}

const char *target_word(const TargetView *view) {
    if (strcmp(view->state, "active") == 0)
        return view->job ? "running" : view->ready ? "ready" : "starting";
    if (strcmp(view->state, "terminated") == 0)
        return view->error ? "failed" : "done";
    if (strcmp(view->state, "waiting") == 0)
        return view->reason && strcmp(view->reason, "backoff") == 0 ? "backoff" : "waiting";
    return strcmp(view->state, "none") == 0 ? (view->message[0] ? "stopped" : "-") : view->state;
}

const char *target_color(const TargetView *view) {
    const char *word = target_word(view);
    if (strcmp(word, "ready") == 0 || strcmp(word, "done") == 0)
        return "\033[32m";
    if (strcmp(word, "failed") == 0)
        return "\033[31m";
    if (strcmp(word, "stopped") == 0 || strcmp(word, "-") == 0)
        return "\033[2m";
    return "\033[33m";
}
