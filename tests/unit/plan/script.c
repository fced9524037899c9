/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "plan/exit.h"

enum { WORDS_MAX = 16, SHOWN_MAX = 64 };

typedef struct Words {
    char text[512];
    const char *at[WORDS_MAX];
    size_t n;
    const char *rest[WORDS_MAX]; /* the line from this word on, as it was written */
} Words;

static NORETURN void bad(const char *what) {
    fprintf(stderr, "script: %s\n", what);
    abort();
}

static void split(Words *w, const char *line) {
    w->n = 0;
    snprintf(w->text, sizeof w->text, "%s", line);
    for (char *p = w->text; *p;) {
        p += strspn(p, " ");
        if (!*p)
            break;
        if (w->n == WORDS_MAX)
            bad(line);
        w->rest[w->n] = line + (p - w->text);
        w->at[w->n++] = p;
        p += strcspn(p, " ");
        if (*p)
            *p++ = '\0';
    }
}

static int64_t number(const char *text) {
    int64_t n;
    if (number_parse(text, 0, 1000000, &n) < 0)
        bad(text);
    return n;
}

static int64_t duration(const char *text) {
    int64_t ms;
    if (duration_parse(text, &ms, NULL) < 0)
        bad(text);
    return ms;
}

/* "key=value": the value if the key is this one. */
static const char *value_of(const char *word, const char *key) {
    size_t n = strlen(key);
    return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

/* ---- services ---- */

static DepCondition condition_of(const char *text) {
    static const char *const names[] = {"default", "started", "ready", "completed", "ended"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0)
            return (DepCondition)i;
    }
    bad(text);
}

static RestartPolicy policy_of(const char *text) {
    static const char *const names[] = {"never", "on-failure", "always"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0)
            return (RestartPolicy)i;
    }
    bad(text);
}

static void add_deps(Script *s, Service *service, const char *list) {
    char text[256];
    snprintf(text, sizeof text, "%s", list);
    for (char *p = text; *p;) {
        char *name = p;
        p += strcspn(p, ",");
        if (*p)
            *p++ = '\0';
        char *colon = strchr(name, ':');
        if (colon)
            *colon++ = '\0';
        bool plus = *name == '+'; /* it is followed */
        sim_depend(&s->sim, service, name + plus, colon ? condition_of(colon) : DEP_DEFAULT)
            ->restart = plus;
    }
}

static void add_codes(Script *s, Service *service, const char *list) {
    int64_t *codes = arena_alloc(&s->sim.arena, 8 * sizeof *codes);
    service->success_exit_codes.at = codes;
    schema_mark(&type_service, service, "success_exit_codes");
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        codes[service->success_exit_codes.n++] = strtoll(p, NULL, 10);
}

static bool restart_option(Service *service, const char *word) {
    const char *v;
    if ((v = value_of(word, "restart")))
        service->restart.policy = policy_of(v);
    else if ((v = value_of(word, "delay")))
        service->restart.delay_ms = duration(v);
    else if ((v = value_of(word, "max-delay")))
        service->restart.max_delay_ms = duration(v);
    else if ((v = value_of(word, "max")))
        service->restart.max_restarts = number(v);
    else if ((v = value_of(word, "reset")))
        service->restart.reset_after_ms = duration(v);
    else
        return false;
    service->restart_written = true;
    return true;
}

static void option(Script *s, Service *service, const char *word) {
    const char *v;
    if (strcmp(word, "build") == 0)
        sim_command(&s->sim, &service->build, "make");
    else if (strcmp(word, "serve") == 0)
        sim_command(&s->sim, &service->command, "./server");
    else if (strcmp(word, "job") == 0)
        service->type = SERVICE_JOB, sim_command(&s->sim, &service->command, "./job");
    else if (strcmp(word, "noauto") == 0)
        service->auto_start = false;
    else if (strcmp(word, "probe") == 0)
        service->ready.kind = PROBE_KIND_HTTP;
    else if (strcmp(word, "lazy") == 0)
        service->lazy = true;
    else if (strcmp(word, "inputs") == 0)
        service->inputs = service->build.argv.n ? service->build.argv : service->command.argv;
    else if ((v = value_of(word, "deps")))
        add_deps(s, service, v);
    else if (strcmp(word, "after") == 0)
        sim_command(&s->sim, &service->hooks.after, "after");
    else if (strcmp(word, "on_failure") == 0)
        sim_command(&s->sim, &service->hooks.on_failure, "failed");
    else if ((v = value_of(word, "every")))
        service->schedule.interval_ms = duration(v);
    else if ((v = value_of(word, "lock")))
        sim_lock(&s->sim, service, v);
    else if ((v = value_of(word, "deadline")))
        service->ready.deadline_ms = duration(v);
    else if ((v = value_of(word, "timeout")))
        service->timeout_ms = duration(v);
    else if ((v = value_of(word, "codes")))
        add_codes(s, service, v);
    else if (!restart_option(service, word))
        bad(word);
}

