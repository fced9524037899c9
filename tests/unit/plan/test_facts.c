/* SPDX-License-Identifier: Apache-2.0 */
/* What each fact does to the facts, where no scenario shows it. */
#include <signal.h>

#include "base/attr.h"
#include "harness/test.h"
#include "plan/plan.h"
#include "plan/words.h"

static const Service server = {.type = SERVICE_SERVER, .restart = {.policy = RESTART_NEVER}};
static const Service job = {.type = SERVICE_JOB, .timeout_ms = 5000};
static const TargetSpec server_spec = {.type = TARGET_SERVER, .service = &server};
static const TargetSpec job_spec = {.type = TARGET_JOB, .service = &job};
static const PlanWorld world = {.now_ms = 50000, .now_us = 1700000000000000};

static TargetFacts started(const TargetSpec *spec) {
    TargetFacts f = {0};
    fact_wanted(&f, WANT_RUN, world.now_us, NULL);
    fact_start_asked(&f, f.run + 1, &world);
    fact_started(&f, spec, 42, world.now_us, &world);
    return f;
}

static void end(TargetFacts *f, const TargetSpec *spec, EndKind kind, int code) {
    RunResult r = {.kind = kind, .code = code, .oom_killed = NO, .ended_us = world.now_us + 1};
    fact_ended(f, spec, &r, &world);
}

TEST(wanted_queues_once)
{
    AUTO(facts_deinit) TargetFacts f = {0};
    fact_wanted(&f, WANT_RUN, 100, "asked");
    CHECK(f.queued);
    CHECK_EQ(f.trigger_us, 100);
    CHECK_STR(f.note, "asked");
    fact_wanted(&f, WANT_RUN, 200, NULL);
    CHECK_EQ(f.trigger_us, 100);
    fact_wanted(&f, WANT_NOTHING, 300, NULL);
    CHECK(!f.queued);
}

TEST(wanted_leaves_a_live_run_alone)
{
    AUTO(facts_deinit) TargetFacts f = started(&server_spec);
    fact_wanted(&f, WANT_RUN, 100, NULL);
    CHECK(!f.queued);
    fact_wanted(&f, WANT_STOPPED, 200, NULL);
    fact_wanted(&f, WANT_RUN, 300, NULL);
    CHECK(!f.queued); /* nobody has stopped it yet */
    fact_stop_asked(&f, &world);
    fact_wanted(&f, WANT_RUN, 400, NULL);
    CHECK(f.queued);
}

TEST(start_forgets_the_former_run)
{
    AUTO(facts_deinit) TargetFacts f = started(&job_spec);
    fact_timed_out(&f, &job_spec, NULL);
    fact_stop_asked(&f, &world);
    end(&f, &job_spec, END_SIGNALED, SIGTERM);
    CHECK(f.failure);
    fact_start_asked(&f, 2, &world);
    CHECK_EQ(f.run, 2);
    CHECK_EQ(f.pid, 0);
    CHECK_EQ(f.started_us, 0);
    CHECK_EQ(f.ended_us, 0);
    CHECK(!f.stop_requested && !f.timed_out && !f.failure && !f.gave_up);
    CHECK(f.ever_started);
}

/* The wall clock is for people: set back or ahead, it changes no decision. */
TEST(started_counts_by_the_clock_that_nobody_sets)
{
    static const int64_t stamps[] = {0, 1, 3600000000, 7200000000000};
    for (int sign = -1; sign <= 1; sign += 2) {
        for (size_t i = 0; i < 4; i++) {
            TargetFacts f = {0};
            fact_start_asked(&f, 7, &world);
            fact_started(&f, &server_spec, 42, world.now_us + sign * stamps[i], &world);
            CHECK_EQ(f.started_ms, 50000);
            CHECK_EQ(f.asked_ms, 50000);
        }
    }
}

