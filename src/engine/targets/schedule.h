/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs with a `schedule`: one alarm for all that the server knows. When it rings, the plan is
 * asked; what was due last is in session.json before the run is started, so that no time counts
 * twice. */
#pragma once

#include "base/arena.h"
#include "data/json.h"
#include "plan/schedule.h"

typedef struct Engine Engine;
typedef struct Session Session;
typedef struct Target Target;

/* Of a target that has one. */
typedef struct TargetSchedule {
    Arena arena;
    Schedule written; /* copies: it may be another in the next generation */
    ScheduleRule rule;
    int64_t last_us; /* when it was due last, or since when it counts */
} TargetSchedule;

bool schedule_has(const Target *target);
/* `up` wants it to run: it is due when its schedule says. False: it is to run at once as well. */
bool schedule_takes(Target *target);
/* The plan says it is due: queues its run, or says why not, and when it is next. */
void schedule_act(Target *target);
/* Its session goes on in this server, or has another generation. */
void schedule_resume(Target *target);
void schedule_free(Target *target);
/* Adoption: a run of it was queued, and it has had none in this session. */
bool schedule_was_queued(const Target *target);

void schedule_write(const Session *session, JsonWriter *out);
void schedule_load(Session *session, const Value *v);
