/* SPDX-License-Identifier: Apache-2.0 */
/* A target: what is known of it, and its calls in flight. It acts as the plan says. */
#pragma once

#include "engine/events/events_look.h"
#include "engine/files/inputs.h"
#include "engine/ports/lazy.h"
#include "engine/ports/port_check.h"
#include "engine/sessions/session.h"
#include "engine/targets/helpers.h"
#include "engine/targets/hooks.h"
#include "engine/targets/probe.h"
#include "engine/targets/schedule.h"

typedef struct ServiceWatch ServiceWatch;

/* Its address stays the same over reloads; its index does not. */
struct Target {
    Session *session;
    uint32_t index;    /* into graph.targets and facts, of the present generation */
    Generation *begun; /* under which its newest run was started, or is looked up; NULL: none yet */
    Object object;
    List dirty;     /* Engine.dirty, while marked */
    List slot_wait; /* Engine.slot_wait, while it waits for a job slot */
    List tidy;      /* Engine.tidy, while its older runs are to be looked at */
    List lingers;   /* Engine.lingering, while runs of it may have left helpers */
    Helpers helpers;
    TargetHooks hooks;
    List scheduled; /* Engine.scheduled, while it has one */
    TargetSchedule *schedule;
    int64_t schedule_last_us; /* adoption: as its former server left it */
    bool schedule_queued;
    Tristate enabled_asked; /* by people; UNKNOWN: as the file says */
    bool has_slot;
    bool follower_marked;  /* since something that it follows was marked */
    bool slot_pending;     /* not shown yet: a slot is free and about to be offered */
    Timer *wake;           /* the plan wants to be asked again */
    uint32_t queued_after; /* adoption: a run was still to come after this one */
    int64_t older_bytes;   /* of logs of the runs before the newest one; -1: to be looked up */
    uint32_t base_run;     /* newest run of earlier sessions */
    EventsSeen events;     /* what was recorded of it */
    Op *start, *wait, *destroy, *resume; /* calls in flight */
    LazyWait *lazy;                      /* it waits for a connection */
    PortClear *port;                     /* its next run waits for a port to be free */
    ReadyProbe *probe, *live;            /* live: once it is ready, or runs without a `ready` */
    ServiceWatch
        *watch; /* of its service, if it is the target of the command; NULL: nothing is watched */
    InputsLook *look;                  /* at its inputs, in flight */
    char inputs_digest[INPUTS_DIGEST]; /* as of the last look */
    char *queued_cause;                /* adoption: files had changed, and that is why */
    bool queued_forced;                /* ... and it is not to be skipped */
    char *skipped_note; /* adoption: it was not needed, as this says; NULL: it was, or may be */
    int64_t skipped_us; /* ... when that was found */
    TargetState shown;
    const char *waiting_on[WAITING_ON_MAX]; /* what shown.waiting_on points to */
    char error[FACTS_TEXT], why[2 * FACTS_TEXT], probe_why[FACTS_TEXT], stop_failed[FACTS_TEXT];
    char message[4 * FACTS_TEXT]; /* what is shown: why, and who was left running */
};

/* target_mark.c: plan again for `target` and all whose plan may depend on it, at the next drain. */
void target_mark(Target *target);
void target_mark_alone(Target *target); /* ... for it and no other */
/* ... for those who wait for a lock that this one has, had or was to have. */
void target_mark_lock_waiters(Target *target);
/* target_show.c: records what is shown now and tells watchers if it changed. The only writer of
 * Target.shown. */
void target_show(Target *target, const Verdict *verdict);
void target_encode(Object *object, JsonWriter *out); /* its ObjectEncodeFn */
TargetFacts *target_facts(Target *target);
const TargetSpec *target_spec(const Target *target);
Target *target_new(Session *session, uint32_t index);
Target *target_free(Target *target);
/* The generation is another one now, and this its place there. */
void target_move(Target *target, uint32_t index);
/* Asks the plan and performs its act. */
void target_drain(Target *target, int slots);
/* Its newest run is alive already (adoption): listen to it. */
void target_watch_run(Target *target);
/* Its service as its newest run was begun with it. */
const Service *target_begun_service(const Target *target);
/* target_probes.c: of the run that is alive, as its service says. */
void target_probes_start(Target *target);
void target_probes_stop(Target *target);
/* Its message is put together anew. */
void target_retold(Target *target);
/* target_inputs.c: what it reads is looked at (ACT_LOOK); a run begins; it has ended. */
void target_look_at_inputs(Target *target);
void target_inputs_begun(Target *target);
void target_inputs_ended(Target *target);
/* The port of this machine that its `ready` asks; 0: none. */
uint16_t target_ready_port(const Target *target);
RunResult target_result(const StepState *state);
/* Older runs that fall out of what is kept go. */
void target_tidy(Target *target);
void target_kill(Target *target); /* hasten a stop: no grace left */
/* A run has left helpers, or may have: an earlier session's. */
void target_lingers(Target *target, uint32_t run);
void target_look(Target *target); /* at its helpers, and shows them */
/* Its helpers end; true when none is left. Called again when one of them has, and after
 * `stop_failed` is cleared. */
bool target_end_helpers(Target *target);

/* The hook before its run has ended: it goes on, or is over before it began. */
void target_begun(Target *target);
void target_refused(Target *target, const char *why);
void target_begin_under(Target *target); /* the present generation */
StepId target_step_id(const Target *target, uint32_t run);
