/* SPDX-License-Identifier: Apache-2.0 */
/* Steps whose image is pulled, at the Backend. */
#include "harness/test.h"

#include "unit/docker/town.h"

#define PULLS                                                                             \
    "200 {\"status\":\"Pulling from library/x\",\"id\":\"1\"}\n{\"status\":\"Pulling fs " \
    "layer\"}\n"                                                                          \
    "{\"status\":\"Downloading\",\"id\":\"a\"}\n{\"status\":\"Digest: sha256:00ff\"}\n"   \
    "{\"status\":\"Status: Downloaded newer image for x:1\"}"

typedef struct Log {
    char text[500];
} Log;

static bool on_piece(void *arg, const LogPiece *piece) {
    Log *log = arg;
    size_t n = strlen(log->text);
    snprintf(log->text + n, sizeof(log->text) - n, "%d %.*s", piece->stream, (int)piece->size,
             piece->data);
    return true;
}

static void on_tailed(void *arg, const void *result, const Err *err) {
    (void)arg, (void)result, (void)err;
}

TEST(pull_is_told_of_in_the_log)
{
    Town town;
    Log log = {0};
    Step step = town_step;
    step.pull = true;
    town_open(&town, (const char *[]){PULLS, CREATED, DONE, RUNS, NULL});
    backend_start_step(town.backend, town_id, &step, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    Op *tail = backend_tail_step(town.backend, town_id, 0, on_piece, on_tailed, &log);
    while (!strstr(log.text, "newer"))
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK_STR(log.text, "2 docker: Pulling from library/x\n2 docker: Digest: sha256:00ff\n"
                        "2 docker: Status: Downloaded newer image for x:1\n");
    op_drop(tail);
    town_close(&town);
}

TEST(pull_that_fails_is_told_of_if_the_image_is_there)
{
    Town town;
    Log log = {0};
    Step step = town_step;
    step.pull = true;
    town_open(&town, (const char *[]){"500 {\"message\":\"no route to host\"}", CREATED, DONE, RUNS,
                                      NULL});
    backend_start_step(town.backend, town_id, &step, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    Op *tail = backend_tail_step(town.backend, town_id, 0, on_piece, on_tailed, &log);
    while (!strchr(log.text, '\n'))
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK_STR(log.text, "2 docker: pull x:1: docker: no route to host: the image that is there is "
                        "used\n");
    op_drop(tail);
    town_close(&town);
}

TEST(pull_that_fails_is_the_steps_failure)
{
    Town town;
    Step step = town_step;
    step.pull = true;
    step.auth_config = (RegistryAuth){.username = "u", .password = "wrong"};
    town_open(&town, (const char *[]){"500 {\"message\":\"unauthorized: try again\"}", NULL});
    backend_start_step(town.backend, town_id, &step, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_FAILED);
    CHECK_STR(town.state.error, "pull x:1: docker: unauthorized: try again");
    town_close(&town);
}

/* A registry may take minutes: nobody waits for it. */
TEST(pull_ends_with_its_step)
{
    Town town;
    Step step = town_step;
    StopHow how = {.signal = 15, .grace_ms = 60000};
    char why[100];
    step.pull = true;
    town_open(&town, (const char *[]){"", DONE, NULL});
    backend_start_step(town.backend, town_id, &step, town_hear, &town);
    while (!strstr(scripted_asked(), "/images/create"))
        ASSERT(loop_turn(town.s.loop, 10000));
    ASSERT(backend_waits_for(town.backend, town_id, why, sizeof(why)));
    CHECK_STR(why, "its image is being pulled");
    backend_destroy_step(town.backend, town_id, &how, town_hear_end, &town);
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_ENDED);
    CHECK(!backend_waits_for(town.backend, town_id, why, sizeof(why)));
    CHECK_STR(town.state.error, "it was stopped before it had started");
    while (!scripted_at_end() || serve_open(town.s.serve) > 1) /* the pull's is closed */
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK_HAS(scripted_asked(), "DELETE /containers/thole-t-build-");
    town_close(&town);
}

/* Whoever has lost interest in a start does not hold up what follows. */
TEST(pull_may_be_left_alone)
{
    Town town;
    Step step = town_step;
    StopHow how = {.signal = 15, .grace_ms = 60000};
    step.pull = true;
    town_open(&town, (const char *[]){"", DONE, NULL});
    Op *op = backend_start_step(town.backend, town_id, &step, town_hear, &town);
    while (!strstr(scripted_asked(), "/images/create"))
        ASSERT(loop_turn(town.s.loop, 10000));
    op_cancel(op);
    town_until(&town);
    CHECK_EQ(town.err.kind, ERR_CANCELLED);
    backend_destroy_step(town.backend, town_id, &how, town_hear_end, &town);
    town_until(&town);
    CHECK_EQ(town.err.kind, ERR_NONE);
    CHECK_HAS(scripted_asked(), "DELETE /containers/thole-t-build-");
    town_close(&town);
}

TEST(pull_with_credentials_that_are_too_long_is_refused)
{
    static char token[200 * 1024];
    Town town;
    Step step = town_step;
    memset(token, 'x', sizeof(token) - 1);
    step.pull = true;
    step.auth_config = (RegistryAuth){.username = "u", .password = token};
    town_open(&town, (const char *[]){NULL});
    backend_start_step(town.backend, town_id, &step, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.err.kind, ERR_LIMIT);
    CHECK_STR(town.err.msg, "pull x:1: the name or the credentials are too long");
    CHECK_STR(scripted_asked(), "");
    town_close(&town);
}
