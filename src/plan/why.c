/* SPDX-License-Identifier: Apache-2.0 */
/* One sentence that names the cause. */
#include <stdio.h>

#include "base/attr.h"
#include "base/clock.h"
#include "plan/plan.h"
#include "plan/show.h"
#include "plan/words.h"

enum { NAMED_MAX = 3, DEPTH_MAX = 32, CLAUSE_TEXT = FACTS_TEXT + 64 };

typedef struct Why {
    const Graph *graph;
    const TargetFacts *facts;
    const Verdict *verdict;
    const TargetSpec *spec;
    const TargetFacts *own;
    char *text;
    size_t size;
} Why;

/* How people call a target: by its resource, but a build by its own name. */
static const char *label(const TargetSpec *spec) {
    bool build = spec->type == TARGET_JOB && spec->service && spec->service->type == SERVICE_SERVER;
    return build ? spec->name : spec->resource;
}

/* ---- what is wrong with a target that another waits for ---- */

/* Is the end of that target waited for? */
static bool waits_for_end(const TargetSpec *waiting, uint32_t target) {
    for (size_t d = 0; d < waiting->dep_n; d++)
        if (waiting->deps[d].target == target)
            return waiting->deps[d].condition == DEP_COMPLETED ||
                   waiting->deps[d].condition == DEP_ENDED;
    return false;
}

static const char *trouble_alive(bool to_end, const TargetFacts *f) {
    if (f->run_state == RUN_STOPPING)
        return "is being stopped";
    if (f->run_state == RUN_STARTING)
        return "is being started";
    return to_end ? "is still running" : "is not ready yet";
}

static const char *trouble_idle(const TargetSpec *spec, const TargetFacts *f) {
    switch (f->want) {
    case WANT_DISABLED: return "is disabled";
    case WANT_STOPPED: return "was stopped by request";
    case WANT_DOWN: return "was stopped with the session";
    case WANT_NOTHING:
        return spec->service && !spec->service->auto_start ? "is not started: its `auto` is false"
                                                           : "was not asked for";
    case WANT_RUN: return f->queued ? "has not started yet" : "has ended";
    }
    UNREACHABLE();
}

static void trouble(const Why *w, uint32_t target, char clause[CLAUSE_TEXT]) {
    const TargetFacts *f = &w->facts[target];
    const TargetSpec *spec = &w->graph->targets[target];
    if (f->want == WANT_DISABLED)
        snprintf(clause, CLAUSE_TEXT, "is disabled; `thole enable %s`", label(spec));
    else if (facts_alive(f))
        snprintf(clause, CLAUSE_TEXT, "%s",
                 trouble_alive(spec->type == TARGET_JOB || waits_for_end(w->spec, target), f));
    else if (f->want == WANT_RUN && !f->queued && f->due_us && !f->failure)
        snprintf(clause, CLAUSE_TEXT, "is due at %s", f->due ? f->due : "some time");
    else if (f->failure && f->queued)
        snprintf(clause, CLAUSE_TEXT, "failed and is tried again: %s", f->failure);
    else if (f->failure && f->want == WANT_RUN)
        snprintf(clause, CLAUSE_TEXT, "failed: %s", f->failure);
    else
        snprintf(clause, CLAUSE_TEXT, "%s", trouble_idle(spec, f));
}

/* How much a target is to blame: what cannot change by itself comes first. */
static int blame(const TargetFacts *f) {
    if (facts_failed(f))
        return 4;
    if (f->want != WANT_RUN)
        return 3;
    if (f->failure)
        return 2;
    return facts_alive(f) ? 0 : 1;
}

static int64_t worst_dep(const Why *w, uint32_t target) {
    const TargetSpec *spec = &w->graph->targets[target];
    int64_t worst = -1;
    int most = -1;
    for (size_t d = 0; d < spec->dep_n; d++) {
        const TargetFacts *f = &w->facts[spec->deps[d].target];
        if (facts_satisfy(f, &spec->deps[d]) || blame(f) <= most)
            continue;
        worst = spec->deps[d].target;
        most = blame(f);
    }
    return worst;
}