TEST(nothing_ends_before_it_began)
{
    AUTO(facts_deinit) TargetFacts f = {0};
    fact_start_asked(&f, 7, &world);
    fact_started(&f, &server_spec, 42, world.now_us, &world);
    fact_ended(&f, &server_spec,
               &(RunResult){.kind = END_EXITED, .ended_us = world.now_us - 3600000000}, &world);
    CHECK_EQ(f.ended_us, f.started_us);
}

TEST(started_too_late_changes_nothing)
{
    AUTO(facts_deinit) TargetFacts f = {0};
    fact_started(&f, &server_spec, 42, 1, &world);
    CHECK_EQ(f.run_state, RUN_NONE);
    f = started(&server_spec);
    end(&f, &server_spec, END_EXITED, 1);
    fact_started(&f, &server_spec, 43, 1, &world);
    CHECK_EQ(f.run_state, RUN_ENDED);
    CHECK_EQ(f.pid, 42);
}

TEST(ready_only_while_executing)
{
    AUTO(facts_deinit) TargetFacts f = {0};
    fact_ready(&f, true, &world);
    CHECK(!f.ready && !f.ever_ready);
    f = started(&server_spec);
    CHECK(f.ready && f.ever_ready);
    fact_ready(&f, false, &world);
    CHECK(!f.ready && f.ever_ready);
    f.last_ready_ms = 1;
    fact_ready(&f, true, &world);
    CHECK_EQ(f.last_ready_ms, world.now_ms);
    f.last_ready_ms = 1;
    fact_ready(&f, true, &world);
    CHECK_EQ(f.last_ready_ms, 1); /* it was ready before */
    fact_stop_asked(&f, &world);
    CHECK(!f.ready);
    fact_ready(&f, true, &world);
    CHECK(!f.ready);
}

TEST(a_job_is_never_ready)
{
    AUTO(facts_deinit) TargetFacts f = started(&job_spec);
    CHECK(!f.ready && !f.ever_ready);
}

TEST(success_of_a_job)
{
    AUTO(facts_deinit) TargetFacts f = started(&job_spec);
    end(&f, &job_spec, END_EXITED, 0);
    CHECK(f.ever_succeeded && !f.failure && !facts_failed(&f));
    f = started(&job_spec);
    fact_stop_asked(&f, &world);
    end(&f, &job_spec, END_EXITED, 0); /* ended because it was told to: not done */
    CHECK(!f.ever_succeeded && !f.failure);
    f = started(&job_spec);
    fact_timed_out(&f, &job_spec, NULL);
    end(&f, &job_spec, END_EXITED, 0);
    CHECK(!f.ever_succeeded);
    CHECK_STR(f.failure, "timed out after 5s");
    CHECK(facts_failed(&f));
}

TEST(an_end_that_was_wished_but_not_asked_for)
{
    AUTO(facts_deinit) TargetFacts f = started(&server_spec);
    fact_wanted(&f, WANT_STOPPED, 100, NULL);
    end(&f, &server_spec, END_SIGNALED, SIGSEGV);
    CHECK(!f.failure && f.stop_requested);
    f = started(&server_spec);
    fact_wanted(&f, WANT_DOWN, 100, NULL);
    end(&f, &server_spec, END_SIGNALED, SIGSEGV);
    CHECK_STR(f.failure, "killed by SIGSEGV");
}

TEST(timed_out_counts_once)
{
    AUTO(facts_deinit) TargetFacts f = started(&job_spec);
    fact_stop_asked(&f, &world);
    fact_timed_out(&f, &job_spec, NULL); /* somebody asked first */
    CHECK(!f.timed_out && !f.failure);
    f = started(&server_spec);
    fact_timed_out(&f, &server_spec, "connection refused");
    CHECK(f.probe_failed && !f.timed_out);
    CHECK_HAS(f.failure, ": connection refused");
    facts_deinit(&f);
    f = (TargetFacts){0};
    fact_timed_out(&f, &job_spec, NULL);
    CHECK(!f.timed_out);
}

