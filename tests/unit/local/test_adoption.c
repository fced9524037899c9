/* SPDX-License-Identifier: Apache-2.0 */
/* What a server makes of runs that others have left: directories made by hand, and pins played by
 * the test. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "backend/local/pin_socket.h"
#include "backend/local/records.h"
#include "base/boot.h"
#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "unit/local/pin_world.h"

/* ---- Adoption, by hand-made directories ---- */

static char *make_run(World *w, StepId id) {
    char *dir = world_run_dir(w, id);
    Err err = {0};
    ASSERT(path_mkdirs(dir, 0700, &err) == 0);
    return dir;
}

static void put_file(World *w, const char *dir, const char *name, const char *text) {
    Err err = {0};
    ASSERT(file_write(arena_printf(&w->arena, "%s/%s", dir, name), text, strlen(text), 0600,
                      &err) == 0);
}

TEST(local_a_run_of_before_the_restart_of_the_machine_is_lost)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0};
    world_setup(w, "t");
    char *dir = make_run(w, id);
    put_file(w, dir, RUN_CLAIM, "pin 1\n");
    put_file(w, dir, RUN_RECORD,
             "{\"format\":1,\"id\":\"abcd\",\"boot_id\":\"another\",\"pin\":1,\"pid\":1,\"started_"
             "us\":5,\"restarts\":2}");
    run_resume(w, id, &again);
    CHECK_EQ(again.state.end, STEP_LOST);
    CHECK_HAS(again.state.error, "the machine was restarted");
    CHECK(again.state.rebooted);
    CHECK_EQ(again.state.restarts, 2);
    WireEnded ended;
    Err err = {0};
    CHECK_EQ(records_exit(dir, &ended, &err), 1);
    CHECK_EQ(ended.end, RUN_END_LOST);
    world_close(w);
}

/* Whoever asks is told, now and later; nothing of it is touched. */
static void newer(const char *name, const char *text) {
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, end = {0}, stop = {0}, all = {0};
    StopHow how = {.signal = SIGTERM, .grace_ms = 50};
    world_setup(w, "t");
    char *dir = make_run(w, id);
    put_file(w, dir, RUN_CLAIM, "pin 1\n");
    put_file(w, dir, name, text);
    backend_resume_step(w->backend, id, hear_state, &again);
    UNTIL(w, again.called);
    CHECK_HAS(again.err.msg, "newer");
    backend_wait_step(w->backend, id, hear_state, &end);
    UNTIL(w, end.called);
    CHECK_HAS(end.err.msg, "newer");
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    UNTIL(w, stop.called);
    CHECK_HAS(stop.err.msg, name);
    if (strcmp(name, EXIT_RECORD) != 0) { /* it may live */
        backend_destroy_workflow(w->backend, "t", NULL, hear, &all);
        UNTIL(w, all.called);
        CHECK_HAS(all.err.msg, "newer");
    }
    AUTO_FREE char *kept = NULL, *path = xasprintf("%s/%s", dir, name);
    size_t size;
    Err err;
    ASSERT(file_read(path, 1000, &kept, &size, &err) == 0);
    CHECK_STR(kept, text);
    world_close(w);
}

TEST(local_a_record_of_a_newer_format_is_refused_and_left_as_it_is)
{ newer(RUN_RECORD, "{\"format\":2,\"id\":\"abcd\"}"); }

TEST(local_an_end_of_a_newer_format_is_refused_and_left_as_it_is)
{ newer(EXIT_RECORD, "{\"format\":2,\"end\":\"dreamt\"}"); }

TEST(local_a_claim_without_a_pin_is_lost)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0};
    world_setup(w, "t");
    char *dir = make_run(w, id);
    put_file(w, dir, RUN_CLAIM, "pin 999999999\n");
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_ENDED);
    CHECK_EQ(again.state.end, STEP_LOST);
    CHECK_HAS(again.state.error, "while it was starting");
    world_close(w);
}

