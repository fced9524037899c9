/* SPDX-License-Identifier: Apache-2.0 */
/* What a workflow does next: by hand for each rule, and on random walks for what must hold
 * always. */
#include <stdlib.h>
#include <string.h>

#include "harness/test.h"
#include "plan/workflow.h"

typedef struct Flow {
    Arena arena;
    StepGraph *graph;
    WorkflowFacts facts;
    Buf did; /* what was done, in words: "+a" started, "-a" skipped, "!a" stopped */
} Flow;

/* A Config of one step per word; ';' begins a stage. "a+f" has on_failure alone, "a+b" both, "a&"
 * is detached, "a~" ignores failure, "a^" cancels by its failure, "a@" cleans up after a cancel,
 * "a:x,y" depends on x and y. */
static void put_step(Buf *out, const char *word, const char *comma) {
    size_t name = strcspn(word, "+&~^@:");
    bool failure = strstr(word, "+f") || strchr(word, '@'), both = strstr(word, "+b");
    buf_printf(out,
               "%s{\"name\":\"%.*s\",\"uuid\":\"%.*s\",\"image\":\"sh\",\"on_success\":%s,"
               "\"on_failure\":%s,\"detach\":%s,\"failure\":\"%s\","
               "\"backend_options\":{\"thole\":{\"on_cancel\":%s}}",
               comma, (int)name, word, (int)name, word, failure ? "false" : "true",
               failure || both ? "true" : "false", strchr(word, '&') ? "true" : "false",
               strchr(word, '~')   ? "ignore"
               : strchr(word, '^') ? "cancel"
                                   : "fail",
               strchr(word, '@') ? "true" : "false");
    const char *deps = strchr(word, ':');
    if (deps) {
        buf_puts(out, ",\"depends_on\":[\"");
        for (const char *p = deps + 1; *p; p++)
            *p == ',' ? buf_puts(out, "\",\"") : buf_putc(out, *p);
        buf_puts(out, "\"]");
    }
    buf_puts(out, "}");
}

static void flow_init(Flow *flow, const char *steps) {
    char words[1024];
    Report report;
    Buf text;
    arena_init(&flow->arena);
    report_init(&report, &flow->arena);
    buf_init(&text, 1 << 20);
    buf_init(&flow->did, 1 << 16);
    buf_puts(&text, "{\"pipeline\":[{\"steps\":[");
    snprintf(words, sizeof words, "%s", steps);
    const char *comma = "";
    for (char *save, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (strcmp(word, ";") == 0) {
            buf_puts(&text, "]},{\"steps\":[");
            comma = "";
            continue;
        }
        put_step(&text, word, comma);
        comma = ",";
    }
    buf_puts(&text, "]}]}");
    const WorkflowConfig *config =
        workflow_load("test", buf_cstr(&text), text.n, &flow->arena, &report);
    for (size_t i = 0; i < report.n; i++)
        if (!report.at[i].warning)
            test_fail(__FILE__, __LINE__, "%s", report_line(&report.at[i], &flow->arena));
    ASSERT(config != NULL);
    flow->graph = step_graph_new(config, &flow->arena);
    workflow_facts_init(&flow->facts, flow->graph);
    buf_deinit(&text);
}

static void flow_deinit(Flow *flow) {
    workflow_facts_deinit(&flow->facts, flow->graph);
    buf_deinit(&flow->did);
    arena_deinit(&flow->arena);
}

static uint32_t find(const Flow *flow, const char *name) {
    for (uint32_t i = 0; i < flow->graph->n; i++)
        if (strcmp(flow->graph->at[i].step->name, name) == 0)
            return i;
    test_fail(__FILE__, __LINE__, "no step %s", name);
    return 0;
}

