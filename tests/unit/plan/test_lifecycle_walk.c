/* SPDX-License-Identifier: Apache-2.0 */
/* Random lives of environments. An engine as small as it can be does what lifecycle.h asks of it,
 * and is killed, and the config is edited, effects vanish, people force steps; beside its records a
 * second account (Truth) is kept of what was really done and from what. After each decision:
 *   - what is skipped was made from what is there now, and stands;
 *   - what is run was not, or it is a hook that runs each time;
 *   - a hook is begun at most once per decision to run it, and never while it runs;
 *   - a walk that nobody disturbs ends, and the next one does nothing.
 * A violation prints the seed. */
#include <stdarg.h>

#include "base/attr.h"
#include "harness/test.h"
#include "plan/lifecycle.h"

enum { STEPS = 24, HOOKS = 12, FOUND_OUT = 3 };

typedef enum RunEnd { RUN_NEVER, RUN_DONE, RUN_FAILED, RUN_LOST } RunEnd;

typedef struct Truth {
    const char *name;
    int own;    /* version of what is its own, now */
    int salt;   /* what comes out of it, now */
    int forced; /* how often: then it counts as another, also if it runs each time */
    bool done;  /* as it is asked for */
    bool stands;
    int made_own, made_salt;
    uint64_t made[STEPS]; /* tokens of what it needed; 0: it did not need it */
    uint64_t token;       /* of what it has become */
    int64_t run;          /* of its command; 0: none */
    RunEnd end;
    bool live;
} Truth;

typedef struct Walk {
    uint64_t seed, random;
    Arena arena;
    Config config;
    ProvisionedService provisioned[3];
    Service service;
    StrPair variable;
    const char *command;
    EnvironmentHook *hooks[HOOKS];
    EnvironmentEntry entry;
    Truth truth[STEPS];
    size_t truth_n;
    Lifecycle list;
    int64_t clock, runs;
    uint64_t serial;
    int crash;            /* acts until the server is killed; 0: it is not */
    int begun, allowed;   /* hooks */
    bool killed, patient; /* patient: nothing fails */
    bool torn;            /* the last walk did not come to its end */
} Walk;

static uint32_t draw(Walk *w, uint32_t n) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->random >> 33) % n;
}

static void must(const Walk *w, bool holds, const char *rule, const char *step) {
    if (holds)
        return;
    printf("seed %llu: %s: %s\n", (unsigned long long)w->seed, step, rule);
    fflush(stdout);
    abort();
}

static Truth *truth_of(Walk *w, const char *name) {
    for (size_t i = 0; i < w->truth_n; i++)
        if (strcmp(w->truth[i].name, name) == 0)
            return &w->truth[i];
    must(w, w->truth_n < STEPS, "too many steps", name);
    w->truth[w->truth_n] = (Truth){.name = arena_strdup(&w->arena, name)};
    return &w->truth[w->truth_n++];
}

static size_t index_of(const Walk *w, const Truth *t) {
    return (size_t)(t - w->truth);
}

static bool runs_each_time(const LifecycleStep *step) {
    return step->hook && !step->hook->allow_cache;
}

/* ---- what is really so ---- */

static bool is_needed(const Walk *w, const LifecycleStep *step, const char *name) {
    for (uint32_t i = 0; i < step->need_n; i++)
        if (strcmp(w->list.at[step->needs[i]].name, name) == 0)
            return true;
    return false;
}

/* It was made from what is there now, and that from what is there now. */
static bool is_fresh(Walk *w, const LifecycleStep *step) {
    const Truth *t = truth_of(w, step->name);
    if (!t->done || t->live || t->made_own != t->own || (step->verified && !t->stands))
        return false;
    for (uint32_t i = 0; i < step->need_n; i++) {
        const LifecycleStep *need = &w->list.at[step->needs[i]];
        const Truth *n = truth_of(w, need->name);
        if (!is_fresh(w, need) || t->made[index_of(w, n)] != n->token)
            return false;
    }
    for (size_t i = 0; i < w->truth_n; i++)
        if (t->made[i] && !is_needed(w, step, w->truth[i].name))
            return false;
    return true;
}