/* What a chain of targets that wait for each other comes down to. */
static uint32_t root_cause(const Why *w, uint32_t target) {
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        const TargetFacts *f = &w->facts[target];
        bool waits = f->queued && f->want == WANT_RUN && !facts_alive(f) && !f->failure;
        int64_t next = waits ? worst_dep(w, target) : -1;
        if (next < 0)
            return target;
        target = (uint32_t)next;
    }
    return target;
}

/* "db, migrate and 2 more" */
static void list_names(const Why *w, char *text, size_t size) {
    const Verdict *v = w->verdict;
    uint32_t named = v->waiting_on_n < NAMED_MAX ? v->waiting_on_n : NAMED_MAX;
    uint32_t more = v->waiting_on_total - named;
    size_t at = 0;
    for (uint32_t i = 0; i < named && at < size; i++) {
        const char *comma = i == 0 ? "" : i + 1 == named && more == 0 ? " and " : ", ";
        at += (size_t)snprintf(text + at, size - at, "%s%s", comma,
                               label(&w->graph->targets[v->waiting_on[i]]));
    }
    if (more > 0 && at < size)
        snprintf(text + at, size - at, " and %u more", more);
}

static uint32_t culprit(const Why *w) {
    uint32_t worst = w->verdict->waiting_on[0];
    for (uint32_t i = 1; i < w->verdict->waiting_on_n; i++) {
        uint32_t other = w->verdict->waiting_on[i];
        if (blame(&w->facts[other]) > blame(&w->facts[worst]))
            worst = other;
    }
    return worst;
}

static void why_deps(const Why *w, const char *what) {
    char names[256], clause[CLAUSE_TEXT];
    uint32_t worst = culprit(w), root = root_cause(w, worst);
    const char *subject = label(&w->graph->targets[worst]);
    const char *cause = label(&w->graph->targets[root]);
    bool one = w->verdict->waiting_on_total == 1;
    list_names(w, names, sizeof names);
    trouble(w, root, clause);
    if (root == worst && one)
        snprintf(w->text, w->size, "%s %s, which %s", what, names, clause);
    else if (root == worst)
        snprintf(w->text, w->size, "%s %s; %s %s", what, names, subject, clause);
    else if (one)
        snprintf(w->text, w->size, "%s %s, held up by %s, which %s", what, names, cause, clause);
    else
        snprintf(w->text, w->size, "%s %s; %s is held up by %s, which %s", what, names, subject,
                 cause, clause);
}

/* ---- by what is shown ---- */

static void say(const Why *w, const char *sentence) {
    snprintf(w->text, w->size, "%s", sentence ? sentence : "");
}

static void why_backoff(const Why *w) {
    char delay[DURATION_TEXT];
    int64_t max = w->spec->service->restart.max_restarts;
    duration_format_short(w->own->backoff_ms, delay);
    if (max > 0)
        snprintf(w->text, w->size, "%s; restart %u of %lld after %s", w->own->failure,
                 w->own->attempt, (long long)max, delay);
    else
        snprintf(w->text, w->size, "%s; restart %u after %s", w->own->failure, w->own->attempt,
                 delay);
}

static void why_lock(const Why *w) {
    uint32_t other = w->verdict->waiting_on[0];
    snprintf(w->text, w->size, "waiting for the lock %s, which %s %s",
             w->graph->locks[w->verdict->lock].name, label(&w->graph->targets[other]),
             facts_busy(&w->facts[other]) ? "holds" : "is to have first");
}

static void why_schedule(const Why *w) {
    const TargetFacts *f = w->own;
    const char *due = f->due ? f->due : "some time";
    if (f->failure)
        snprintf(w->text, w->size, "next run at %s; run %u failed: %s", due, f->run, f->failure);
    else if (f->run_state == RUN_ENDED && f->ever_succeeded && !f->stop_requested)
        snprintf(w->text, w->size, "next run at %s; run %u succeeded", due, f->run);
    else
        snprintf(w->text, w->size, "next run at %s", due);
}