/* Performs what the plan says, until it says nothing. */
static void drain(Flow *flow) {
    const StepGraph *graph = flow->graph;
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < graph->n; i++) {
            StepAct act = plan_step(graph, &flow->facts, i);
            const char *name = graph->at[i].step->name;
            if (act == STEP_ACT_NONE)
                continue;
            again = true;
            buf_printf(&flow->did, "%s%s%s", flow->did.n ? " " : "",
                       act == STEP_ACT_START  ? "+"
                       : act == STEP_ACT_SKIP ? "-"
                                              : "!",
                       name);
            if (act == STEP_ACT_START) {
                step_asked(&flow->facts, graph, i);
                step_started(&flow->facts, graph, i, 1);
            } else if (act == STEP_ACT_SKIP) {
                step_skipped(&flow->facts, graph, i);
            } else {
                step_stop_asked(&flow->facts, i);
            }
        }
    }
    (void)plan_workflow(graph, &flow->facts);
}

static void begin(Flow *flow, const char *steps) {
    flow_init(flow, steps);
    CHECK(plan_workflow(flow->graph, &flow->facts) == WORKFLOW_SET_UP);
    workflow_set_up(&flow->facts, flow->graph);
    drain(flow);
}

static void step_ends(Flow *flow, uint32_t i, StepEnded ended) {
    ended.outcome = step_outcome(&flow->facts, flow->graph, i, &ended);
    step_ended(&flow->facts, flow->graph, i, &ended);
}

static void ends(Flow *flow, const char *name, int code) {
    StepEnded ended = {
        .outcome = code ? OUTCOME_FAILURE : OUTCOME_SUCCESS, .exit_code = code, .oom_killed = NO};
    step_ends(flow, find(flow, name), ended);
    drain(flow);
}

static void cannot_start(Flow *flow, const char *name) {
    StepEnded ended = {.outcome = OUTCOME_ERROR, .exit_code = -1, .error = "no such image"};
    uint32_t i = find(flow, name);
    flow->facts.steps[i].ran = false;
    step_ends(flow, i, ended);
    drain(flow);
}

/* Destroys it, and says how it ended. */
static WorkflowResult over(Flow *flow) {
    CHECK_EQ(flow->facts.phase, WORKFLOW_ENDING);
    workflow_destroyed(&flow->facts, NULL);
    for (uint32_t i = 0; i < flow->graph->n; i++)
        if (flow->facts.steps[i].progress == PROGRESS_RUNNING)
            step_ends(flow, i, (StepEnded){.outcome = OUTCOME_FAILURE, .exit_code = 137});
    (void)plan_workflow(flow->graph, &flow->facts);
    CHECK_EQ(flow->facts.phase, WORKFLOW_OVER);
    return flow->facts.result;
}

static void finish(Flow *flow, const char *did, WorkflowResult result, const char *error) {
    CHECK_EQ(over(flow), result);
    CHECK_STR(buf_cstr(&flow->did), did);
    CHECK_STR(flow->facts.error, error);
    flow_deinit(flow);
}

TEST(stages_one_after_the_other)
{
    Flow flow;
    begin(&flow, "clone ; a b ; c");
    CHECK_STR(buf_cstr(&flow.did), "+clone");
    ends(&flow, "clone", 0);
    ends(&flow, "b", 0);
    CHECK_STR(buf_cstr(&flow.did), "+clone +a +b");
    ends(&flow, "a", 0);
    ends(&flow, "c", 0);
    finish(&flow, "+clone +a +b +c", RESULT_SUCCESS, "");
}

TEST(a_failure_skips_and_is_handled)
{
    Flow flow;
    begin(&flow, "a b ; c ; notify+f always+b ; d");
    ends(&flow, "a", 2);
    CHECK_STR(buf_cstr(&flow.did), "+a +b"); /* a sibling goes on */
    ends(&flow, "b", 0);
    ends(&flow, "notify", 0);
    ends(&flow, "always", 0);
    finish(&flow, "+a +b -c +notify +always -d", RESULT_FAILURE, "step a: exit code 2");
}

