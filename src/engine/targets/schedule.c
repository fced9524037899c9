/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/sessions/session_files.h"
#include "engine/targets/target.h"
#include "loop/alarm.h"

static const Schedule *schedule_of(const Target *target) {
    const TargetSpec *spec = target_spec(target);
    bool job = spec->service && spec->type == TARGET_JOB;
    const Schedule *schedule = job ? &spec->service->schedule : NULL;
    return schedule && (schedule->cron || schedule->interval_ms) ? schedule : NULL;
}

bool schedule_has(const Target *target) {
    return schedule_of(target) != NULL;
}

bool schedule_was_queued(const Target *target) {
    return target->schedule_queued;
}

/* ---- the alarm ---- */

/* Says when it is due; whoever is asked next acts if that is now. */
static void look(Target *target) {
    TargetSchedule *s = target->schedule;
    TargetFacts *facts = target_facts(target);
    int64_t now_us = loop_wall_us(target->session->engine->loop);
    char text[SCHEDULE_TEXT];
    s->last_us = schedule_since(&s->rule, s->last_us, now_us);
    int64_t due_us = schedule_due(&s->rule, s->last_us, now_us);
    if (due_us == facts->due_us)
        return;
    schedule_text(&s->rule, due_us, text);
    fact_due_at(facts, due_us < 0 ? 0 : due_us, text);
    target_mark_alone(target);
}

static bool counts(Target *target) {
    const TargetFacts *facts = target_facts(target);
    return facts->want == WANT_RUN && facts->due_us && !target->session->done;
}

static void set_alarm(Engine *engine) {
    int64_t first_us = 0;
    Target *target;
    LIST_FOREACH (target, &engine->scheduled, scheduled)
        if (counts(target))
            first_us = sys_earlier(first_us, target_facts(target)->due_us);
    alarm_set(engine->alarm, first_us);
}

static void on_alarm(void *arg) {
    Engine *engine = arg;
    Target *target;
    LIST_FOREACH (target, &engine->scheduled, scheduled) {
        if (!counts(target))
            continue;
        look(target);
        if (target_facts(target)->due_us <= loop_wall_us(engine->loop))
            target_mark_alone(target);
    }
    set_alarm(engine);
}

/* ---- a target's ---- */

static bool same(const Schedule *a, const Schedule *b) {
    return str_same(a->cron, b->cron) && str_same(a->timezone, b->timezone) &&
           a->interval_ms == b->interval_ms;
}

void schedule_free(Target *target) {
    list_remove(&target->scheduled);
    if (!target->schedule)
        return;
    arena_deinit(&target->schedule->arena);
    free(target->schedule);
    target->schedule = NULL;
}

static const char *copy(const char *text, Arena *arena) {
    return text ? arena_strdup(arena, text) : NULL;
}

/* It was there when the file was read; one that is gone since counts as UTC. */
static Zone zone_of(const Schedule *schedule, Arena *arena) {
    Zone zone;
    Err err;
    if (zone_load(schedule->cron ? schedule->timezone : NULL, arena, &zone, &err) < 0)
        (void)!zone_load("UTC", arena, &zone, &err);
    return zone;
}

static void begin(Target *target, int64_t last_us) {
    Engine *engine = target->session->engine;
    const Schedule *written = schedule_of(target);
    schedule_free(target);
    TargetSchedule *s = target->schedule = xcalloc(1, sizeof(*s));
    arena_init(&s->arena);
    s->written = *written;
    s->written.cron = copy(written->cron, &s->arena);
    s->written.timezone = copy(written->timezone, &s->arena);
    s->last_us = last_us;
    const Zone zone = zone_of(&s->written, &s->arena);
    schedule_rule(&s->written, &zone, &s->rule);
    list_append(&engine->scheduled, &target->scheduled);
    if (!engine->alarm)
        engine->alarm = alarm_new(engine->loop, on_alarm, engine);
    look(target);
    set_alarm(engine);
}

bool schedule_takes(Target *target) {
    const Schedule *schedule = schedule_of(target);
    Session *session = target->session;
    if (!schedule)
        return false;
    if (session->ci && !schedule->on_start) {
        session->chosen[target->index] = 0;
        fact_noted(target_facts(target), "not run in ci: its `schedule` has no `on_start`");
    }
    if (session->ci)
        return !schedule->on_start;
    fact_awaited(target_facts(target), loop_wall_us(session->engine->loop));
    begin(target, loop_wall_us(session->engine->loop));
    return !schedule->on_start;
}

void schedule_resume(Target *target) {
    const Schedule *schedule = schedule_of(target);
    TargetSchedule *s = target->schedule;
    TargetFacts *facts = target_facts(target);
    int64_t now_us = loop_wall_us(target->session->engine->loop);
    if (!schedule || target->session->ci) {
        schedule_free(target);
        fact_due_at(facts, 0, NULL);
    } else if (facts->want == WANT_RUN && s && same(&s->written, schedule)) {
        look(target);
    } else if (facts->want == WANT_RUN) {
        begin(target, target->schedule_last_us && !s ? target->schedule_last_us : now_us);
    }
}

/* It is queued now, or was left out: the run before is not over. */
static void record_due(Target *target, int64_t now_us) {
    TargetFacts *facts = target_facts(target);
    bool busy = facts->queued || facts_alive(facts);
    char message[SCHEDULE_TEXT + 40];
    snprintf(message, sizeof(message), "its schedule said so: %s", facts->due ? facts->due : "now");
    fact_due(facts, now_us);
    event_record(target->session, &(Event){.target = target_name(target),
                                           .kind = busy ? EVENT_SKIPPED : EVENT_ASKED,
                                           .reason = busy ? REASON_OVERLAP : "Schedule",
                                           .message = busy && facts->note ? facts->note : message});
}

void schedule_act(Target *target) {
    TargetSchedule *s = target->schedule;
    Session *session = target->session;
    int64_t now_us = loop_wall_us(session->engine->loop);
    int64_t due_us = schedule_due(&s->rule, s->last_us, now_us);
    char text[SCHEDULE_TEXT];
    Err err;
    if (due_us < 0 || due_us > now_us) { /* the clock was set */
        look(target);
        set_alarm(session->engine);
        return;
    }
    s->last_us = s->rule.interval_ms ? due_us : now_us;
    int64_t next_us = schedule_due(&s->rule, s->last_us, now_us);
    schedule_text(&s->rule, next_us, text);
    record_due(target, now_us);
    fact_due_at(target_facts(target), next_us < 0 ? 0 : next_us, text);
    if (session_save(session, &err) < 0)
        log_warn("%s: %s", session->slug, err.msg);
    sys_point("due");
    target_mark(target);
    set_alarm(session->engine);
}

/* ---- on disk ---- */

void schedule_write(const Session *session, JsonWriter *out) {
    json_kv_object(out, "schedule");
    for (size_t i = 0; i < session->graph.n; i++) {
        const Target *target = session->targets[i];
        if (!target->schedule)
            continue;
        json_kv_object(out, session->graph.targets[i].name);
        json_kv_int(out, "last_us", target->schedule->last_us);
        json_kv_bool(out, "queued", session->facts[i].queued);
        json_object_end(out);
    }
    json_object_end(out);
}

void schedule_load(Session *session, const Value *v) {
    const Value *all = value_get(v, "schedule");
    for (size_t i = 0; i < session->graph.n; i++) {
        Target *target = session->targets[i];
        const Value *own = value_get(all, session->graph.targets[i].name);
        target->schedule_last_us = value_get_int(own, "last_us", 0);
        target->schedule_queued = value_get_bool(own, "queued", false);
    }
}