static void why_waiting(const Why *w) {
    switch (w->verdict->hold) {
    case HOLD_DEP: why_deps(w, "waiting for"); return;
    case HOLD_BUILD: why_deps(w, "waiting for its build"); return;
    case HOLD_LOCK: why_lock(w); return;
    case HOLD_HOOK:
        snprintf(w->text, w->size, "%s%swaiting for the hook %s of run %u to end",
                 w->own->failure ? w->own->failure : "", w->own->failure ? "; " : "",
                 hook_name((Hook)w->own->hook), w->own->run);
        return;
    case HOLD_LOOK: say(w, "looking whether its inputs have changed"); return;
    case HOLD_SCHEDULE: why_schedule(w); return;
    case HOLD_SLOT: say(w, "waiting for one of the running jobs to end (`parallelism`)"); return;
    case HOLD_CONNECTION: say(w, "waiting for the first connection to its port"); return;
    case HOLD_BACKOFF: why_backoff(w); return;
    case HOLD_STOPPING:
        say(w, w->own->stop_failed ? w->own->note : "waiting for its former run to end");
        return;
    case HOLD_STARTING:
    case HOLD_NONE:
        if (w->own->stop_failed)
            say(w, w->own->note);
        else
            say(w, w->own->run_state == RUN_STOPPING ? "being stopped" : "being started");
        return;
    }
    UNREACHABLE();
}

static void why_stopping(const Why *w) {
    if (w->own->stop_failed)
        say(w, w->own->note);
    else if (w->own->failure)
        snprintf(w->text, w->size, "%s; being stopped", w->own->failure);
    else
        say(w, w->own->queued ? "being stopped, to be started again" : "being stopped");
}

static void why_active(const Why *w) {
    const TargetFacts *f = w->own;
    if (f->run_state == RUN_STOPPING)
        why_stopping(w);
    else if (f->want == WANT_DOWN)
        say(w, "going to be stopped when nothing that depends on it is left");
    else if (w->verdict->hold == HOLD_BUILD)
        why_deps(w, "its restart waits for its build");
    else if (w->verdict->hold == HOLD_DEP)
        why_deps(w, "its restart waits for");
    else if (f->queued && f->patient && f->cause)
        snprintf(w->text, w->size, "%s; it runs again when this run has ended", f->cause);
    else if (f->note)
        say(w, f->note);
    else if (w->spec->type == TARGET_SERVER && !f->ready)
        say(w, f->last_ready_us ? "not ready any more" : "not ready yet");
}

static void why_none(const Why *w) {
    const TargetFacts *f = w->own;
    if (f->note)
        say(w, f->note);
    else if (f->want == WANT_STOPPED)
        say(w, "stopped by request");
    else if (f->want == WANT_DOWN)
        say(w, f->run ? "stopped with the session" : "never started");
    else if (f->want == WANT_RUN)
        say(w, "not started: the session is over");
    else if (w->spec->service && !w->spec->service->auto_start)
        say(w, "not started: its `auto` is false");
    else
        say(w, "not among what was asked for");
}

void plan_why(const Judged *judged, char *text, size_t size) {
    Why w = {.graph = judged->graph,
             .facts = judged->facts,
             .verdict = judged->verdict,
             .spec = &judged->graph->targets[judged->i],
             .own = &judged->facts[judged->i],
             .text = text,
             .size = size};
    text[0] = '\0';
    switch (show_phase(w.own, judged->verdict)) {
    case PHASE_WAITING: why_waiting(&w); return;
    case PHASE_ACTIVE: why_active(&w); return;
    case PHASE_TERMINATED: say(&w, w.own->failure ? w.own->failure : w.own->note); return;
    case PHASE_NONE: why_none(&w); return;
    case PHASE_DISABLED: say(&w, w.own->note ? w.own->note : "disabled"); return;
    }
    UNREACHABLE();
}