static void ci_option(Script *s, const char *word) {
    CiConfig *ci = &s->sim.config.ci;
    const char *v;
    if ((v = value_of(word, "grace")))
        ci->grace_ms = duration(v);
    else if ((v = value_of(word, "timeout")))
        ci->timeout_ms = duration(v);
    else if ((v = value_of(word, "readiness")))
        ci->readiness_timeout_ms = duration(v);
    else if ((v = value_of(word, "soak")))
        ci->soak_ms = duration(v);
    else
        bad(word);
    s->sim.world.ci_grace_ms = ci->grace_ms;
}

/* Commands that describe; false: it is none of these. */
static bool describe(Script *s, const Words *w) {
    if (strcmp(w->at[0], "service") == 0) {
        Service *service = sim_service(&s->sim, w->at[1]);
        for (size_t i = 2; i < w->n; i++)
            option(s, service, w->at[i]);
    } else if (strcmp(w->at[0], "ci") == 0) {
        s->sim.world.ci = true;
        for (size_t i = 1; i < w->n; i++)
            ci_option(s, w->at[i]);
    } else if (strcmp(w->at[0], "slots") == 0) {
        s->sim.parallelism = (int)number(w->at[1]);
    } else {
        return false;
    }
    return true;
}

/* ---- what is written out ---- */

static void on_act(void *arg, size_t i, const Verdict *v) {
    Script *s = arg;
    const char *name = s->sim.graph.targets[i].name;
    switch (v->act) {
    case ACT_NONE: return;
    case ACT_START: buf_printf(s->out, "  -> start %s\n", name); return;
    case ACT_STOP:
        buf_printf(s->out, "  -> stop %s%s\n", name, v->overdue ? ", overdue" : "");
        return;
    case ACT_HOOK:
        buf_printf(s->out, "  -> hook %s of %s\n", hook_name(v->start_hook), name);
        return;
    case ACT_DUE: buf_printf(s->out, "  -> %s is due\n", name); return;
    case ACT_FOLLOW:
        buf_printf(s->out, "  -> restart %s, because %s was\n", name,
                   s->sim.graph.targets[v->waiting_on[0]].name);
        return;
    case ACT_GONE: return;
    case ACT_LOOK: buf_printf(s->out, "  -> look at the inputs of %s\n", name); return;
    }
}

static void show_ended(Buf *out, const TargetState *st) {
    if (st->error)
        buf_printf(out, " error=\"%s\"", st->error);
    if (st->exit_code >= 0)
        buf_printf(out, " exit=%d", st->exit_code);
    if (st->signal)
        buf_printf(out, " signal=%d", st->signal);
    if (st->oom_killed == YES)
        buf_puts(out, " oom");
    if (st->grace_status[0])
        buf_printf(out, " grace=%s", st->grace_status);
}

static void show_state(Buf *out, const TargetState *st) {
    static const char *const phases[] = {"none", "waiting", "active", "terminated", "disabled"};
    buf_puts(out, phases[st->phase]);
    if (st->phase == PHASE_WAITING)
        buf_printf(out, " %s", st->wait_reason);
    for (size_t i = 0; i < st->waiting_on_n; i++)
        buf_printf(out, "%s%s%s", i ? "," : " [", st->waiting_on[i],
                   i + 1 == st->waiting_on_n ? "]" : "");
    if (st->phase == PHASE_ACTIVE || st->phase == PHASE_TERMINATED)
        buf_printf(out, " run=%u", st->run);
    if (st->restarts)
        buf_printf(out, " restarts=%u", st->restarts);
    if (st->phase == PHASE_ACTIVE)
        buf_puts(out, st->ready ? " ready" : "");
    if (st->phase == PHASE_TERMINATED)
        show_ended(out, st);
}

