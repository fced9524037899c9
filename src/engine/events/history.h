/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a session out of its events: why a target is as it is, and what ran when. Also of
 * one that is down. */
#pragma once

#include "engine/engine.h"
#include "plan/timeline.h"

/* The chain of causes (plan/chain.h) of what `name` means, as a JSON object: of a target, or of the
 * one of a resource that is worst off. ERR_NOT_FOUND: nothing is called so. */
MUST int history_why(Engine *engine, const char *slug, const char *name, JsonWriter *out, Err *err);

typedef enum TimelineForm {
    TIMELINE_JSON,
    TIMELINE_TEXT,
    TIMELINE_SVG,
    TIMELINE_PATH
} TimelineForm;

typedef struct TimelineWish {
    TimelineForm form; /* TIMELINE_PATH: the critical path alone, as text */
    TimelineText text;
    int64_t since_us, until_us; /* 0: all */
} TimelineWish;

void history_timeline(Engine *engine, const char *slug, const TimelineWish *wish, Buf *out);