/* It begins: whatever was there is being made anew. */
static void begins(Walk *w, const LifecycleStep *step) {
    Truth *t = truth_of(w, step->name);
    uint64_t token = ++w->serial;
    must(w, !t->live, "it is begun while it runs", step->name);
    memset(t->made, 0, sizeof(t->made));
    t->done = t->stands = false;
    t->made_own = t->own;
    t->made_salt = t->salt;
    for (uint32_t i = 0; i < step->need_n; i++) {
        const Truth *n = truth_of(w, w->list.at[step->needs[i]].name);
        t->made[index_of(w, n)] = n->token;
    }
    if (runs_each_time(step)) {
        token =
            (((uint64_t)t->salt + 1) * 1000003 + (uint64_t)t->own) * 1000003 + (uint64_t)t->forced;
        for (size_t i = 0; i < STEPS; i++)
            token = (token * 1099511628211 + t->made[i]) | UINT64_C(1) << 63;
    }
    t->token = token;
    t->live = true;
    if (step->hook)
        w->begun++;
    must(w, w->begun <= w->allowed, "it is begun once more than decided", step->name);
}

static void ends(Walk *w, const LifecycleStep *step, RunEnd end) {
    Truth *t = truth_of(w, step->name);
    t->live = false;
    t->end = end;
    t->done = t->stands = end == RUN_DONE;
}

/* ---- the engine ---- */

/* True: this is where it is killed. */
static bool dies(Walk *w) {
    if (w->crash > 0 && --w->crash == 0)
        w->killed = true;
    return w->killed;
}

static void record(Walk *w, const LifecycleStep *step, Checkpoint checkpoint) {
    checkpoint.name = step->name;
    entry_set_checkpoint(&w->entry, &checkpoint, &w->arena);
}

static void invalidate(Walk *w, const char *name) {
    Checkpoint *found = entry_checkpoint(&w->entry, name);
    if (found)
        lifecycle_invalidate(found);
}

static void invalidate_dependants(Walk *w, uint32_t i) {
    uint32_t stale[STEPS], n = lifecycle_dependants(&w->list, i, stale);
    for (uint32_t k = 0; k < n; k++)
        invalidate(w, w->list.at[stale[k]].name);
}

static void record_end(Walk *w, const LifecycleStep *step) {
    const Truth *t = truth_of(w, step->name);
    Checkpoint checkpoint = *entry_checkpoint(&w->entry, step->name);
    checkpoint.status = t->end == RUN_DONE ? CHECKPOINT_COMPLETED : CHECKPOINT_FAILED;
    if (step->outputs || runs_each_time(step)) {
        Value *outputs = value_new(&w->arena, VALUE_MAP);
        value_set(&w->arena, outputs, "KEY", value_new_int(&w->arena, t->made_salt));
        checkpoint.outputs = outputs;
    }
    record(w, step, checkpoint);
}

/* False: it failed, or the server was killed. */
static bool do_step(Walk *w, uint32_t i, const char *inputs, bool invalidates) {
    const LifecycleStep *step = &w->list.at[i];
    Truth *t = truth_of(w, step->name);
    RunEnd end = !w->patient && draw(w, 10) == 0 ? RUN_FAILED : RUN_DONE;
    bool has_command = step->hook || step->kind == STEP_CREATE_COMPUTE;
    if (step->hook)
        w->allowed++;
    if (dies(w))
        return false;
    if (invalidates)
        invalidate_dependants(w, i);
    t->run = has_command ? ++w->runs : 0;
    t->end = RUN_NEVER;
    record(w, step,
           (Checkpoint){.status = CHECKPOINT_STARTED,
                        .started_ns = ++w->clock,
                        .inputs = inputs,
                        .run = t->run});
    if (dies(w))
        return false;
    begins(w, step);
    if (dies(w)) { /* what has a pin goes on by itself, unless the machine died too */
        ends(w, step, has_command && draw(w, 4) > 0 ? end : RUN_LOST);
        return false;
    }
    ends(w, step, end);
    if (dies(w))
        return false;
    record_end(w, step);
    return end == RUN_DONE;
}

