/* SPDX-License-Identifier: Apache-2.0 */
/* `thole trigger`: what waits to be applied is, else the service is built and started afresh. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "engine/sessions/enablement.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/service_watch.h"

static void ask_again(Target *target, const char *why) {
    Session *session = target->session;
    session->chosen[target->index] = 1;
    fact_restart_asked(target_facts(target), loop_wall_us(session->engine->loop), why);
    event_record(session, &(Event){.target = target_name(target),
                                   .kind = EVENT_ASKED,
                                   .reason = REASON_TRIGGERED,
                                   .message = why});
    target_mark(target);
}

/* A job that runs ends first: the one that follows is the one that was asked for. */
static void ask_job(Target *target, const char *why) {
    TargetFacts *facts = target_facts(target);
    if (facts->want == WANT_RUN && facts_alive(facts) && target_patient(target)) {
        fact_changed(facts, loop_wall_us(target->session->engine->loop), true, why);
        event_record(target->session, &(Event){.target = target_name(target),
                                               .kind = EVENT_ASKED,
                                               .reason = REASON_TRIGGERED,
                                               .message = why});
        target_mark(target);
    } else {
        ask_again(target, why);
    }
}

/* What it needs and was never done is asked for as well. */
static void ask_needed(const Target *target) {
    Session *session = target->session;
    unsigned char *marks = xcalloc(session->graph.n, 1);
    plan_needed(&session->graph, session->facts, target->index, marks);
    marks[target->index] = 0;
    session_want(session, marks);
    events_asked(session, marks,
                 &(Event){.kind = EVENT_ASKED,
                          .reason = "Needed",
                          .message = "what was triggered needs it",
                          .cause = {.target = target_name(target)}});
    free(marks);
}

static TriggeredRun next_run(Target *target) {
    const TargetFacts *facts = target_facts(target);
    return (TriggeredRun){target, facts->run + facts->queued};
}

int target_trigger(Target *target, bool force, Triggered *ret, Err *err) {
    Target *main = target_main(target), *build = main ? target_build(main) : NULL;
    char cause[FACTS_TEXT];
    if (target_refuses(target, "triggered", err) || target_refuse_disabled(main, err) < 0 ||
        session_could_save(target->session, err) < 0)
        return -1;
    bool wanted = target_facts(main)->want == WANT_RUN;
    if (wanted && service_watch_take(main->watch, cause, sizeof(cause))) {
        service_watch_apply(main, cause);
    } else {
        ask_needed(main);
        if (build)
            ask_job(build, "triggered by request");
        ask_job(main, "triggered by request");
    }
    if (force && build)
        fact_forced(target_facts(build));
    if (force)
        fact_forced(target_facts(main));
    *ret = (Triggered){.run = next_run(main)};
    if (build)
        ret->build = next_run(build);
    return session_save(main->session, err);
}

int target_force(Target *target, Err *err) {
    fact_forced(target_facts(target));
    return session_save(target->session, err);
}
