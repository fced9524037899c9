/* SPDX-License-Identifier: Apache-2.0 */
/* The docker backend and an engine that goes away, or says what it should not. */
#include "harness/test.h"

#include <signal.h>

#include "unit/docker/town.h"

TEST(away_for_too_long_is_the_end_of_a_step)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, NULL});
    town_start(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    while (!strstr(scripted_asked(), "/wait"))
        ASSERT(loop_turn(town.s.loop, 10000));
    town.s.serve = serve_free(town.s.serve);
    unlink(town.s.path);
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_ENDED);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "given up after 1.0s: ");
    CHECK_HAS(town.state.error, town.s.path);
    /* it was waited for: what follows does not wait for as long again */
    int64_t now_ms = loop_now_ms(town.s.loop);
    backend_destroy_step(town.backend, town_id, &(StopHow){.signal = SIGTERM, .grace_ms = 60000},
                         town_hear_end, &town);
    town_until(&town);
    CHECK_EQ(town.err.kind, ERR_UNAVAILABLE);
    backend_destroy_workflow(town.backend, "t", NULL, town_hear_end, &town);
    town_until(&town);
    CHECK_EQ(town.err.kind, ERR_UNAVAILABLE);
    CHECK(loop_now_ms(town.s.loop) - now_ms < 900);
    town_close(&town);
}

TEST(away_a_container_that_somebody_removed_is_lost)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, NONE, NONE, NONE, NONE, NONE, NULL});
    town_start(&town);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "somebody has removed it");
    town_close(&town);
}

TEST(away_a_registry_is_what_a_step_waits_for)
{
    Town town;
    char why[200] = "";
    town_open(&town, (const char *[]){"404 {\"message\":\"No such image: x:1\"}", "", NULL});
    backend_start_step(town.backend, town_id, &town_step, town_hear, &town);
    while (!strstr(scripted_asked(), "/images/create"))
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK(backend_waits_for(town.backend, town_id, why, sizeof(why)));
    CHECK_STR(why, "its image is being pulled");
    town_close(&town);
}

/* As if it were killed. The next one has another engine. */
static void next_server(Town *town, const char *const *replies) {
    backend_free(town->backend);
    scripted_close(&town->s);
    scripted_open(&town->s, replies);
    town_make_backend(town);
    backend_resume_step(town->backend, town_id, town_hear, town);
}

/* Of a server that was killed when the engine had not answered its start. */
static void half_started(Town *town, const char *const *replies) {
    town_open(town, (const char *[]){CREATED, NULL});
    Op *op = backend_start_step(town->backend, town_id, &town_step, town_hear, town);
    while (!strstr(scripted_asked(), "/start"))
        ASSERT(loop_turn(town->s.loop, 10000));
    op_forget(op);
    next_server(town, replies);
}

#define ASIDE \
    "200 {\"Id\":\"c1\",\"Name\":\"/thole-t-build-1.aside\",\"State\":{\"Status\":\"created\"}}"

/* The answer to a start was lost with the server: what never ran is removed, and never will. */
TEST(away_a_start_that_made_a_container_alone_never_was)
{
    Town town;
    half_started(&town, (const char *[]){CREATES, DONE, CREATES, DONE, NULL});
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_NEVER);
    CHECK_HAS(scripted_asked(), "POST /containers/c1/rename?name=thole-t-build-");
    CHECK_HAS(scripted_asked(), "DELETE /containers/c1?v=1\n");
    backend_start_step(town.backend, town_id, &town_step, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.err.kind, ERR_CONFLICT);
    town_close(&town);
}

/* The engine came to the start after it was asked what there is: seen once in 15 times. */
TEST(away_a_start_under_way_is_not_removed_with_what_it_wrote)
{
    Town town;
    half_started(&town, (const char *[]){CREATES, DONE, RUNS, NULL});
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    CHECK(!strstr(scripted_asked(), "DELETE"));
    next_server(&town, (const char *[]){RUNS, NULL}); /* knows it by its id */
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    CHECK_HAS(scripted_asked(), "GET /containers/c1/json\n");
    town_close(&town);
}

TEST(away_what_a_killed_server_has_set_aside_never_was)
{
    Town town;
    half_started(&town, (const char *[]){CREATES, NULL});
    while (!strstr(scripted_asked(), "/rename"))
        ASSERT(loop_turn(town.s.loop, 10000));
    next_server(&town, (const char *[]){ASIDE, DONE, NULL});
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_NEVER);
    CHECK_HAS(scripted_asked(), "GET /containers/c1/json\nDELETE /containers/c1?v=1\n");
    town_close(&town);
}

TEST(away_rubbish_for_a_log_is_asked_for_again_and_then_the_end)
{
    Town town;
    const char *rubbish = "200 this is no log of an engine";
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, rubbish, "", RUNS, rubbish, RUNS,
                                      rubbish, RUNS, rubbish, RUNS, rubbish, RUNS, rubbish, NULL});
    town_start(&town);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "given up after 1.0s: the log of step build: ");
    CHECK_HAS(strstr(scripted_asked(), "/logs") + 1, "/logs"); /* more than once */
    town_close(&town);
}

TEST(away_half_an_answer_is_no_answer)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, DONE, "200 {\"Id\":\"c1\",\"State\":{", "200 {}",
                                      RUNS, NULL});
    town_start(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    CHECK_EQ(town.state.started_us, 1767323045000000);
    town_close(&town);
}

static void on_gone(void *arg, const void *result, const Err *err) {
    Err *heard = arg;
    (void)result;
    *heard = err ? *err : (Err){.kind = ERR_CANCELLED}; /* something: it was heard of */
}

