/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is going to do. Without a script its environment says it:
 *   SLEEP (a duration), STEP_EXIT_CODE, STEP_START_FAIL, STEP_TAIL_FAIL, STEP_OOM_KILLED
 *   (booleans), EXPECT_TYPE (a step type); STEP_SETUP_FAIL spoils the setup of the workflow. */
#include <stdlib.h>
#include <string.h>

#include "backend/fake/fake_inside.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"

enum { CANCELLED_CODE = 130, SERVICE_MS = 1000, OUTPUT_MAX = 1 << 20 };

static bool says_yes(const Step *step, const char *key) {
    const char *value = strmap_get(&step->environment, key);
    return str_same(value, "true") || str_same(value, "1");
}

/* The four lines of who it is, then its commands between two rules. */
static char *describe(const Step *step) {
    Buf text;
    const char *rule = "------------------\n";
    buf_init(&text, OUTPUT_MAX);
    buf_printf(&text, "StepName: %s\nStepType: %s\nStepUUID: %s\nStepCommands:\n%s",
               step->name ? step->name : "", step_type_name(step->type),
               step->uuid ? step->uuid : "", rule);
    for (size_t i = 0; i < step->commands.n; i++)
        buf_printf(&text, "%s\n", step->commands.at[i]);
    buf_puts(&text, rule);
    return buf_take(&text);
}

static char *expected_type(const Step *step) {
    const char *want = strmap_get(&step->environment, "EXPECT_TYPE");
    if (!want || strcmp(want, step_type_name(step->type)) == 0)
        return NULL;
    return xasprintf("expected the step to be of type %s, but it is %s", want,
                     step_type_name(step->type));
}

static void plan_life(const Step *step, FakePlan *plan) {
    const char *nap = strmap_get(&step->environment, "SLEEP");
    Err err = {0};
    if (nap && duration_parse(nap, &plan->life_ms, &err) < 0 && !plan->start_error)
        plan->start_error = xasprintf("SLEEP: %s", err.msg);
    if (!nap && step->type == STEP_SERVICE) {
        plan->life_ms = SERVICE_MS;
        plan->end = STEP_FAILED;
        plan->end_error = xstrdup("WaitStep fail due to timeout of service after 1 second");
    }
}

static void plan_of_environment(const Step *step, FakePlan *plan) {
    const char *code = strmap_get(&step->environment, "STEP_EXIT_CODE");
    int64_t number = 0;
    *plan = (FakePlan){.end = STEP_EXITED, .stopped_code = CANCELLED_CODE, .oom_killed = NO};
    plan->start_error = expected_type(step);
    if (!plan->start_error && says_yes(step, "STEP_START_FAIL"))
        plan->start_error = xstrdup("expected fail to start step");
    if (code && number_parse(code, 0, 255, &number) < 0 && !plan->start_error)
        plan->start_error = xasprintf("STEP_EXIT_CODE: %s is not an exit code", code);
    plan->code = (int)number;
    plan->tail_fails = says_yes(step, "STEP_TAIL_FAIL");
    plan->oom_killed = says_yes(step, "STEP_OOM_KILLED") ? YES : NO;
    plan_life(step, plan);
    plan->output = describe(step);
}

static void plan_of_script(const FakeScript *script, FakePlan *plan) {
    *plan = (FakePlan){
        .start_delay_ms = script->start_delay_ms,
        .life_ms = script->life_ms,
        .end = script->end,
        .code = script->code,
        .stopped_code = -1,
        .oom_killed = UNKNOWN,
        .ignores_stop = script->ignores_stop,
        .survives_kill = script->survives_kill,
        .helpers = script->helpers,
        .start_error = script->start_error ? xstrdup(script->start_error) : NULL,
        .start_errno = script->start_errno,
        .output = script->output ? xstrdup(script->output) : NULL,
    };
}

static bool fits(const char *rule, const char *name) {
    return !rule || strcmp(rule, name) == 0;
}

/* The most exact one: a task counts for more than a step. */
static const FakeScript *find_script(Fake *fake, const char *task, const char *name) {
    const FakeScript *best = NULL;
    int most = -1;
    FakeRule *rule;
    LIST_FOREACH (rule, &fake->rules, link) {
        int exact = (rule->task ? 2 : 0) + (rule->step ? 1 : 0);
        if (!fits(rule->task, task) || !fits(rule->step, name) || exact <= most)
            continue;
        best = &rule->script;
        most = exact;
    }
    return best;
}

void fake_plan_make(Fake *fake, StepId id, const Step *step, FakePlan *ret) {
    const FakeScript *script = id.step ? find_script(fake, id.task, id.step) : NULL;
    if (!script && step->name)
        script = find_script(fake, id.task, step->name);
    if (script)
        plan_of_script(script, ret);
    else
        plan_of_environment(step, ret);
}

void fake_plan_clear(FakePlan *plan) {
    free(plan->start_error);
    free(plan->end_error);
    free(plan->output);
    *plan = (FakePlan){0};
}

/* ---- Rules ---- */

FakeRule *fake_rule_free(FakeRule *rule) {
    list_remove(&rule->link);
    free((char *)rule->script.start_error);
    free((char *)rule->script.output);
    free(rule->task);
    free(rule->step);
    free(rule);
    return NULL;
}

void fake_script(Backend *backend, const char *task, const char *step, const FakeScript *script) {
    Fake *fake = fake_of(backend);
    FakeRule *rule;
    LIST_FOREACH_SAFE (rule, &fake->rules, link) {
        if (str_same(rule->task, task) && str_same(rule->step, step))
            fake_rule_free(rule);
    }
    rule = xcalloc(1, sizeof(*rule));
    rule->task = task ? xstrdup(task) : NULL;
    rule->step = step ? xstrdup(step) : NULL;
    rule->script = *script;
    rule->script.start_error = script->start_error ? xstrdup(script->start_error) : NULL;
    rule->script.output = script->output ? xstrdup(script->output) : NULL;
    list_append(&fake->rules, &rule->link);
}