TEST(a_failure_that_is_ignored_is_none)
{
    Flow flow;
    begin(&flow, "a~ ; b notify+f");
    ends(&flow, "a", 1);
    ends(&flow, "b", 0);
    finish(&flow, "+a +b -notify", RESULT_SUCCESS, "");
    begin(&flow, "a~ ; b");
    cannot_start(&flow, "a");
    finish(&flow, "+a -b", RESULT_ERROR, "step a: no such image");
}

TEST(detached_steps_hold_nobody_up)
{
    Flow flow;
    begin(&flow, "db& ; test");
    CHECK_STR(buf_cstr(&flow.did), "+db +test");
    ends(&flow, "db", 1); /* is told, and means nothing */
    ends(&flow, "test", 0);
    finish(&flow, "+db +test", RESULT_SUCCESS, "");
    begin(&flow, "db& ; test");
    ends(&flow, "test", 0); /* db is ended by the destruction */
    finish(&flow, "+db +test", RESULT_SUCCESS, "");
}

TEST(the_end_of_the_workflow_is_no_failure_of_what_it_ends)
{
    Flow flow;
    StepEnded killed = {
        .outcome = OUTCOME_FAILURE, .exit_code = -1, .oom_killed = UNKNOWN, .error = "killed"};
    begin(&flow, "db& ; test");
    ends(&flow, "test", 0);
    uint32_t db = find(&flow, "db");
    CHECK_EQ(flow.facts.steps[db].progress, PROGRESS_RUNNING);
    step_ends(&flow, db, killed);
    CHECK_EQ(flow.facts.steps[db].outcome, OUTCOME_SUCCESS);
    CHECK(!flow.facts.steps[db].error);
    flow_deinit(&flow);
    begin(&flow, "db& ; test");
    step_ends(&flow, db, killed); /* by itself, while it was needed */
    CHECK_EQ(flow.facts.steps[db].outcome, OUTCOME_FAILURE);
    CHECK_STR(flow.facts.steps[db].error, "killed");
    flow_deinit(&flow);
}

TEST(dependencies_instead_of_stages)
{
    Flow flow;
    begin(&flow, "slow a b:a c:a,slow");
    ends(&flow, "a", 0);
    CHECK_STR(buf_cstr(&flow.did), "+slow +a +b"); /* b does not wait for slow */
    ends(&flow, "b", 0);
    ends(&flow, "slow", 0);
    ends(&flow, "c", 0);
    finish(&flow, "+slow +a +b +c", RESULT_SUCCESS, "");
}

TEST(with_dependencies_a_failure_concerns_those_behind_it)
{
    Flow flow;
    begin(&flow, "a x b:a c:b y:x notify+f:c");
    ends(&flow, "a", 1);
    ends(&flow, "x", 0);
    ends(&flow, "y", 0);
    ends(&flow, "notify", 0);
    finish(&flow, "+a +x -b -c +notify +y", RESULT_FAILURE, "step a: exit code 1");
}

TEST(a_cancel_stops_and_skips)
{
    Flow flow;
    begin(&flow, "db& ; a ; b ; notify+f");
    workflow_cancel(&flow.facts, RESULT_CANCELED, "canceled by request");
    drain(&flow);
    CHECK_STR(buf_cstr(&flow.did), "+db +a !a");
    ends(&flow, "a", 0); /* it ends well all the same */
    CHECK_EQ(flow.facts.steps[find(&flow, "a")].outcome, OUTCOME_CANCELED);
    finish(&flow, "+db +a !a -b -notify", RESULT_CANCELED, "canceled by request");
}

