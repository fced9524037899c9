/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_event.h"

#include "base/str.h"
#include "cli/env.h"

static EnvHappening what_of(const char *status) {
    static const struct {
        const char *name;
        EnvHappening what;
    } all[] = {
        {"verifying", ENV_STARTED},   {"started", ENV_STARTED},   {"streaming", ENV_STREAMING},
        {"completed", ENV_COMPLETED}, {"done", ENV_COMPLETED},    {"skipped", ENV_SKIPPED},
        {"failed", ENV_FAILED},       {"canceled", ENV_CANCELED}, {"waiting", ENV_WAITING}};
    for (size_t i = 0; i < COUNT(all); i++)
        if (str_same(all[i].name, status))
            return all[i].what;
    return ENV_OTHER;
}

EnvEvent env_event_of(const Value *event) {
    return (EnvEvent){.seq = value_get_int(event, "seq", 0),
                      .run = value_get_int(event, "run", 0),
                      .what = what_of(value_get_str(event, "status")),
                      .step = env_text(event, "step"),
                      .phase = env_text(event, "phase"),
                      .message = env_text(event, "message"),
                      .error = env_text(event, "error"),
                      .reason = env_text(event, "reason"),
                      .resume = env_text(event, "resume"),
                      .note = env_text(event, "note"),
                      .took_ms = value_get_int(event, "durationMs", -1)};
}

bool env_event_is_end(const EnvEvent *event) {
    return !*event->step && (event->what == ENV_COMPLETED || event->what == ENV_FAILED ||
                             event->what == ENV_CANCELED);
}