TEST(an_end_is_heard_once)
{
    AUTO(facts_deinit) TargetFacts f = started(&job_spec);
    end(&f, &job_spec, END_EXITED, 0);
    end(&f, &job_spec, END_EXITED, 1);
    CHECK_EQ(f.result.code, 0);
    CHECK(!f.failure);
    f = (TargetFacts){0};
    end(&f, &job_spec, END_EXITED, 1);
    CHECK_EQ(f.run_state, RUN_NONE);
}

TEST(a_stop_that_failed_is_tried_again_when_asked)
{
    AUTO(facts_deinit) TargetFacts f = started(&server_spec);
    fact_stop_failed(&f, "nobody asked for a stop");
    CHECK(!f.stop_failed);
    fact_stop_asked(&f, &world);
    fact_stop_failed(&f, "4711 (sleep)");
    CHECK(f.stop_failed && facts_alive(&f) && facts_gone(&f));
    CHECK_STR(f.note, "could not be stopped: 4711 (sleep)");
    fact_wanted(&f, WANT_STOPPED, 100, NULL);
    CHECK(!f.stop_failed);
    CHECK_EQ(f.run_state, RUN_RUNNING);
    fact_stop_asked(&f, &world);
    fact_stop_failed(&f, "4711 (sleep)");
    end(&f, &server_spec, END_SIGNALED, SIGKILL);
    CHECK(!f.stop_failed && !facts_alive(&f));
    CHECK(!f.note);
}

TEST(lived_does_not_count_downtime)
{
    Service s = {.type = SERVICE_SERVER,
                 .restart = {.policy = RESTART_ALWAYS, .max_restarts = 1, .reset_after_ms = 60000}};
    TargetSpec spec = {.type = TARGET_SERVER, .service = &s};
    AUTO(facts_deinit) TargetFacts f = {.want = WANT_RUN, .attempt = 1};
    PlanWorld w = {.now_ms = 500000, .now_us = 1700000000000000};
    fact_start_asked(&f, 3, &w);
    fact_started(&f, &spec, 1, w.now_us - 100000000, &w); /* began 100 s ago, */
    RunResult r = {.kind = END_EXITED, .code = 1, .ended_us = w.now_us - 90000000};
    fact_ended(&f, &spec, &r, &w); /* ended 90 s ago, heard of just now */
    CHECK(f.gave_up);
    CHECK_STR(f.failure, "exit code 1; gave up after 1 restart in a row");
}

TEST(file_read)
{
    AUTO(facts_deinit) TargetFacts f = {0};
    fact_file_read(&f, 5, 6, NULL);
    CHECK(f.ever_succeeded && f.run_state == RUN_ENDED && !f.failure);
    fact_file_read(&f, 7, 8, "thole.yaml: 3 problems");
    CHECK_STR(f.failure, "thole.yaml: 3 problems");
}

TEST(words_are_cut_between_characters)
{
    AUTO_FREE char *text = NULL;
    char longer[2 * FACTS_TEXT];
    for (int shift = 0; shift < 4; shift++) {
        memset(longer, 'x', sizeof longer);
        for (size_t i = (size_t)shift; i + 3 < sizeof longer - 1; i += 3)
            memcpy(longer + i, "\xE2\x82\xAC", 3);
        longer[sizeof longer - 1] = '\0';
        words_copy(&text, longer);
        size_t n = strlen(text);
        CHECK(n >= FACTS_TEXT - 4 && n < FACTS_TEXT);
        CHECK_EQ((n - (size_t)shift) % 3, 0);
    }
    words_copy(&text, "short \xC3\xA9");
    CHECK_STR(text, "short \xC3\xA9");
}

TEST(words_for_signals_without_a_name)
{
    AUTO_FREE char *text = NULL;
    words_for_end(&text, &server_spec, &(RunResult){.kind = END_SIGNALED, .code = 40});
    CHECK_STR(text, "killed by signal 40");
}

TEST(words_keep_a_reason_that_is_said_already)
{
    AUTO_FREE char *text = NULL;
    RunResult r = {.kind = END_FAILED, .code = 2, .why = "could not start: it is a directory: /"};
    words_for_end(&text, &server_spec, &r);
    CHECK_STR(text, "could not start: it is a directory: /");
}