/* Whoever waits for a step hears of its end, also when all that the engine did was to remove it. */
TEST(away_a_run_that_only_the_sweep_ended_is_over_for_who_waits)
{
    Town town;
    Err gone = {0};
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, "", "", "500 {\"message\":\"stuck\"}",
                                      "200 [{\"Id\":\"c1\"}]", DONE, "200 []",
                                      "200 {\"Volumes\":[]}", NULL});
    town_start(&town);
    Op *op = backend_wait_step(town.backend, town_id, town_hear, &town);
    while (!strstr(scripted_asked(), "/wait") || !strstr(scripted_asked(), "/logs"))
        ASSERT(loop_turn(town.s.loop, 10000));
    backend_destroy_workflow(town.backend, "t", NULL, on_gone, &gone);
    town_until(&town);
    (void)op;
    CHECK_EQ(town.state.phase, STEP_ENDED);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "it was removed with its workflow");
    while (gone.kind == ERR_NONE)
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK_STR(gone.msg, "");
    town_close(&town);
}

/* A connection to a peer that vanished stays open for ever. */
TEST(away_what_runs_is_looked_at_now_and_then)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, "", "", NONE, NULL});
    town_start(&town);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "somebody has removed it");
    town_close(&town);
}

static const StopHow softly = {.signal = SIGTERM, .grace_ms = 60000, .keep = true};

/* A call in flight is not taken back by hanging up: what it starts is ended as all others are. */
TEST(away_a_step_that_is_being_started_is_stopped_once_it_runs)
{
    Town town;
    Err gone = {0};
    town_open(&town, (const char *[]){CREATED, "", RUNS, "", "", DONE, NULL});
    backend_start_step(town.backend, town_id, &town_step, town_hear, &town);
    while (!strstr(scripted_asked(), "/start"))
        ASSERT(loop_turn(town.s.loop, 10000));
    backend_destroy_step(town.backend, town_id, &softly, on_gone, &gone);
    for (int i = 0; i < 3; i++)
        loop_turn(town.s.loop, 0);
    CHECK_EQ(town.called, 0); /* nobody knows whether it runs */
    serve_say(town.s.serve, "HTTP/1.1 204 What\r\n\r\n", false);
    while (!strstr(scripted_asked(), "/kill?signal=15"))
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK(!strstr(scripted_asked(), "DELETE"));
    town_close(&town);
}

/* A server that was killed has sent the signal, or was about to: effects are not repeated. */
TEST(away_a_signal_is_not_sent_by_two_servers)
{
    Town town;
    Err gone = {0};
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, "", "", DONE, NULL});
    town_start(&town);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    while (!strstr(scripted_asked(), "/wait") || !strstr(scripted_asked(), "/logs"))
        ASSERT(loop_turn(town.s.loop, 10000));
    backend_destroy_step(town.backend, town_id, &softly, on_gone, &gone);
    while (!strstr(scripted_asked(), "/kill?signal=15"))
        ASSERT(loop_turn(town.s.loop, 10000));
    next_server(&town, (const char *[]){RUNS, "", "", "", NULL});
    town_until(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    const StopHow soon = {.signal = SIGTERM, .grace_ms = 50, .keep = true};
    backend_destroy_step(town.backend, town_id, &soon, on_gone, &gone);
    while (!strstr(scripted_asked(), "/kill?signal=9"))
        ASSERT(loop_turn(town.s.loop, 10000));
    CHECK(!strstr(scripted_asked(), "/kill?signal=15"));
    town_close(&town);
}

#define BROKEN "500 {\"message\":\"failed to update store: open : no such file or directory\"}"

/* So says an engine that is being stopped, in mid-run, of things that are not the step's fault. */
TEST(away_an_engine_that_fails_and_then_leaves_is_waited_for)
{
    Town town;
    town_open(&town,
              (const char *[]){CREATED, BROKEN, "503 {\"message\":\"shutting down\"}", CREATES,
                               "409 {\"message\":\"name in use\"}", CREATES, DONE, RUNS, NULL});
    town_start(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    CHECK_STR(town.state.error, "");
    town_close(&town);
}

/* Its successor was there before it was asked again. */
TEST(away_an_engine_that_failed_is_asked_a_second_time)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, BROKEN, CREATES, "409 {\"message\":\"name in use\"}",
                                      CREATES, DONE, RUNS, NULL});
    town_start(&town);
    CHECK_EQ(town.state.phase, STEP_RUNNING);
    CHECK_STR(town.state.error, "");
    town_close(&town);
}

/* A listener that is closed ends no connection: over those that it has it answers still. */
TEST(away_an_engine_that_takes_no_new_connection_is_waited_for)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, BROKEN, CREATES, BROKEN, NULL});
    backend_start_step(town.backend, town_id, &town_step, town_hear, &town);
    while (!strstr(scripted_asked(), "/start"))
        ASSERT(loop_turn(town.s.loop, 10000));
    unlink(town.s.path);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK_HAS(town.state.error, "given up after 1.0s: ");
    CHECK(!strstr(town.state.error, "failed to update store"));
    town_close(&town);
}

TEST(away_an_engine_that_fails_and_stays_is_believed)
{
    Town town;
    town_open(&town, (const char *[]){CREATED, BROKEN, CREATES, "409 {\"message\":\"name in use\"}",
                                      CREATES, BROKEN, NULL});
    town_start(&town);
    CHECK_EQ(town.state.end, STEP_FAILED);
    CHECK(scripted_at_end());
    CHECK_HAS(town.state.error, "docker: failed to update store: open : no such file");
    town_close(&town);
}
