/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "harness/test.h"
#include "plan/restart.h"

static const Restart defaults = {
    .policy = RESTART_ON_FAILURE,
    .delay_ms = 500,
    .max_delay_ms = 30000,
    .max_restarts = 10,
    .reset_after_ms = 60000,
};

TEST(delay_doubles_up_to_the_maximum)
{
    static const int64_t expected[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (uint32_t n = 0; n < 8; n++)
        CHECK_EQ(restart_delay_ms(&defaults, n + 1, 0), expected[n]);
    CHECK_EQ(restart_delay_ms(&defaults, 4000000000u, 0), 30000);
}

TEST(delay_jitter_takes_off_at_most_half)
{
    int64_t low = INT64_MAX, high = 0;
    for (uint32_t random = 0; random < 100000; random += 7) {
        int64_t d = restart_delay_ms(&defaults, 3, random * 2654435761u);
        low = d < low ? d : low;
        high = d > high ? d : high;
    }
    CHECK_EQ(low, 1000);
    CHECK_EQ(high, 2000);
}

TEST(delay_at_its_edges)
{
    Restart r = defaults;
    r.delay_ms = 0;
    CHECK_EQ(restart_delay_ms(&r, 9, 12345), 0);
    r.delay_ms = 60000;
    CHECK_EQ(restart_delay_ms(&r, 1, 0), 30000);
    r.delay_ms = 1;
    CHECK(restart_delay_ms(&r, 1, UINT32_MAX) >= 0);
    r.delay_ms = r.max_delay_ms = INT64_MAX;
    CHECK_EQ(restart_delay_ms(&r, 5, 0), INT64_MAX);
    r.delay_ms = INT64_MAX / 2 + 1;
    CHECK_EQ(restart_delay_ms(&r, 5, 0), INT64_MAX);
}

/* ---- one row per rule ---- */

typedef struct Row {
    const char *name;
    TargetType type;
    ServiceType service;
    RestartPolicy policy;
    bool written, ci, done, queued;
    Want want;
    int64_t grace_ms, asked_ms, lived_ms;
    uint32_t attempt;
    int64_t max;
    RunResult result;
    bool again, gave_up, exceeded, hopeless;
    uint32_t next;
} Row;

#define SERVER              .type = TARGET_SERVER, .service = SERVICE_SERVER, .want = WANT_RUN
#define JOB                 .type = TARGET_JOB, .service = SERVICE_JOB, .want = WANT_RUN
#define BUILD               .type = TARGET_JOB, .service = SERVICE_SERVER, .want = WANT_RUN

#define NOT_STARTED(errno_) .result = {.kind = END_FAILED, .own_fault = true, .code = errno_}

/* Now is 100,000. */
static const Row rows[] = {
    {"never", SERVER, .policy = RESTART_NEVER, .written = true},
    {"on-failure", SERVER, .policy = RESTART_ON_FAILURE, .max = 3, .again = true, .next = 1},
    {"always", SERVER, .policy = RESTART_ALWAYS, .max = 3, .again = true, .next = 1},
    {"third of 3", SERVER, .policy = RESTART_ALWAYS, .max = 3, .attempt = 2, .again = true,
     .next = 3},
    {"fourth of 3", SERVER, .policy = RESTART_ALWAYS, .max = 3, .attempt = 3, .gave_up = true},
    {"no limit", SERVER, .policy = RESTART_ALWAYS, .attempt = 99, .again = true, .next = 100},
    {"lived long", SERVER, .policy = RESTART_ALWAYS, .max = 3, .attempt = 3, .lived_ms = 60000,
     .again = true, .next = 1},
    {"lived too short", SERVER, .policy = RESTART_ALWAYS, .max = 3, .attempt = 3, .lived_ms = 59999,
     .gave_up = true},
    {"not wanted", .type = TARGET_SERVER, .want = WANT_STOPPED, .policy = RESTART_ALWAYS},
    {"going down", .type = TARGET_SERVER, .want = WANT_DOWN, .policy = RESTART_ALWAYS},
    {"queued already", SERVER, .policy = RESTART_ALWAYS, .queued = true},
    {"over", SERVER, .policy = RESTART_ALWAYS, .ci = true, .done = true, .written = true},
    {"ci", SERVER, .policy = RESTART_ON_FAILURE, .ci = true},
    {"ci, written", SERVER, .policy = RESTART_ON_FAILURE, .ci = true, .written = true,
     .again = true, .next = 1},
    {"ci, within grace", SERVER, .policy = RESTART_ON_FAILURE, .ci = true, .grace_ms = 5000,
     .asked_ms = 95001, .again = true, .next = 1},
    {"ci, at its end", SERVER, .policy = RESTART_ON_FAILURE, .ci = true, .grace_ms = 5000,
     .asked_ms = 95000, .exceeded = true},
    {"ci, gave up within grace", SERVER, .policy = RESTART_ON_FAILURE, .ci = true, .grace_ms = 5000,
     .asked_ms = 99000, .max = 1, .attempt = 1, .gave_up = true},
    {"ci, written, beyond grace", SERVER, .policy = RESTART_ON_FAILURE, .ci = true, .written = true,
     .grace_ms = 5000, .asked_ms = 1, .again = true, .next = 1},
    {"job", JOB, .policy = RESTART_ON_FAILURE},
    {"job, written", JOB, .policy = RESTART_ON_FAILURE, .written = true, .again = true, .next = 1},
    {"job, written never", JOB, .policy = RESTART_NEVER, .written = true},
    {"job in ci", JOB, .policy = RESTART_ON_FAILURE, .ci = true, .grace_ms = 5000,
     .asked_ms = 99000},
    {"no such program", SERVER, .policy = RESTART_ALWAYS, NOT_STARTED(ENOENT), .hopeless = true},
    {"no such program, in ci", SERVER, .policy = RESTART_ALWAYS, .ci = true, .grace_ms = 5000,
     .asked_ms = 1, NOT_STARTED(ENOENT), .hopeless = true},
    {"a job's program", JOB, .policy = RESTART_ALWAYS, .written = true, NOT_STARTED(EACCES),
     .hopeless = true},
    {"no such program, but never", SERVER, .policy = RESTART_NEVER, NOT_STARTED(ENOENT)},
    {"a program being written", SERVER, .policy = RESTART_ALWAYS, NOT_STARTED(ETXTBSY),
     .again = true, .next = 1},
    {"no launch file", SERVER, .policy = RESTART_ALWAYS,
     .result = {.kind = END_FAILED, .code = ENOENT}, .again = true, .next = 1},
    {"lost", SERVER, .policy = RESTART_ALWAYS, .result = {.kind = END_LOST}, .again = true,
     .next = 1},
    {"may still run", SERVER, .policy = RESTART_ALWAYS,
     .result = {.kind = END_LOST, .unsure = true}},
    {"exit code 2", SERVER, .policy = RESTART_ALWAYS, .result = {.kind = END_EXITED, .code = 2},
     .again = true, .next = 1},
    {"build", BUILD, .policy = RESTART_ALWAYS, .written = true},
};

static void check_row(const Row *row) {
    Service service = {.type = row->service, .restart = defaults, .restart_written = row->written};
    service.restart.policy = row->policy;
    service.restart.max_restarts = row->max;
    TargetSpec spec = {.type = row->type, .service = &service};
    TargetFacts facts = {
        .want = row->want,
        .queued = row->queued,
        .attempt = row->attempt,
        .asked_ms = row->asked_ms,
        .started_ms = 99999,
        .result = row->result,
    };
    PlanWorld world = {
        .now_ms = 100000, .ci = row->ci, .done = row->done, .ci_grace_ms = row->grace_ms};
    RestartAnswer got;
    restart_decide(&spec, &facts, row->lived_ms, &world, &got);
    if (got.again != row->again || got.gave_up != row->gave_up || got.exceeded != row->exceeded ||
        got.hopeless != row->hopeless || got.attempt != row->next)
        test_fail(__FILE__, __LINE__,
                  "%s: again %d, gave up %d, exceeded %d, hopeless %d, attempt %u", row->name,
                  got.again, got.gave_up, got.exceeded, got.hopeless, got.attempt);
}

TEST(restart_table)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(&rows[i]);
}

TEST(what_can_never_be_executed)
{
    static const int hopeless[] = {ENOENT, ENOTDIR, EISDIR, ELOOP,   EACCES,
                                   EPERM,  ENOEXEC, E2BIG,  ELIBBAD, ENAMETOOLONG};
    static const int passing[] = {EAGAIN, ENOMEM, ETXTBSY, EMFILE, ENFILE, EIO, EINTR, ESTALE, 0};
    RunResult r = {.kind = END_FAILED, .own_fault = true};
    for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++) {
        r.code = hopeless[i];
        CHECK(restart_hopeless(&r));
    }
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        r.code = passing[i];
        CHECK(!restart_hopeless(&r));
    }
    CHECK(!restart_hopeless(&(RunResult){.kind = END_SIGNALED, .own_fault = true, .code = ENOENT}));
}
