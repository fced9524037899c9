/* SPDX-License-Identifier: Apache-2.0 */
/* The statuses of an environment's events: what has become of a step, or of the whole operation. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

typedef enum EventStatus {
    EVENT_STEP_VERIFYING, /* it was done: does that still stand? It takes a while to see */
    EVENT_STEP_STARTED,
    EVENT_STEP_STREAMING, /* a hook writes: its log can be followed */
    EVENT_STEP_COMPLETED,
    EVENT_STEP_SKIPPED,
    EVENT_STEP_FAILED,
    EVENT_OPERATION_WAITING,
    EVENT_OPERATION_STARTED,
    EVENT_OPERATION_DONE,
    EVENT_OPERATION_FAILED,
    EVENT_OPERATION_CANCELED,
} EventStatus;

/* As events have it. */
const char *event_status_name(EventStatus status);
bool event_status_is_of_step(EventStatus status); /* else of the operation */
/* All of them and what they mean, as docs/api.md shows them. */
void event_status_markdown(Buf *out);
