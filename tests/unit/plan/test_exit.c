/* SPDX-License-Identifier: Apache-2.0 */
/* The exit condition on states written by hand: what plan_show never or seldom says. */
#include "base/arena.h"
#include "harness/test.h"
#include "plan/exit.h"

enum { MANY = 200 };

typedef struct Case {
    Graph graph;
    TargetSpec targets[MANY];
    TargetFacts facts[MANY];
    TargetStatus shown[MANY];
    unsigned char chosen[MANY];
    CiConfig ci;
    ExitInput in;
    ExitVerdict got;
} Case;

/* The file itself, and `n` targets that take part. */
static void case_init(Case *c, size_t n, const char *const *names, TargetType type) {
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < n; i++) {
        c->targets[i] = (TargetSpec){.name = names[i], .type = type};
        c->shown[i] = (TargetStatus){.name = names[i], .state = {.grace_status = ""}};
        c->chosen[i] = 1;
    }
    c->targets[n] = (TargetSpec){.name = "tiltfile:update", .type = TARGET_JOB};
    c->shown[n].state = (TargetState){.phase = PHASE_TERMINATED, .grace_status = ""};
    c->graph = (Graph){.targets = c->targets, .n = n + 1, .tiltfile = n};
    c->in = (ExitInput){.graph = &c->graph,
                        .facts = c->facts,
                        .chosen = c->chosen,
                        .shown = c->shown,
                        .ci = &c->ci,
                        .started_ms = 1000,
                        .now_ms = 1000};
}

static const char *const ab[] = {"a:update", "b:serve"};

TEST(timeout_in_the_words_of_the_seed)
{
    Case c;
    case_init(&c, 2, ab, TARGET_JOB);
    c.ci.timeout_ms = 300000;
    for (int i = 0; i < 2; i++) {
        c.shown[i].state.phase = PHASE_WAITING;
        c.shown[i].state.wait_reason = "waiting-for-dep";
    }
    c.in.now_ms = 301000; /* exactly: not yet */
    exit_check(&c.in, &c.got);
    CHECK(!c.got.done);
    CHECK_EQ(c.got.wake_ms, 301001);
    c.in.now_ms = 301001;
    exit_check(&c.in, &c.got);
    CHECK(c.got.done && c.got.timeout);
    CHECK_EQ(c.got.wake_ms, 0);
    CHECK_STR(c.got.error, "Timeout after 5m0s: 2 resources waiting (a:update waiting-for-dep, "
                           "b:serve waiting-for-dep)");
}

TEST(timeout_with_all_categories)
{
    static const char *const abcd[] = {"a:update", "b:serve", "c:serve", "d:update"};
    Case c;
    case_init(&c, 4, abcd, TARGET_SERVER);
    c.ci.timeout_ms = 1800000;
    c.shown[0].state.phase = PHASE_ACTIVE;
    c.shown[1].state.phase = PHASE_TERMINATED;
    c.shown[1].state.error = "exit code 1";
    c.shown[1].state.grace_status = "Tolerated";
    c.shown[2].state.phase = PHASE_WAITING;
    c.shown[2].state.wait_reason = "backoff";
    c.shown[3].state.phase = PHASE_ACTIVE;
    c.shown[3].state.ready = true;
    c.in.now_ms = 1801001;
    exit_check(&c.in, &c.got);
    CHECK_STR(c.got.error, "Timeout after 30m0s: 1 resource waiting (c:serve backoff), 1 resource "
                           "not ready (a:update), 1 resource retrying (b:serve)");
}

TEST(timeout_of_many_is_cut)
{
    static char names[MANY][32];
    const char *list[MANY];
    Case c;
    for (int i = 0; i < MANY - 1; i++) {
        snprintf(names[i], sizeof names[i], "service-%03d:update", i);
        list[i] = names[i];
    }
    case_init(&c, MANY - 1, list, TARGET_JOB);
    c.ci.timeout_ms = 1;
    for (int i = 0; i < MANY - 1; i++) {
        c.shown[i].state.phase = PHASE_WAITING;
        c.shown[i].state.wait_reason = "waiting-for-slot";
    }
    c.in.now_ms = 5000;
    exit_check(&c.in, &c.got);
    CHECK_HAS(c.got.error, "Timeout after 1ms: 199 resources waiting (service-000:update ");
    size_t n = strlen(c.got.error);
    CHECK(n > 900 && n < EXIT_TEXT);
    CHECK_STR(c.got.error + n - 23, " waiting-for-slot, ...)");
}

TEST(readiness_timeout_names_the_one_that_waits_longest)
{
    static const char *const servers[] = {"api:serve", "db:serve"};
    Case c;
    case_init(&c, 2, servers, TARGET_SERVER);
    c.ci.readiness_timeout_ms = 30000;
    c.ci.timeout_ms = 300000;
    c.shown[0].state.phase = c.shown[1].state.phase = PHASE_ACTIVE;
    c.facts[0].started_ms = 2000;
    c.facts[1].started_ms = 1000;
    c.facts[1].last_ready_ms = 5000;
    c.in.now_ms = 10000;
    exit_check(&c.in, &c.got);
    CHECK(!c.got.done);
    CHECK_EQ(c.got.wake_ms, 32001);
    c.in.now_ms = 32001;
    exit_check(&c.in, &c.got);
    CHECK(c.got.done && c.got.timeout);
    CHECK_EQ(c.got.culprit, 0);
    CHECK_STR(c.got.error, "Readiness timeout after 30s: target api:serve not ready");
    c.shown[0].state.ready = true;
    c.in.now_ms = 35001;
    exit_check(&c.in, &c.got);
    CHECK_STR(c.got.error, "Readiness timeout after 30s: target db:serve not ready");
}

