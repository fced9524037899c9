/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/exit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"

typedef enum Standing {
    STAND_OUT,
    STAND_FAILED,
    STAND_WAITING,
    STAND_NOT_READY,
    STAND_RETRYING,
    STAND_WELL
} Standing;

static Standing standing(const ExitInput *in, size_t i) {
    const TargetState *s = &in->shown[i].state;
    if (!in->chosen[i] && i != in->graph->tiltfile)
        return STAND_OUT;
    switch (s->phase) {
    case PHASE_NONE:
    case PHASE_DISABLED: return STAND_OUT;
    case PHASE_WAITING: /* who connects is answered: it is as well as a server can be */
        return str_same(s->wait_reason, "waiting-for-connection") ? STAND_WELL : STAND_WAITING;
    case PHASE_ACTIVE: return s->ready ? STAND_WELL : STAND_NOT_READY;
    case PHASE_TERMINATED:
        if (!s->error)
            return STAND_WELL;
        return strcmp(s->grace_status, "Tolerated") == 0 ? STAND_RETRYING : STAND_FAILED;
    }
    UNREACHABLE();
}

static void wake_at(ExitVerdict *v, int64_t when_ms) {
    if (v->wake_ms == 0 || when_ms < v->wake_ms)
        v->wake_ms = when_ms;
}

static void end_with(ExitVerdict *v, int64_t culprit, const char *format, ...) PRINTF(3, 4);
static void end_with(ExitVerdict *v, int64_t culprit, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(v->error, sizeof v->error, format, args);
    va_end(args);
    v->done = true;
    v->culprit = culprit;
}

/* Targets are in name order, so the first of equals is the first by name. */
static bool check_failures(const ExitInput *in, ExitVerdict *v) {
    int64_t first = -1;
    for (size_t i = 0; i < in->graph->n; i++) {
        if (standing(in, i) != STAND_FAILED)
            continue;
        if (first < 0 || in->shown[i].state.finish_us < in->shown[first].state.finish_us)
            first = (int64_t)i;
    }
    if (first < 0)
        return false;
    const TargetState *s = &in->shown[first].state;
    bool exceeded = strcmp(s->grace_status, "Exceeded") == 0;
    end_with(v, first, "%s%s", exceeded ? "exceeded grace period: " : "", s->error);
    return true;
}

static bool all_well(const ExitInput *in) {
    for (size_t i = 0; i < in->graph->n; i++) {
        Standing s = standing(in, i);
        if (s != STAND_OUT && s != STAND_WELL)
            return false;
    }
    return true;
}

static bool check_success(const ExitInput *in, ExitVerdict *v) {
    v->healthy_since_ms = 0;
    if (!all_well(in))
        return false;
    if (in->graph->n <= 1) {
        end_with(v, (int64_t)in->graph->tiltfile, "there is nothing to run");
        return true;
    }
    v->healthy_since_ms = in->healthy_since_ms ? in->healthy_since_ms : in->now_ms;
    if (v->healthy_since_ms == 0)
        v->healthy_since_ms = 1;
    v->done = in->now_ms - v->healthy_since_ms >= in->ci->soak_ms;
    if (!v->done)
        wake_at(v, v->healthy_since_ms + in->ci->soak_ms);
    return v->done;
}

/* Since when it is not ready; 0: it is not that it is not. */
static int64_t unready_since_ms(const ExitInput *in, size_t i) {
    if (in->graph->targets[i].type != TARGET_SERVER || standing(in, i) != STAND_NOT_READY)
        return 0;
    const TargetFacts *f = &in->facts[i];
    return f->last_ready_ms ? f->last_ready_ms : f->started_ms;
}

static bool check_readiness(const ExitInput *in, ExitVerdict *v) {
    int64_t patience = in->ci->readiness_timeout_ms, oldest = 0, culprit = -1;
    for (size_t i = 0; patience > 0 && i < in->graph->n; i++) {
        int64_t since = unready_since_ms(in, i);
        if (since && (culprit < 0 || since < oldest)) {
            oldest = since;
            culprit = (int64_t)i;
        }
    }
    if (culprit < 0)
        return false;
    if (in->now_ms - oldest <= patience) {
        wake_at(v, oldest + patience + 1);
        return false;
    }
    char text[DURATION_TEXT];
    duration_format_go(patience, text);
    end_with(v, culprit, "Readiness timeout after %s: target %s not ready", text,
             in->graph->targets[culprit].name);
    v->timeout = true;
    return true;
}

