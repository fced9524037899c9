/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target_view.h"

#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

static const char *const phases[] = {"none", "waiting", "active", "terminated", "disabled"};

static void read_state(const Value *all, TargetView *ret) {
    const Value *state = NULL;
    for (size_t i = PHASE_WAITING; i < COUNT(phases); i++)
        if (value_is(value_get(all, phases[i]), VALUE_MAP)) {
            ret->phase = (TargetPhase)i;
            state = value_get(all, phases[i]);
        }
    ret->reason = value_get_str(state, "waitReason");
    ret->error = value_get_str(state, "error");
    ret->ready = value_get_bool(state, "ready", false);
    ret->run = value_get_int(state, "run", 0);
    ret->pid = value_get_int(state, "pid", 0);
    ret->restarts = value_get_int(state, "restarts", 0);
    ret->exit_code = value_get_int(state, "exitCode", -1);
    ret->signal = value_get_str(state, "signal");
    ret->start = value_get_str(state, "startTime");
    ret->finish = value_get_str(state, "finishTime");
    ret->trigger = value_get_str(state, "triggerTime");
    ret->waiting_on = value_get(state, "waitingOn");
    if (ret->error && !ret->error[0])
        ret->error = NULL;
}

int64_t object_version(const Value *object) {
    const char *text = value_get_str(value_get(object, "metadata"), "resourceVersion");
    int64_t version;
    return text && number_parse(text, 0, INT64_MAX, &version) == 0 ? version : 0;
}

void target_view(const Value *target, TargetView *ret) {
    const Value *metadata = value_get(target, "metadata"), *spec = value_get(target, "spec");
    const Value *status = value_get(target, "status"), *labels = value_get(metadata, "labels");
    const char *message = value_get_str(status, "message");
    *ret = (TargetView){.name = value_get_str(spec, "target"),
                        .object = value_get_str(metadata, "name"),
                        .space = value_get_str(metadata, "namespace"),
                        .uid = value_get_str(metadata, "uid"),
                        .version = object_version(target),
                        .resource = value_get_str(spec, "resource"),
                        .job = str_same(value_get_str(spec, "type"), "job"),
                        .message = message ? message : "",
                        .stop_failed = value_get_str(status, "stopFailed"),
                        .depends_on = value_get(spec, "dependsOn"),
                        .helpers = value_get(status, "helpers"),
                        .skipped = value_get_int(status, "skippedRun", 0),
                        .previous = value_get(status, "previous"),
                        .ports = value_get(status, "ports"),
                        .groups = value_get(spec, "groups"),
                        .labels = value_is(labels, VALUE_MAP) ? labels : NULL};
    read_state(value_get(status, "state"), ret);
    ret->stopping = ret->phase == PHASE_ACTIVE && (strstr(ret->message, "being stopped") != NULL ||
                                                   str_starts(ret->message, "going to be stopped"));
}

bool target_is_file(const TargetView *view) {
    return str_same(view->name, TARGET_FILE);
}

bool target_scheduled(const TargetView *view) {
    return view->phase == PHASE_WAITING && str_same(view->reason, "schedule");
}

int64_t target_run(const TargetView *view) {
    return view->run ? view->run : value_get_int(view->previous, "run", 0);
}

const char *target_failed_before(const TargetView *view) {
    const char *at = target_scheduled(view) ? strstr(view->message, " failed: ") : NULL;
    return at ? at + strlen(" failed: ") : NULL;
}

bool target_lazy(const TargetView *view) {
    return view->phase == PHASE_WAITING && str_same(view->reason, "waiting-for-connection");
}

const char *target_word(const TargetView *view) {
    switch (view->phase) {
    case PHASE_WAITING:
        if (target_scheduled(view))
            return "scheduled";
        return str_same(view->reason, "backoff") ? "backoff" : "waiting";
    case PHASE_ACTIVE:
        if (view->stopping)
            return "stopping";
        return view->job ? "running" : view->ready ? "ready" : "starting";
    case PHASE_TERMINATED: return view->error ? "failed" : "done";
    case PHASE_DISABLED: return "disabled";
    case PHASE_NONE: return str_starts(view->message, "stopped") ? "stopped" : "-";
    }
    UNREACHABLE();
}

const char *word_color(const char *word) {
    static const struct {
        const char *word, *color;
    } colors[] = {{"ready", "\033[32m"},   {"done", "\033[32m"},   {"failed", "\033[31m"},
                  {"-", "\033[2m"},        {"stopped", "\033[2m"}, {"disabled", "\033[2m"},
                  {"stopping", "\033[35m"}};
    for (size_t i = 0; i < COUNT(colors); i++)
        if (strcmp(word, colors[i].word) == 0)
            return colors[i].color;
    return "\033[33m";
}

const char *target_why(const TargetView *view) {
    return view->stop_failed ? view->stop_failed : view->error ? view->error : view->message;
}

char *target_sentence(const TargetView *view) {
    const char *word = target_word(view), *why = target_why(view);
    if (strcmp(word, "-") == 0)
        word = "not started";
    if (str_starts(why, word)) /* "waiting for …", "stopped by …" */
        return xasprintf("%s is %s", view->name, why);
    if (strcmp(word, "backoff") == 0)
        word = "to be restarted";
    return xasprintf("%s is %s%s%s", view->name, word, why[0] ? ": " : "", why);
}