/* Its command was started, and how it ended is known. */
static bool found_out(const Truth *t, const Checkpoint *record) {
    return record && record->status == CHECKPOINT_STARTED && record->run > 0 &&
           (t->end == RUN_DONE || t->end == RUN_FAILED);
}

static bool look_and_do(Walk *w, uint32_t i) {
    const LifecycleStep *step = &w->list.at[i];
    for (int round = 0; round < FOUND_OUT; round++) {
        const Truth *t = truth_of(w, step->name);
        const char *own = arena_printf(&w->arena, "%d", t->own);
        StepLook look = {.record = entry_checkpoint(&w->entry, step->name),
                         .inputs = lifecycle_inputs(&w->list, i, own, &w->entry, &w->arena),
                         .stands = t->stands,
                         .why = "gone"};
        StepDecision d = lifecycle_decide(step, &look, &w->arena);
        if (d.verdict == VERDICT_SKIP) {
            must(w, is_fresh(w, step), "a stale one is skipped", step->name);
            must(w, !runs_each_time(step), "one that runs each time is skipped", step->name);
            return true;
        }
        if (d.verdict == VERDICT_RESUME && found_out(t, look.record)) {
            must(w, t->run == look.record->run, "another run is recorded", step->name);
            record_end(w, step);
            if (t->end == RUN_FAILED)
                return false;
            if (runs_each_time(step) && is_fresh(w, step))
                return true; /* this was its turn */
            continue;
        }
        must(w, d.verdict == VERDICT_RESUME || !found_out(t, look.record),
             "it was begun, and is begun again", step->name);
        must(w, w->torn || runs_each_time(step) || !is_fresh(w, step), "it is done for nothing",
             step->name);
        return do_step(w, i, look.inputs, d.invalidates);
    }
    must(w, false, "nobody decides what is to become of it", step->name);
    return false;
}