TEST(local_a_launch_nobody_claimed_never_starts)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, second = {0};
    Claim claim;
    Err err = {0};
    world_setup(w, "t");
    char *dir = make_run(w, id);
    run_begin_now(w, step_id("t", "other", 1), script_step(w, "other", "sleep 9999"));
    AUTO_FREE char *copy =
        xasprintf("cp %s/" RUN_LAUNCH " %s/", world_run_dir(w, step_id("t", "other", 1)), dir);
    run_begin_now(w, step_id("t", "cp", 1), script_step(w, "cp", copy));
    wait_now(w, step_id("t", "cp", 1), &again);
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_NEVER);
    CHECK_EQ(records_claim(dir, &claim, &err), 1);
    CHECK_EQ(claim.kind, CLAIM_VOID);
    run_begin(w, id, script_step(w, "server", "exit 0"), &second);
    UNTIL(w, second.called);
    CHECK_EQ(second.err.kind, ERR_CONFLICT); /* for ever */
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_NEVER);
    world_close(w);
}

TEST(local_a_directory_without_a_launch_may_be_used)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, end = {0};
    world_setup(w, "t");
    make_run(w, id);
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_NEVER);
    run_begin_now(w, id, script_step(w, "server", "exit 4"));
    wait_now(w, id, &end);
    CHECK_EQ(end.state.code, 4);
    world_close(w);
}

/* A killed server has asked for a pin, and nobody knows whether that one is still to come: both
 * would claim the same run. */
TEST(local_a_launch_nobody_claimed_may_be_asked_for_again)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1), other = step_id("t", "other", 1);
    Heard end = {0};
    world_setup(w, "t");
    char *dir = make_run(w, id);
    run_begin_now(w, other, script_step(w, "other", "exec sleep 9999"));
    AUTO_FREE char *copy = xasprintf("cp %s/" RUN_LAUNCH " %s/", world_run_dir(w, other), dir);
    run_begin_now(w, step_id("t", "cp", 1), script_step(w, "cp", copy));
    wait_now(w, step_id("t", "cp", 1), &end);
    const char *stamp = run_stamp(w, other);
    pid_t pin = world_pin(w, other);
    destroy_now(w, other, SIGKILL, 0);
    UNTIL(w, !process_lives(pin)); /* it listens at the name that the id gives */
    run_begin_now(w, id, script_step(w, "server", "exec sleep 9998"));
    CHECK_STR(run_stamp(w, id), stamp); /* the id that was asked for */
    UNTIL(w, processes_of(stamp) == 1); /* in the middle of an exec it shows no environment */
    world_close(w);
}

/* ---- A pin of the test's own, for what real ones do rarely ---- */

typedef struct FakePin {
    int listener, fd;
} FakePin;

