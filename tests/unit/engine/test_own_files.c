/* SPDX-License-Identifier: Apache-2.0 */
/* When a changed file counts as the run's own doing, and when as somebody's. */
#include "engine/files/own_files.h"

#include "harness/test.h"

enum { SECOND_US = 1000 * 1000 };

typedef struct Runs {
    OwnFiles own;
    TargetFacts facts;
    PlanWorld world;
} Runs;

static void begin(Runs *r, TargetType type) {
    *r = (Runs){.world = {.now_ms = 10000, .now_us = 10000 * 1000}};
    own_files_begin(&r->own, type, &r->facts);
}

static void start_run(Runs *r) {
    r->facts.run++;
    r->facts.run_state = RUN_RUNNING;
    r->facts.started_ms = r->world.now_ms += 1000;
    r->facts.started_us = r->world.now_us += SECOND_US;
}

static void end_run(Runs *r) {
    r->facts.run_state = RUN_ENDED;
    r->world.now_ms += 1000;
    r->facts.ended_us = r->world.now_us += SECOND_US;
}

/* So long after the start (or, of a run that has ended, its end). */
static bool changes(Runs *r, const char *path, int64_t after_ms) {
    FileChange change = {.path = path,
                         .at_ms = r->world.now_ms + after_ms,
                         .written_us = r->world.now_us + after_ms * 1000};
    PlanWorld later = r->world;
    later.now_ms += after_ms + 200;
    later.now_us += (after_ms + 200) * 1000;
    return own_files_has(&r->own, &r->facts, &change, &later);
}

TEST(a_file_that_changes_in_every_run_of_a_job_is_its_own)
{
    Runs r;
    begin(&r, TARGET_JOB);
    for (int i = 1; i <= 4; i++) {
        start_run(&r);
        CHECK_EQ(changes(&r, "stamp", 100), i >= 3);
        if (i != 2)
            CHECK(!changes(&r, "other", 100)); /* not in all */
        end_run(&r);
    }
    own_files_deinit(&r.own);
}

TEST(what_changes_after_a_run_is_somebody_elses)
{
    Runs r;
    begin(&r, TARGET_JOB);
    for (int i = 0; i < 5; i++) {
        start_run(&r);
        end_run(&r);
        CHECK(!changes(&r, "src", 1));
    }
    own_files_deinit(&r.own);
}

TEST(one_run_without_it_makes_it_somebody_elses)
{
    Runs r;
    begin(&r, TARGET_JOB);
    start_run(&r); /* the first one, without */
    end_run(&r);
    for (int i = 0; i < 5; i++) {
        start_run(&r);
        CHECK(!changes(&r, "src", 100));
        end_run(&r);
    }
    own_files_deinit(&r.own);
}

TEST(a_write_that_is_heard_of_before_its_run_is_of_the_run)
{
    Runs r;
    begin(&r, TARGET_JOB);
    for (int i = 1; i <= 4; i++) {
        start_run(&r);
        CHECK_EQ(changes(&r, "stamp", -20), i >= 3);
        CHECK(!changes(&r, "src", -100));
        end_run(&r);
    }
    own_files_deinit(&r.own);
}

TEST(after_a_run_without_it_ten_in_a_row_make_it_its_own_again)
{
    Runs r;
    begin(&r, TARGET_JOB);
    for (int i = 1; i <= 15; i++) {
        start_run(&r);
        if (i != 4) /* that one failed before it wrote */
            CHECK_EQ(changes(&r, "stamp", 100), i == 3 || i >= 14);
        end_run(&r);
    }
    own_files_deinit(&r.own);
}

TEST(of_a_server_it_takes_many_runs_and_haste)
{
    Runs r;
    begin(&r, TARGET_SERVER);
    for (int i = 1; i <= 21; i++) {
        start_run(&r);
        CHECK_EQ(changes(&r, "pid", 50), i >= 20);
        CHECK(!changes(&r, "src", 500));
        end_run(&r);
    }
    own_files_deinit(&r.own);
}
