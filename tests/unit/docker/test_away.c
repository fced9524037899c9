/* SPDX-License-Identifier: Apache-2.0 */
/* The docker backend and an engine that goes away, or says what it should not. */
#include "harness/test.h"

#include "backend/docker/docker.h"
#include "unit/docker/scripted.h"

#define CREATED "201 {\"Id\":\"c1\"}"
#define DONE    "304 "
#define RUNS                                                                 \
    "200 {\"Id\":\"c1\",\"State\":{\"Status\":\"running\",\"Running\":true," \
    "\"StartedAt\":\"2026-01-02T03:04:05Z\"}}"
#define NONE    "404 {\"message\":\"No such container\"}"
#define CREATES "200 {\"Id\":\"c1\",\"State\":{\"Status\":\"created\"}}"

typedef struct Town {
    Scripted s;
    Backend *backend;
    int called;
    Err err;
    StepState state;
} Town;

static const Step step = {.name = "build", .image = "x:1", .network_mode = "none"};
static const StepId id = {.task = "t", .step = "build", .run = 1};

static void hear(void *arg, const void *result, const Err *err) {
    Town *town = arg;
    town->called++;
    town->err = err ? *err : (Err){0};
    if (result)
        town->state = *(const StepState *)result;
}

static void hear_end(void *arg, const void *result, const Err *err) {
    (void)result;
    hear(arg, NULL, err);
}

static void until(Town *town) {
    while (!town->called)
        ASSERT(loop_turn(town->s.loop, 10000));
    town->called = 0;
}

static void make_backend(Town *town) {
    char host[220];
    Err err = {0};
    snprintf(host, sizeof(host), "unix://%s", town->s.path);
    StrPair pairs[] = {{"host", host}, {"patience", "1s"}};
    StrMap options = {.at = pairs, .n = 2};
    town->backend =
        docker_backend_new(town->s.loop, &(DockerSetup){.owner = "me", .options = &options}, &err);
    ASSERT(town->backend);
    backend_setup_workflow(town->backend, "t", test_dir(), NULL, hear_end, town);
    until(town);
}

static void town_open(Town *town, const char *const *replies) {
    *town = (Town){0};
    scripted_open(&town->s, replies);
    make_backend(town);
}

static void start(Town *town) {
    backend_start_step(town->backend, id, &step, hear, town);
    until(town);
    CHECK_STR(town->err.msg, "");
}

static void town_close(Town *town) {
    backend_free(town->backend);
    scripted_close(&town->s);
}

TEST(away_for_too_long_is_the_end_of_a_step)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, NULL});
    start(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    backend_wait_step(town.backend, id, hear, &town);
    while (!strstr(scripted_asked(), "/wait"))
        ASSERT(loop_turn(town.s.loop, 10000));
    town.s.serve = serve_free(town.s.serve);
    unlink(town.s.path);
    until(&town);
    CHECK_EQ(town.state.phase, STEP_ENDED);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "given up after 1.0s: ");
    CHECK_HAS(town.state.error, town.s.path);
    town_close(&town);
}

TEST(away_a_container_that_somebody_removed_is_lost)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, NONE, NONE, NONE, NONE, NONE, NULL});
    start(&town);
    backend_wait_step(town.backend, id, hear, &town);
    until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "somebody has removed it");
    town_close(&town);
}

/* The answer to a start was lost with the server: what never ran is removed, and never will. */
TEST(away_a_start_that_made_a_container_alone_never_was)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, NULL});
    Op *op = backend_start_step(town.backend, id, &step, hear, &town);
    while (!strstr(scripted_asked(), "/start"))
        ASSERT(loop_turn(town.s.loop, 10000));
    op_forget(op);
    backend_free(town.backend);
    scripted_close(&town.s);
    scripted_open(&town.s, (const char *[]){CREATES, DONE, NULL});
    make_backend(&town);
    backend_resume_step(town.backend, id, hear, &town);
    until(&town);
    CHECK_EQ(town.state.phase, STEP_NEVER);
    CHECK_HAS(scripted_asked(), "DELETE /containers/thole-t-build-");
    CHECK(!strstr(scripted_asked(), "force"));
    backend_start_step(town.backend, id, &step, hear, &town);
    until(&town);
    CHECK_EQ(town.err.kind, ERR_CONFLICT);
    town_close(&town);
}