static FakePin fake_pin(World *w, StepId id) {
    FakePin pin = {.fd = -1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[100];
    char *dir = make_run(w, id);
    AUTO_FREE char *record =
        xasprintf("{\"format\":1,\"id\":\"%032x\",\"boot_id\":\"%s\",\"pin\":%d,\"pid\":4242}",
                  getpid(), boot_id(), getpid());
    AUTO_FREE char *run_id = xasprintf("%032x", getpid());
    pin_socket_pin_name(run_id, name, sizeof name);
    memcpy(address.sun_path + 1, name, strlen(name));
    pin.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    ASSERT(bind(pin.listener, (struct sockaddr *)&address, size) == 0 &&
           listen(pin.listener, 8) == 0);
    put_file(w, dir, RUN_CLAIM, "pin 1\n");
    put_file(w, dir, RUN_RECORD, record);
    return pin;
}

/* Waits for a message of that type. */
static void fake_pin_hears(World *w, FakePin *pin, uint32_t type, PinPacket *packet) {
    UNTIL(w, pin->fd >= 0 ||
                 (pin->fd = accept4(pin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    UNTIL(w,
          pin_socket_receive(pin->fd, packet) == PIN_RECEIVED && pin_packet_type(packet) == type);
}

static void fake_pin_says(FakePin *pin, const void *message, size_t size) {
    ASSERT(pin_socket_send(pin->fd, message, size, NULL, 0) == 0);
}

static void fake_pin_runs(World *w, FakePin *pin) {
    PinPacket packet;
    WireState state = {
        .head = {WIRE_STATE, sizeof state}, .protocol = 1, .phase = RUN_PHASE_RUNNING, .pid = 4242};
    fake_pin_hears(w, pin, WIRE_ATTACH, &packet);
    fake_pin_says(pin, &state, sizeof state);
}

TEST(local_survivors_are_named)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, stop = {0}, retry = {0}, end = {0};
    PinPacket packet;
    StopHow how = {.signal = SIGTERM, .grace_ms = 50};
    WireStop heard;
    world_setup(w, "t");
    FakePin pin = fake_pin(w, id);
    backend_resume_step(w->backend, id, hear_state, &again);
    fake_pin_runs(w, &pin);
    UNTIL(w, again.called);
    CHECK_EQ(again.state.pid, 4242);
    backend_wait_step(w->backend, id, hear_state, &end);
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    fake_pin_hears(w, &pin, WIRE_STOP, &packet);
    pin_packet_body(&packet, &heard, sizeof heard);
    CHECK_EQ(heard.signal, SIGTERM);
    CHECK_EQ(heard.grace_ms, 50);
    WireSurvivors left = {.head = {WIRE_SURVIVORS, sizeof left}, .count = 3, .named = 2};
    left.who[0] = (WireSurvivor){.pid = 17, .uid = 0, .name = "sudo"};
    left.who[1] = (WireSurvivor){.pid = 18, .uid = 33, .name = "nginx"};
    fake_pin_says(&pin, &left, sizeof left);
    UNTIL(w, stop.called);
    CHECK_EQ(stop.err.kind, ERR_DENIED);
    CHECK_STR(stop.err.msg, "3 processes could not be ended: 17 (sudo, uid 0), 18 (nginx, uid 33)");
    CHECK_EQ(end.called, 0);
    backend_destroy_step(w->backend, id, &how, hear, &retry); /* the pin tries again */
    fake_pin_hears(w, &pin, WIRE_STOP, &packet);
    WireEnded ended = {
        .head = {WIRE_ENDED, sizeof ended}, .end = RUN_END_SIGNALED, .code = SIGTERM};
    fake_pin_says(&pin, &ended, sizeof ended);
    UNTIL(w, retry.called && end.called);
    CHECK_STR(retry.err.msg, "");
    CHECK_EQ(end.state.code, SIGTERM);
    close(pin.fd);
    close(pin.listener);
    world_close(w);
}

/* A later protocol only adds: longer structs and types we do not know. An older one leaves out. */
TEST(local_other_versions_of_the_protocol)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, end = {0};
    struct {
        WireHead head;
        char more[100];
    } unknown = {.head = {999, sizeof unknown}};
    struct {
        WireEnded ended;
        char more[100];
    } longer = {
        .ended = {
            .head = {WIRE_ENDED, sizeof longer}, .end = RUN_END_EXITED, .code = 6, .log_size = 0}};
    world_setup(w, "t");
    FakePin pin = fake_pin(w, id);
    backend_resume_step(w->backend, id, hear_state, &again);
    fake_pin_runs(w, &pin);
    UNTIL(w, again.called);
    backend_wait_step(w->backend, id, hear_state, &end);
    fake_pin_says(&pin, &unknown, sizeof unknown);
    fake_pin_says(&pin, "x", 1);
    fake_pin_says(&pin, &longer, sizeof longer);
    UNTIL(w, end.called);
    CHECK_EQ(end.state.code, 6);
    close(pin.fd);
    close(pin.listener);
    world_close(w);
}

/* ---- A pin that says nothing ---- */

TEST(local_a_stopped_pin_is_known_to_live_and_heard_later)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, end = {0};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "exec sleep 9999"));
    pid_t pin = world_pin(w, id);
    ASSERT(kill(pin, SIGSTOP) == 0);
    world_crash(w);
    world_setup(w, "t");
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_RUNNING);
    CHECK(process_lives((pid_t)again.state.pid));
    backend_wait_step(w->backend, id, hear_state, &end);
    ASSERT(kill((pid_t)again.state.pid, SIGKILL) == 0);
    ASSERT(kill(pin, SIGCONT) == 0);
    UNTIL(w, end.called);
    CHECK_EQ(end.state.end, STEP_SIGNALED);
    CHECK_EQ(end.state.code, SIGKILL);
    world_close(w);
}

TEST(local_a_stopped_pin_that_is_killed_is_lost)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0}, end = {0};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "exec sleep 9999"));
    pid_t pin = world_pin(w, id);
    ASSERT(kill(pin, SIGSTOP) == 0);
    world_crash(w);
    world_setup(w, "t");
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_RUNNING);
    backend_wait_step(w->backend, id, hear_state, &end);
    ASSERT(kill(pin, SIGKILL) == 0);
    UNTIL(w, end.called);
    CHECK_EQ(end.state.end, STEP_LOST);
    CHECK(!process_lives((pid_t)again.state.pid));
    world_close(w);
}