TEST(a_cancel_leaves_time_to_clean_up)
{
    Flow flow;
    begin(&flow, "a ; b ; tidy@ notify+f");
    workflow_cancel(&flow.facts, RESULT_TIMEOUT, "timeout after 1s");
    drain(&flow);
    ends(&flow, "a", 143);
    CHECK_STR(buf_cstr(&flow.did), "+a !a -b +tidy -notify");
    ends(&flow, "tidy", 0);
    finish(&flow, "+a !a -b +tidy -notify", RESULT_TIMEOUT, "timeout after 1s");
    begin(&flow, "a ; notify+f");
    flow.facts.cleanup = true;
    workflow_cancel(&flow.facts, RESULT_CANCELED, "canceled");
    drain(&flow);
    ends(&flow, "a", 143);
    workflow_cancel(&flow.facts, RESULT_CANCELED, "again");
    drain(&flow);
    ends(&flow, "notify", 143);
    finish(&flow, "+a !a +notify !notify", RESULT_CANCELED, "canceled");
}

TEST(a_failure_may_cancel)
{
    Flow flow;
    begin(&flow, "a^ b ; c");
    ends(&flow, "a", 1);
    CHECK_STR(buf_cstr(&flow.did), "+a +b !b");
    ends(&flow, "b", 143);
    finish(&flow, "+a +b !b -c", RESULT_FAILURE, "step a: exit code 1");
}

TEST(a_step_that_takes_too_long_has_failed)
{
    Flow flow;
    begin(&flow, "a~ ; b");
    step_timed_out(&flow.facts, 0);
    drain(&flow);
    step_ends(&flow, 0, (StepEnded){.outcome = OUTCOME_SUCCESS, .error = "timeout after 1s"});
    drain(&flow);
    CHECK_EQ(flow.facts.steps[0].outcome, OUTCOME_FAILURE);
    ends(&flow, "b", 0); /* a's failure is ignored */
    finish(&flow, "+a !a +b", RESULT_SUCCESS, "");
}

TEST(what_cannot_be_set_up_starts_nothing)
{
    Flow flow;
    flow_init(&flow, "a");
    workflow_not_set_up(&flow.facts, UINT32_MAX, "no space left", 1);
    CHECK(plan_workflow(flow.graph, &flow.facts) == WORKFLOW_DESTROY);
    finish(&flow, "", RESULT_ERROR, "no space left");
}

TEST(nothing_to_do_is_done)
{
    Flow flow;
    begin(&flow, "");
    finish(&flow, "", RESULT_SUCCESS, "");
}

/* ---- random walks ---- */

static uint32_t dice(uint32_t *seed, uint32_t n) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 10) % n;
}

static void make(uint32_t *seed, char *text, size_t size) {
    static const char *const kinds[] = {"", "", "", "+f", "+b", "&", "~", "^", "@"};
    bool graph = dice(seed, 2);
    uint32_t n = 1 + dice(seed, 12);
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        len += (size_t)snprintf(text + len, size - len, "%ss%u%s", i ? " " : "", i,
                                kinds[dice(seed, COUNT(kinds))]);
        if (graph && i && dice(seed, 3))
            len += (size_t)snprintf(text + len, size - len, ":s%u", dice(seed, i));
        else if (!graph && dice(seed, 3) == 0)
            len += (size_t)snprintf(text + len, size - len, " ;");
    }
}

/* One thing that may happen, happens. */
static void happen(Flow *flow, uint32_t *seed) {
    uint32_t i = dice(seed, flow->graph->n);
    StepFacts *step = &flow->facts.steps[i];
    if (dice(seed, 25) == 0)
        workflow_cancel(&flow->facts, RESULT_CANCELED, "canceled");
    if (dice(seed, 25) == 0)
        step_timed_out(&flow->facts, i);
    if (step->progress == PROGRESS_RUNNING || step->progress == PROGRESS_STOPPING)
        step_ends(flow, i,
                  (StepEnded){.outcome = dice(seed, 3) ? OUTCOME_SUCCESS : OUTCOME_FAILURE,
                              .exit_code = 1});
    drain(flow);
}