/* ---- the summary of a global timeout ---- */

typedef struct Summary {
    char *text;
    size_t size, at;
    bool full;
} Summary;

enum { SUMMARY_END = 8 }; /* room kept for what closes a list that was cut */

static void put(Summary *s, const char *format, ...) PRINTF(2, 3);
static void put(Summary *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->text + s->at, s->size - s->at, format, args);
    va_end(args);
    if ((size_t)n < s->size - s->at) {
        s->at += (size_t)n;
        return;
    }
    s->text[s->at] = '\0';
    s->full = true;
}

static void put_category(Summary *s, const ExitInput *in, Standing which, const char *name) {
    size_t n = 0, listed = 0;
    for (size_t i = 0; i < in->graph->n; i++)
        n += standing(in, i) == which;
    if (n == 0 || s->full)
        return;
    put(s, "%s%zu resource%s %s (", s->at ? ", " : "", n, n == 1 ? "" : "s", name);
    s->size -= SUMMARY_END;
    for (size_t i = 0; i < in->graph->n && !s->full; i++) {
        if (standing(in, i) != which)
            continue;
        const char *reason = which == STAND_WAITING ? in->shown[i].state.wait_reason : NULL;
        put(s, "%s%s%s%s", listed++ ? ", " : "", in->graph->targets[i].name, reason ? " " : "",
            reason ? reason : "");
    }
    s->size += SUMMARY_END;
    bool cut = s->full;
    s->full = false;
    put(s, "%s)", cut ? ", ..." : "");
    s->full = cut;
}

static void check_timeout(const ExitInput *in, ExitVerdict *v) {
    int64_t timeout = in->ci->timeout_ms;
    if (timeout <= 0)
        return;
    if (in->now_ms - in->started_ms <= timeout) {
        wake_at(v, in->started_ms + timeout + 1);
        return;
    }
    char text[DURATION_TEXT], list[EXIT_TEXT - 80] = "";
    Summary s = {.text = list, .size = sizeof list};
    put_category(&s, in, STAND_WAITING, "waiting");
    put_category(&s, in, STAND_NOT_READY, "not ready");
    put_category(&s, in, STAND_RETRYING, "retrying");
    duration_format_go(timeout, text);
    end_with(v, -1, "Timeout after %s: %s", text,
             s.at ? list : "everything is well, but not for long enough (`soak`)");
    v->timeout = true;
}

void exit_check(const ExitInput *in, ExitVerdict *ret) {
    *ret = (ExitVerdict){.culprit = -1};
    if (check_failures(in, ret) || check_success(in, ret) || check_readiness(in, ret))
        ret->wake_ms = 0;
    else
        check_timeout(in, ret);
    if (ret->done)
        ret->wake_ms = 0;
}

bool exit_may_end(const Config *config) {
    for (size_t i = 0; i < config->services.n; i++)
        if (config->services.at[i].ends_session != ENDS_NEVER)
            return true;
    return false;
}

/* A build that fails leaves its server unstarted; it is not the service that ends. */
static bool ends(const ExitInput *in, size_t i) {
    const TargetSpec *spec = &in->graph->targets[i];
    const Service *service = spec->service;
    if (!service || service->ends_session == ENDS_NEVER || standing(in, i) == STAND_OUT ||
        in->shown[i].state.phase != PHASE_TERMINATED)
        return false;
    if (spec->type == TARGET_JOB && service->type == SERVICE_SERVER)
        return false;
    return in->shown[i].state.error || service->ends_session == ENDS_ALWAYS;
}

void exit_check_ends(const ExitInput *in, ExitVerdict *ret) {
    int64_t first = -1;
    *ret = (ExitVerdict){.culprit = -1};
    for (size_t i = 0; i < in->graph->n; i++)
        if (ends(in, i) &&
            (first < 0 || in->shown[i].state.finish_us < in->shown[first].state.finish_us))
            first = (int64_t)i;
    if (first >= 0)
        end_with(ret, first, "%s",
                 in->shown[first].state.error ? in->shown[first].state.error : "");
}