static void make_list(Walk *w) {
    LifecycleAsk ask = {.config = &w->config, .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    w->list = lifecycle_of(&ask, &w->arena);
}

/* What the config has no more is forgotten. */
static void forget(Walk *w) {
    for (size_t i = 0; i < w->entry.steps.n; i++) {
        Checkpoint *found = &w->entry.steps.at[i];
        if (lifecycle_find(&w->list, found->name) == UINT32_MAX && lifecycle_invalidate(found))
            truth_of(w, found->name)->done = false;
    }
}

/* True: it came to its end. */
static bool walk(Walk *w) {
    w->killed = false;
    make_list(w);
    forget(w);
    for (uint32_t i = 0; i < w->list.n; i++)
        if (!look_and_do(w, i))
            return false;
    return true;
}

/* ---- what happens in between ---- */

static void begin_config(Walk *w) {
    static const char *const names[] = {"cache", "db", "mail"};
    Config *c = &w->config;
    EnvironmentHook *hooks[HOOKS] = {
        &c->provisioner.before,  &c->provisioner.after,      &c->provisioner.compute.create,
        &c->runner.before,       &c->runner.build,           &c->runner.deploy,
        &c->runner.after,        &w->provisioned[0].seed,    &w->provisioned[1].seed,
        &w->provisioned[2].seed, &w->provisioned[0].destroy, &w->provisioned[0].init};
    memcpy(w->hooks, hooks, sizeof(hooks));
    for (size_t i = 0; i < COUNT(names); i++)
        w->provisioned[i].name = names[i];
    w->command = "serve";
    w->variable = (StrPair){"A", "1"};
    w->service = (Service){.name = "web", .env = {&w->variable, 1}};
    c->file = "/srv/thole.yaml";
    c->provisioner.services.at = w->provisioned;
    c->provisioner.services.n = COUNT(names);
    c->services.at = &w->service;
    c->services.n = 1;
}

/* A hook comes or goes, infrastructure does, commands do. */
static void toggle(Walk *w) {
    uint32_t which = draw(w, HOOKS + 3);
    if (which < HOOKS)
        w->hooks[which]->command = w->hooks[which]->command ? NULL : "true";
    else if (which == HOOKS)
        w->config.infrastructure.compose_file =
            w->config.infrastructure.compose_file ? NULL : "/srv/compose.yaml";
    else if (which == HOOKS + 1)
        w->service.command.argv =
            w->service.command.argv.n ? (StrList){0} : (StrList){&w->command, 1};
    else
        w->service.env.n = !w->service.env.n;
    if (which < HOOKS && w->hooks[which] == &w->config.provisioner.compute.create)
        truth_of(w, "create_compute")->own++; /* another way to make it */
}

static const char *any_step(Walk *w) {
    make_list(w);
    return w->list.at[draw(w, w->list.n)].name;
}

/* --from: it and all after it, whatever they need. */
static void force_from(Walk *w, bool only) {
    make_list(w);
    uint32_t from = draw(w, w->list.n);
    for (uint32_t i = from; i < (only ? from + 1 : w->list.n); i++) {
        Checkpoint *found = entry_checkpoint(&w->entry, w->list.at[i].name);
        if (!found || !lifecycle_invalidate(found))
            continue;
        truth_of(w, w->list.at[i].name)->done = false;
        truth_of(w, w->list.at[i].name)->forced++;
    }
}

static void happen(Walk *w) {
    switch (draw(w, 6)) {
    case 0: truth_of(w, any_step(w))->own++; break;
    case 1:
        truth_of(w, any_step(w))->salt++; /* it counts when it is run again */
        break;
    case 2: truth_of(w, any_step(w))->stands = false; break;
    case 3: force_from(w, draw(w, 2) == 0); break;
    case 4: toggle(w); break;
    default: break;
    }
}

/* Undisturbed it ends; and then there is nothing to do but what is done each time. */
static void settle(Walk *w) {
    w->patient = true;
    w->crash = 0;
    bool ended = walk(w);
    for (int i = 0; i < 2 && !ended; i++) /* what failed while nobody looked is told of first */
        ended = walk(w);
    must(w, ended && walk(w), "it does not end", "walk"); /* hooks that were resumed run anew */
    for (uint32_t i = 0; i < w->list.n; i++)
        must(w, is_fresh(w, &w->list.at[i]), "it is stale at the end", w->list.at[i].name);
    int64_t runs = w->runs, each_time = 0;
    for (uint32_t i = 0; i < w->list.n; i++)
        each_time += runs_each_time(&w->list.at[i]);
    must(w, walk(w) && w->runs == runs + each_time, "the second time is not idle", "walk");
    w->patient = w->torn = false;
}

static void live(uint64_t seed) {
    Walk w = {.seed = seed, .random = seed * 7919 + 1};
    arena_init(&w.arena);
    begin_config(&w);
    for (size_t i = 0; i < HOOKS; i++)
        *w.hooks[i] = (EnvironmentHook){.command = draw(&w, 2) ? "true" : NULL,
                                        .allow_cache = draw(&w, 4) > 0};
    for (int event = 0; event < 40; event++) {
        happen(&w);
        w.crash = draw(&w, 2) ? (int)draw(&w, 30) + 1 : 0;
        if (!walk(&w))
            w.torn = true;
        if (draw(&w, 3) == 0)
            settle(&w);
    }
    settle(&w);
    arena_deinit(&w.arena);
}

TEST_TIMEOUT(random_lives_of_environments, 120) {
    const char *rounds = getenv("THOLE_MODEL_ROUNDS");
    uint64_t n = rounds ? strtoull(rounds, NULL, 10) : 600;
    for (uint64_t seed = 1; seed <= n; seed++)
        live(seed);
}