TEST(random_walks_end_and_every_step_is_accounted_for)
{
    for (uint32_t walk = 0; walk < 20000; walk++) {
        Flow flow;
        char text[512];
        uint32_t seed = walk * 2654435761u + 1;
        make(&seed, text, sizeof text);
        begin(&flow, text);
        for (int turn = 0; turn < 2000 && flow.facts.phase == WORKFLOW_RUNNING; turn++)
            happen(&flow, &seed);
        if (flow.facts.phase != WORKFLOW_ENDING)
            test_fail(__FILE__, __LINE__, "walk %u is stuck: %s (%s)", walk, text,
                      buf_cstr(&flow.did));
        over(&flow);
        for (uint32_t i = 0; i < flow.graph->n; i++)
            CHECK(flow.facts.steps[i].progress == PROGRESS_DONE ||
                  flow.facts.steps[i].progress == PROGRESS_SKIPPED);
        CHECK_EQ(flow.facts.settled, flow.graph->n);
        CHECK_EQ(flow.facts.live, 0);
        flow_deinit(&flow);
    }
}

TEST(who_spoils_the_setup_is_named_and_nothing_else_is_touched)
{
    Flow flow;
    flow_init(&flow, "a b");
    workflow_not_set_up(&flow.facts, 1, "error in workflow setup step 'b': no", 5);
    CHECK_EQ(flow.facts.steps[0].progress, PROGRESS_PENDING);
    CHECK_EQ(flow.facts.steps[1].outcome, OUTCOME_ERROR);
    CHECK_EQ(flow.facts.steps[1].exit_code, 1);
    CHECK(plan_workflow(flow.graph, &flow.facts) == WORKFLOW_DESTROY);
    finish(&flow, "", RESULT_ERROR, "error in workflow setup step 'b': no");
}

TEST(a_service_that_lasts_to_the_end_has_done_well)
{
    Flow flow;
    begin(&flow, "db& ; a");
    ends(&flow, "a", 0);
    CHECK_EQ(flow.facts.phase, WORKFLOW_ENDING);
    ends(&flow, "db", 143);
    CHECK_EQ(flow.facts.steps[0].outcome, OUTCOME_SUCCESS);
    CHECK_EQ(flow.facts.steps[0].exit_code, 143);
    finish(&flow, "+db +a", RESULT_SUCCESS, "");
    begin(&flow, "db& ; a");
    ends(&flow, "db", 1); /* too early */
    ends(&flow, "a", 0);
    CHECK_EQ(flow.facts.steps[0].outcome, OUTCOME_FAILURE);
    finish(&flow, "+db +a", RESULT_SUCCESS, "");
}

TEST(what_is_kept_is_ended_and_not_destroyed)
{
    Flow flow;
    flow_init(&flow, "db& ; a");
    flow.facts.keep = true;
    CHECK(plan_workflow(flow.graph, &flow.facts) == WORKFLOW_SET_UP);
    workflow_set_up(&flow.facts, flow.graph);
    drain(&flow);
    step_ends(&flow, find(&flow, "a"), (StepEnded){.outcome = OUTCOME_SUCCESS});
    CHECK(plan_workflow(flow.graph, &flow.facts) == WORKFLOW_END_STEPS);
    drain(&flow);
    CHECK_STR(buf_cstr(&flow.did), "+db +a !db");
    CHECK_EQ(flow.facts.phase, WORKFLOW_ENDING);
    ends(&flow, "db", 143);
    CHECK_EQ(flow.facts.phase, WORKFLOW_OVER);
    CHECK_EQ(flow.facts.result, RESULT_SUCCESS);
    flow_deinit(&flow);
}

TEST(what_was_not_set_up_is_not_kept)
{
    Flow flow;
    flow_init(&flow, "a");
    flow.facts.keep = true;
    workflow_not_set_up(&flow.facts, UINT32_MAX, "no", 1);
    CHECK(plan_workflow(flow.graph, &flow.facts) == WORKFLOW_DESTROY);
    flow_deinit(&flow);
}