static void show(Script *s) {
    const Sim *sim = &s->sim;
    for (size_t i = 0; i < sim->graph.n; i++) {
        const char *names[WAITING_ON_MAX];
        char why[512];
        TargetState st;
        if (i == sim->graph.tiltfile)
            continue;
        Judged judged = sim_judged(sim, i);
        plan_show(&judged, &st, names);
        plan_why(&judged, why, sizeof why);
        buf_printf(s->out, "  %-14s ", sim->graph.targets[i].name);
        show_state(s->out, &st);
        buf_printf(s->out, "%s%s\n", why[0] ? " -- " : "", why);
    }
}

static void check(Script *s) {
    Sim *sim = &s->sim;
    const char *names[SHOWN_MAX][WAITING_ON_MAX];
    TargetStatus shown[SHOWN_MAX];
    ExitVerdict v;
    for (size_t i = 0; i < sim->graph.n; i++) {
        Judged judged = sim_judged(sim, i);
        plan_show(&judged, &shown[i].state, names[i]);
    }
    exit_check(&(ExitInput){.graph = &sim->graph,
                            .facts = sim->facts,
                            .chosen = s->chosen,
                            .shown = shown,
                            .ci = &sim->config.ci,
                            .started_ms = s->started_ms,
                            .healthy_since_ms = s->healthy_since_ms,
                            .now_ms = sim->world.now_ms},
               &v);
    s->healthy_since_ms = v.healthy_since_ms;
    char wake[DURATION_TEXT] = "";
    if (v.wake_ms)
        duration_format_go(v.wake_ms - sim->world.now_ms, wake);
    if (!v.done)
        buf_printf(s->out, "  not done%s%s\n", wake[0] ? ", ask again in " : "", wake);
    else if (v.error[0])
        buf_printf(s->out, "  done%s: %s%s%s\n", v.timeout ? " (timeout)" : "", v.error,
                   v.culprit < 0 ? "" : " -- ",
                   v.culprit < 0 ? "" : sim->graph.targets[v.culprit].name);
    else
        buf_puts(s->out, "  done: success\n");
}

/* ---- people and the backend ---- */

static void up(Script *s, const Words *w) {
    Sim *sim = &s->sim;
    Err err;
    const char *const *names = w->n > 1 ? w->at + 1 : NULL;
    if (graph_choose(&sim->graph, names, w->n - 1, s->chosen, &err) < 0) {
        buf_printf(s->out, "  %s\n", err.msg);
        return;
    }
    for (size_t i = 0; i < sim->graph.n; i++) {
        if (s->chosen[i])
            fact_wanted(&sim->facts[i], WANT_RUN, sim->world.now_us, NULL);
    }
    sim_drain(sim);
}

/* `restart a a`: two wishes at once, then what comes of them. */
static bool wishes(Script *s, const Words *w) {
    static const struct {
        const char *word;
        Want want;
    } wants[] = {{"stop", WANT_STOPPED}, {"disable", WANT_DISABLED}, {"want", WANT_RUN}};
    bool known = strcmp(w->at[0], "restart") == 0;
    for (size_t i = 1; known && i < w->n; i++)
        fact_restart_asked(&s->sim.facts[sim_target(&s->sim, w->at[i])], s->sim.world.now_us, NULL);
    for (size_t k = 0; k < COUNT(wants); k++) {
        for (size_t i = 1; strcmp(w->at[0], wants[k].word) == 0 && i < w->n; i++) {
            fact_wanted(&s->sim.facts[sim_target(&s->sim, w->at[i])], wants[k].want,
                        s->sim.world.now_us, NULL);
            known = true;
        }
    }
    if (known)
        sim_drain(&s->sim);
    return known;
}

