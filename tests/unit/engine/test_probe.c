/* SPDX-License-Identifier: Apache-2.0 */
/* When a probe asks, and how many answers it takes. The answers of exec probes are scripted, time
 * is too. */
#include "engine/targets/probe.h"

#include <string.h>

#include "backend/backend.h"
#include "loop/op.h"
#include "unit/engine/scene.h"

enum { MAX_TRIES = 32 };

typedef struct Asked {
    Loop *loop;
    const char *answers; /* "+" good, "-" bad; the last one for ever */
    int64_t at[MAX_TRIES];
    size_t n;
    char told[MAX_TRIES + 1]; /* what the owner heard: '+' ready, '-' not */
    char why[100];
} Asked;

static Op *answer(void *exec_arg, const Probe *spec, OpFn fn, void *arg) {
    Asked *asked = exec_arg;
    size_t last = strlen(asked->answers) - 1;
    bool good = asked->answers[asked->n < last ? asked->n : last] == '+';
    ExecResult result = {.end = STEP_EXITED, .code = good ? 0 : 7};
    Op *op = op_new(asked->loop, fn, arg, NULL, NULL);
    ASSERT(asked->n < MAX_TRIES);
    asked->at[asked->n++] = loop_now_ms(asked->loop);
    op_finish(op, &result, sizeof result, NULL);
    return op;
}

static void told(void *arg, bool ready, const char *why) {
    Asked *asked = arg;
    asked->told[strlen(asked->told)] = ready ? '+' : '-';
    snprintf(asked->why, sizeof asked->why, "%s", why);
}

static void probe(Asked *asked, const Probe *spec, bool was_ready, int64_t ms) {
    asked->loop = loop_new_scripted(1000, 0);
    asked->n = 0;
    memset(asked->told, 0, sizeof asked->told);
    ProbeAsk ask = {.loop = asked->loop,
                    .step = {.task = "t", .step = "s", .run = 1},
                    .spec = spec,
                    .exec = answer,
                    .exec_arg = asked,
                    .was_ready = was_ready};
    ReadyProbe *ready = ready_probe_new(&ask, told, asked);
    loop_advance(asked->loop, ms);
    ready_probe_free(ready);
    loop_free(asked->loop);
}

static const Probe plain = {.kind = PROBE_KIND_EXEC,
                            .period_ms = 1000,
                            .timeout_ms = 1000,
                            .success_threshold = 1,
                            .failure_threshold = 3};

TEST(the_first_probe_comes_at_once_then_ever_more_slowly)
{
    static const int64_t offsets[] = {0, 50, 150, 350, 750, 1550, 2550, 3550};
    Asked asked = {.answers = "-"};
    probe(&asked, &plain, false, 4000);
    CHECK_EQ(asked.n, COUNT(offsets));
    for (size_t i = 0; i < asked.n && i < COUNT(offsets); i++)
        CHECK_EQ(asked.at[i] - 1000, offsets[i]);
    CHECK_STR(asked.told, "--------");
    CHECK_STR(asked.why, "the probe's command exited with 7");
}

TEST(a_short_period_bounds_the_first_pauses_too)
{
    Probe spec = plain;
    Asked asked = {.answers = "-"};
    spec.period_ms = 20;
    probe(&asked, &spec, false, 100);
    CHECK_EQ(asked.n, 6);
}

TEST(once_ready_it_is_asked_every_period)
{
    Asked asked = {.answers = "--+"};
    probe(&asked, &plain, false, 3500);
    CHECK_STR(asked.told, "--+");
    CHECK_EQ(asked.n, 6);
    CHECK_EQ(asked.at[2] - 1000, 150);
    CHECK_EQ(asked.at[3] - 1000, 1150);
    CHECK_EQ(asked.at[5] - 1000, 3150);
}

TEST(thresholds_count_answers_in_a_row)
{
    static const struct {
        int64_t success, failure;
        const char *answers, *told;
    } rows[] = {
        {1, 3, "+--+--", "+"}, {1, 3, "+---", "+-"}, {1, 3, "+---+", "+-+"}, {1, 1, "+-+", "+-+"},
        {2, 1, "+-++", "-+"},  {3, 3, "++", ""},     {3, 3, "+++", "+"},
    };
    Probe spec = plain;
    spec.period_ms = 50;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Asked asked = {.answers = rows[i].answers};
        spec.success_threshold = rows[i].success;
        spec.failure_threshold = rows[i].failure;
        probe(&asked, &spec, false, 50 * (int64_t)(strlen(rows[i].answers) - 1));
        CHECK_EQ(asked.n, strlen(rows[i].answers));
        CHECK_STR(asked.told, rows[i].told);
    }
}

TEST(what_was_ready_when_it_was_adopted_needs_no_new_proof)
{
    Asked asked = {.answers = "--+"};
    probe(&asked, &plain, true, 5000);
    CHECK_STR(asked.told, "");
    CHECK_EQ(asked.at[1] - asked.at[0], 1000);
    asked.answers = "---";
    probe(&asked, &plain, true, 2000);
    CHECK_STR(asked.told, "-");
}

/* ---- the log of a run, through the engine ---- */

static StepId listener(Scene *scene, uint32_t run) {
    return (StepId){.task = session_slug(scene->session), .step = "api:serve", .run = run};
}

static Scene *listening(const char *more) {
    char yaml[200];
    snprintf(yaml, sizeof yaml,
             "services:\n  api: {command: api, restart: never, ready: {log: "
             "'^listening on [0-9]+$'%s}}\n",
             more);
    Scene *scene = scene_new(yaml);
    fake_script(scene->backend, NULL, "api:serve", &(FakeScript){.life_ms = -1});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 10);
    return scene;
}

TEST(a_line_of_the_log_makes_it_ready)
{
    Scene *scene = listening("");
    CHECK_STR(scene_state(scene, "api:serve"), "active");
    CHECK_STR(scene_message(scene, "api:serve"),
              "not ready yet: no line of its log matches ^listening on [0-9]+$");
    fake_write(scene->backend, listener(scene, 1), 1, "not listening on 80\nlistening on");
    loop_advance(scene->loop, 10);
    CHECK_STR(scene_state(scene, "api:serve"), "active");
    fake_write(scene->backend, listener(scene, 1), 1, " 8080");
    loop_advance(scene->loop, 10);
    CHECK_STR(scene_state(scene, "api:serve"), "active");
    fake_write(scene->backend, listener(scene, 1), 1, "\n");
    loop_advance(scene->loop, 10);
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    fake_write(scene->backend, listener(scene, 1), 1, "gone\n");
    loop_advance(scene->loop, 5000);
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    scene_free(scene);
}

TEST(a_deadline_ends_the_run_and_says_what_was_missing)
{
    Scene *scene = listening(", deadline: 400ms");
    loop_advance(scene->loop, 380);
    CHECK_STR(scene_state(scene, "api:serve"), "active");
    loop_advance(scene->loop, 50);
    CHECK_STR(
        scene_state(scene, "api:serve"),
        "terminated not ready within 400ms: no line of its log matches ^listening on [0-9]+$");
    scene_free(scene);
}

TEST(a_deadline_means_nothing_once_it_was_ready)
{
    Scene *scene = listening(", deadline: 400ms");
    fake_write(scene->backend, listener(scene, 1), 1, "listening on 1\n");
    loop_advance(scene->loop, 5000);
    CHECK_STR(scene_state(scene, "api:serve"), "active ready");
    scene_free(scene);
}
