/* SPDX-License-Identifier: Apache-2.0 */
/* A Target as served, read for people. */
#pragma once

#include "data/value.h"

typedef struct TargetView {
    const char *name, *object, *space, *type; /* "api:serve", "api.serve", the slug, "server" */
    const char *state;   /* waiting active terminated disabled none */
    const char *message; /* or "" */
    const char *reason;  /* of waiting */
    const char *error;   /* of terminated; NULL: it went well */
    const char *stop_failed;
    bool ready, job;
    int64_t run, pid, restarts;
    const char *start, *finish;
} TargetView;

void target_view(const Value *target, TargetView *ret);
/* What `ps` shows as its state: "ready", "running", "waiting", "done", "failed", "stopped", … */
const char *target_word(const TargetView *view);
const char *target_color(const TargetView *view); /* SGR */