static bool ended(Script *s, const Words *w, size_t i) {
    RunResult r = {.oom_killed = NO, .ended_us = s->sim.world.now_us};
    if (strcmp(w->at[0], "exit") == 0) {
        r.kind = END_EXITED;
        r.code = (int)number(w->at[2]);
    } else if (strcmp(w->at[0], "kill") == 0) {
        r.kind = END_SIGNALED;
        r.code = (int)number(w->at[2]);
        r.oom_killed = w->n > 3 ? YES : NO;
    } else if (strcmp(w->at[0], "nostart") == 0 || strcmp(w->at[0], "nomeans") == 0) {
        r.kind = END_FAILED;
        r.own_fault = strcmp(w->at[0], "nostart") == 0;
        r.code = (int)number(w->at[2]);
        r.why = w->n > 3 ? w->rest[3] : NULL;
    } else if (strcmp(w->at[0], "lost") == 0) {
        r.kind = END_LOST;
        r.oom_killed = UNKNOWN;
    } else {
        return false;
    }
    sim_ended(&s->sim, i, &r);
    return true;
}

/* `changed api:update patient src/app.js changed`, `looked api:update fresh nothing changed` */
static bool about_files(Script *s, const Words *w, size_t i) {
    bool flag = w->n > 2 && (strcmp(w->at[2], "patient") == 0 || strcmp(w->at[2], "fresh") == 0);
    const char *text = w->n > 2U + flag ? w->rest[2 + flag] : NULL;
    if (strcmp(w->at[0], "changed") == 0)
        sim_change(&s->sim, i, flag, text);
    else if (strcmp(w->at[0], "looked") == 0)
        sim_look(&s->sim, i, flag, text);
    else if (strcmp(w->at[0], "force") == 0)
        sim_force(&s->sim, i);
    else if (strcmp(w->at[0], "unwatched") == 0 || strcmp(w->at[0], "watched") == 0)
        sim_unwatched(&s->sim, i, w->at[0][0] == 'u');
    else
        return false;
    return true;
}

static void about_target(Script *s, const Words *w) {
    size_t i = sim_target(&s->sim, w->at[1]);
    if (strcmp(w->at[0], "await") == 0)
        sim_await(&s->sim, i);
    else if (strcmp(w->at[0], "start") == 0)
        sim_start(&s->sim, i);
    else if (strcmp(w->at[0], "exec") == 0)
        sim_exec(&s->sim, i);
    else if (strcmp(w->at[0], "ready") == 0)
        sim_ready(&s->sim, i, true);
    else if (strcmp(w->at[0], "unready") == 0)
        sim_ready(&s->sim, i, false);
    else if (strcmp(w->at[0], "unlive") == 0)
        sim_unlive(&s->sim, i, w->n > 2 ? w->rest[2] : NULL);
    else if (strcmp(w->at[0], "connect") == 0)
        sim_connect(&s->sim, i);
    else if (strcmp(w->at[0], "hook") == 0)
        sim_hook_end(&s->sim, i, w->n > 2 ? w->rest[2] : NULL);
    else if (strcmp(w->at[0], "stuck") == 0)
        sim_survivors(&s->sim, i, w->rest[2]);
    else if (!about_files(s, w, i) && !ended(s, w, i))
        bad(w->at[0]);
}

static void run(Script *s, const Words *w) {
    if (strcmp(w->at[0], "up") == 0)
        up(s, w);
    else if (strcmp(w->at[0], "down") == 0)
        sim_down(&s->sim);
    else if (strcmp(w->at[0], "pass") == 0)
        sim_pass(&s->sim, duration(w->at[1]));
    else if (strcmp(w->at[0], "show") == 0)
        show(s);
    else if (strcmp(w->at[0], "check") == 0)
        check(s);
    else if (!wishes(s, w))
        about_target(s, w);
}

void script_init(Script *s, Buf *out) {
    *s = (Script){.out = out};
    sim_init(&s->sim);
    s->sim.on_act = on_act;
    s->sim.arg = s;
    s->started_ms = s->sim.world.now_ms;
}

void script_deinit(Script *s) {
    sim_deinit(&s->sim);
}

void script_line(Script *s, const char *line) {
    Words w;
    split(&w, line);
    if (w.n == 0 || describe(s, &w))
        return;
    if (!s->built) {
        sim_build(&s->sim);
        s->chosen = arena_alloc(&s->sim.arena, s->sim.graph.n);
        s->built = true;
    }
    run(s, &w);
}
