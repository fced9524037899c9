/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that end a container. */
#include "harness/test.h"

#include <signal.h>

#include "backend/docker/stop.h"
#include "unit/docker/scripted.h"

#define SIGNALED "304 "
#define ENDED    "200 {\"StatusCode\":143}"
#define NONE     "404 {\"message\":\"No such container\"}"
#define IDLE     "409 {\"message\":\"Container x is not running\"}"

#define TERM     "POST /containers/x/kill?signal=15\n"
#define KILL     "POST /containers/x/kill?signal=9\n"
#define WAIT     "POST /containers/x/wait\n"
#define EXEC     "POST /containers/x/exec\n"
#define BEGIN    "POST /exec/e1/start\n"
#define REMOVE   "DELETE /containers/x?v=1&force=1\n"

/* What comes of it; NULL: of a removal. */
static Err outcome_of(const DockerStop *stop, const char *const *replies) {
    ScriptedEnd end = {0};
    Scripted s;
    scripted_open(&s, replies);
    if (stop)
        docker_stop(s.engine, stop, scripted_hear, &end);
    else
        docker_remove(s.engine, "x", scripted_hear, &end);
    scripted_until(&s, &end);
    CHECK(scripted_at_end());
    scripted_close(&s);
    return end.err;
}

static Err outcome(const StopHow *how, const char *const *replies) {
    return outcome_of(&(DockerStop){.container = "x", .how = *how}, replies);
}

static const StopHow gently = {.signal = SIGTERM, .grace_ms = 20000};

TEST(stop_signals_and_waits)
{
    Err err = outcome(&gently, (const char *[]){SIGNALED, ENDED, NULL});
    CHECK_STR(err.msg, "");
    CHECK_STR(scripted_asked(), TERM WAIT);
}

static Err stop_script(uint32_t grace_ms, const char *const *replies) {
    DockerStop stop = {
        .container = "x", .how = {.signal = SIGTERM, .grace_ms = grace_ms}, .script = true};
    return outcome_of(&stop, replies);
}

#define MADE "201 {\"Id\":\"e1\"}"

TEST(stop_of_a_script_signals_what_it_runs_from_inside)
{
    Err err = stop_script(20000, (const char *[]){MADE, "200 ", SIGNALED, ENDED, NULL});
    CHECK_STR(err.msg, "");
    CHECK_STR(scripted_asked(), EXEC BEGIN TERM WAIT);
}

TEST(stop_of_a_script_goes_on_where_nothing_can_be_run_inside)
{
    const char *refused = "500 {\"message\":\"cannot exec in a frozen container\"}";
    CHECK_STR(stop_script(20000, (const char *[]){refused, SIGNALED, ENDED, NULL}).msg, "");
    CHECK_STR(scripted_asked(), EXEC TERM WAIT);
    CHECK_STR(stop_script(20000, (const char *[]){MADE, refused, SIGNALED, ENDED, NULL}).msg, "");
    CHECK_STR(scripted_asked(), EXEC BEGIN TERM WAIT);
    CHECK_STR(stop_script(20000, (const char *[]){IDLE, IDLE, NULL}).msg, "");
    CHECK_STR(scripted_asked(), EXEC TERM);
    CHECK_STR(stop_script(0, (const char *[]){SIGNALED, ENDED, NULL}).msg, "");
    CHECK_STR(scripted_asked(), KILL WAIT);
}

TEST(stop_does_not_signal_twice)
{
    bool told = false;
    DockerStop stop = {.container = "x", .how = gently, .told = &told};
    CHECK_STR(outcome_of(&stop, (const char *[]){SIGNALED, ENDED, NULL}).msg, "");
    CHECK(told);
    CHECK_STR(outcome_of(&stop, (const char *[]){ENDED, NULL}).msg, "");
    CHECK_STR(scripted_asked(), WAIT);
    stop.script = true;
    CHECK_STR(outcome_of(&stop, (const char *[]){ENDED, NULL}).msg, "");
    CHECK_STR(scripted_asked(), WAIT);
    stop.how.grace_ms = 0;
    CHECK_STR(outcome_of(&stop, (const char *[]){SIGNALED, ENDED, NULL}).msg, "");
    CHECK_STR(scripted_asked(), KILL WAIT);
}

TEST(stop_kills_after_its_grace)
{
    StopHow how = {.signal = SIGTERM, .grace_ms = 1};
    ScriptedEnd end = {0};
    Scripted s;
    scripted_open(&s, (const char *[]){SIGNALED, NULL}); /* no answer to the wait */
    Op *op =
        docker_stop(s.engine, &(DockerStop){.container = "x", .how = how}, scripted_hear, &end);
    while (!strstr(scripted_asked(), KILL))
        ASSERT(loop_turn(s.loop, 10000));
    CHECK_STR(scripted_asked(), TERM WAIT KILL);
    CHECK_EQ(end.called, 0); /* not before the engine has seen its end */
    op_cancel(op);
    scripted_until(&s, &end);
    scripted_close(&s);
}

TEST(stop_without_grace_kills_at_once)
{
    StopHow how = {.signal = SIGTERM};
    Err err = outcome(&how, (const char *[]){SIGNALED, ENDED, NULL});
    CHECK_STR(err.msg, "");
    CHECK_STR(scripted_asked(), KILL WAIT);
    how = (StopHow){.signal = SIGKILL, .grace_ms = 20000};
    outcome(&how, (const char *[]){SIGNALED, ENDED, NULL});
    CHECK_STR(scripted_asked(), KILL WAIT);
}

TEST(stop_of_what_does_not_run_is_done)
{
    CHECK_STR(outcome(&gently, (const char *[]){NONE, NULL}).msg, "");
    CHECK_STR(outcome(&gently, (const char *[]){IDLE, NULL}).msg, "");
    CHECK_STR(outcome(&gently, (const char *[]){SIGNALED, NONE, NULL}).msg, "");
    CHECK_STR(scripted_asked(), TERM WAIT);
}

TEST(stop_says_why_not)
{
    Err err = outcome(&gently, (const char *[]){"500 {\"message\":\"runtime is stuck\"}", NULL});
    CHECK_EQ(err.kind, ERR_INTERNAL);
    CHECK_STR(err.msg, "container x: docker: runtime is stuck");
}

TEST(stop_may_be_cancelled)
{
    ScriptedEnd end = {0};
    Scripted s;
    scripted_open(&s, (const char *[]){SIGNALED, NULL});
    Op *op =
        docker_stop(s.engine, &(DockerStop){.container = "x", .how = gently}, scripted_hear, &end);
    while (!strstr(scripted_asked(), WAIT))
        ASSERT(loop_turn(s.loop, 10000));
    op_cancel(op);
    scripted_until(&s, &end);
    CHECK_EQ(end.err.kind, ERR_CANCELLED);
    scripted_close(&s);
}

TEST(remove_is_done_when_it_is_gone)
{
    CHECK_STR(outcome_of(NULL, (const char *[]){"304 ", NULL}).msg, "");
    CHECK_STR(scripted_asked(), REMOVE);
    CHECK_STR(outcome_of(NULL, (const char *[]){NONE, NULL}).msg, "");
    const char *busy = "409 {\"message\":\"removal of container x is already in progress\"}";
    CHECK_STR(outcome_of(NULL, (const char *[]){busy, NULL}).msg, "");
    Err err = outcome_of(NULL, (const char *[]){"500 {\"message\":\"device busy\"}", NULL});
    CHECK_STR(err.msg, "container x: docker: device busy");
}