TEST(jobs_and_switched_off_timers_never_time_out)
{
    Case c;
    case_init(&c, 1, ab, TARGET_JOB);
    c.ci.readiness_timeout_ms = 1;
    c.shown[0].state.phase = PHASE_ACTIVE;
    c.facts[0].started_ms = 1;
    c.in.now_ms = INT64_MAX / 2;
    exit_check(&c.in, &c.got);
    CHECK(!c.got.done);
    CHECK_EQ(c.got.wake_ms, 0);
}

TEST(grace_status)
{
    Case c;
    case_init(&c, 1, ab, TARGET_SERVER);
    c.shown[0].state = (TargetState){
        .phase = PHASE_TERMINATED, .error = "exit code 3", .grace_status = "Tolerated"};
    exit_check(&c.in, &c.got);
    CHECK(!c.got.done);
    c.shown[0].state.grace_status = "Exceeded";
    exit_check(&c.in, &c.got);
    CHECK(c.got.done && !c.got.timeout);
    CHECK_STR(c.got.error, "exceeded grace period: exit code 3");
}

TEST(first_failure_in_time_ties_by_name)
{
    Case c;
    case_init(&c, 2, ab, TARGET_JOB);
    for (int i = 0; i < 2; i++)
        c.shown[i].state =
            (TargetState){.phase = PHASE_TERMINATED, .finish_us = 7, .grace_status = ""};
    c.shown[0].state.error = "exit code 1";
    c.shown[1].state.error = "exit code 2";
    exit_check(&c.in, &c.got);
    CHECK_EQ(c.got.culprit, 0);
    CHECK_STR(c.got.error, "exit code 1");
    c.shown[1].state.finish_us = 6;
    exit_check(&c.in, &c.got);
    CHECK_EQ(c.got.culprit, 1);
    CHECK_STR(c.got.error, "exit code 2");
}

TEST(a_failure_comes_before_a_timeout)
{
    Case c;
    case_init(&c, 2, ab, TARGET_JOB);
    c.ci.timeout_ms = 1;
    c.in.now_ms = 99999;
    c.shown[0].state.phase = PHASE_ACTIVE;
    c.shown[1].state = (TargetState){.phase = PHASE_TERMINATED, .error = "x", .grace_status = ""};
    exit_check(&c.in, &c.got);
    CHECK(c.got.done && !c.got.timeout);
}

TEST(what_takes_no_part_does_not_count)
{
    Case c;
    case_init(&c, 2, ab, TARGET_JOB);
    c.shown[0].state = (TargetState){.phase = PHASE_TERMINATED, .error = "x", .grace_status = ""};
    c.chosen[0] = 0;
    c.shown[1].state.phase = PHASE_DISABLED;
    exit_check(&c.in, &c.got);
    CHECK(c.got.done && !c.got.error[0]);
}

TEST(a_file_that_cannot_be_read_fails)
{
    Case c;
    case_init(&c, 2, ab, TARGET_JOB);
    c.shown[2].state.error = "thole.yaml: no";
    exit_check(&c.in, &c.got);
    CHECK(c.got.done);
    CHECK_EQ(c.got.culprit, 2);
}

TEST(soak_begins_at_time_zero_too)
{
    Case c;
    case_init(&c, 1, ab, TARGET_JOB);
    c.shown[0].state.phase = PHASE_TERMINATED;
    c.ci.soak_ms = 100;
    c.in.now_ms = 0;
    exit_check(&c.in, &c.got);
    CHECK(!c.got.done && c.got.healthy_since_ms > 0 && c.got.wake_ms > 0);
    c.in.healthy_since_ms = c.got.healthy_since_ms;
    c.in.now_ms = c.got.wake_ms;
    exit_check(&c.in, &c.got);
    CHECK(c.got.done && !c.got.error[0]);
}

TEST(a_service_that_ends_its_session)
{
    Case c;
    Service services[2] = {{.name = "a", .type = SERVICE_JOB, .ends_session = ENDS_ON_FAILURE},
                           {.name = "b", .ends_session = ENDS_ALWAYS}};
    case_init(&c, 2, ab, TARGET_JOB);
    c.targets[0].service = &services[0];
    c.targets[1].service = &services[1];
    c.targets[1].type = TARGET_SERVER;
    c.shown[0].state = (TargetState){.phase = PHASE_TERMINATED, .grace_status = "", .finish_us = 2};
    c.shown[1].state = (TargetState){.phase = PHASE_ACTIVE, .grace_status = ""};
    exit_check_ends(&c.in, &c.got);
    CHECK(!c.got.done); /* a job that has succeeded is no failure */
    c.shown[0].state.error = "exit code 3";
    exit_check_ends(&c.in, &c.got);
    CHECK(c.got.done && c.got.culprit == 0);
    CHECK_STR(c.got.error, "exit code 3");
    c.shown[1].state = (TargetState){.phase = PHASE_TERMINATED, .grace_status = "", .finish_us = 1};
    exit_check_ends(&c.in, &c.got);
    CHECK(c.got.done && c.got.culprit == 1); /* the first in time */
    CHECK_STR(c.got.error, "");
    c.shown[1].state.phase = PHASE_WAITING; /* it is tried again */
    c.chosen[0] = 0;
    exit_check_ends(&c.in, &c.got);
    CHECK(!c.got.done);
    c.shown[1].state.phase = PHASE_TERMINATED;
    c.targets[1].type = TARGET_JOB; /* its build is not the service */
    exit_check_ends(&c.in, &c.got);
    CHECK(!c.got.done);
}
