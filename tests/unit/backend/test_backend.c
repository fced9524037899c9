/* SPDX-License-Identifier: Apache-2.0 */
/* The wrappers: what no implementation ever gets to see, and what one may leave out. */
#include <signal.h>

#include "backend/fake/fake.h"
#include "base/arena.h"
#include "harness/test.h"
#include "unit/backend/conformance.h"

static void expect(World *w, Heard *heard, ErrKind kind, const char *part) {
    CHECK_EQ(heard->called, 0);
    UNTIL(w, heard->called);
    CHECK_EQ(heard->err.kind, kind);
    CHECK_HAS(heard->err.msg, part);
    *heard = (Heard){0};
}

TEST(names_and_numbers_are_checked_before_anything_happens)
{
    World *w = world_open();
    Heard heard = {0};
    Step step = {.name = "x", .type = STEP_PROCESS};
    char name[600] = {0};
    memset(name, 'a', sizeof(name) - 1);
    backend_start_step(w->backend, step_id("", "x", 1), &step, hear, &heard);
    expect(w, &heard, ERR_INVALID, "the task has no name");
    backend_wait_step(w->backend, step_id("t", NULL, 1), hear, &heard);
    expect(w, &heard, ERR_INVALID, "the step has no name");
    backend_destroy_step(w->backend, step_id("t", name, 1), NULL, hear, &heard);
    expect(w, &heard, ERR_INVALID, "name of the step is too long");
    backend_resume_step(w->backend, step_id("t", "x", 0), hear, &heard);
    expect(w, &heard, ERR_INVALID, "counted from 1");
    backend_signal_step(w->backend, step_id("t", "x", 1), 99, hear, &heard);
    expect(w, &heard, ERR_INVALID, "no such signal");
    backend_input_step(w->backend, step_id("t", "x", 1),
                       &(StepInput){.bytes = "", .n = BACKEND_INPUT_MAX + 1}, hear, &heard);
    expect(w, &heard, ERR_INVALID, "too long");
    backend_resize_step(w->backend, step_id("t", "x", 1), (StepSize){0, 80}, hear, &heard);
    expect(w, &heard, ERR_INVALID, "1 to 65535");
    CHECK(backend_keep_socket(w->backend, "", 0, &heard.err) < 0);
    CHECK_EQ(heard.err.kind, ERR_INVALID);
    heard = (Heard){0};
    backend_setup_workflow(w->backend, "t", "relative", NULL, hear, &heard);
    expect(w, &heard, ERR_INVALID, "absolute path");
    backend_destroy_workflow(w->backend, NULL, NULL, hear, &heard);
    expect(w, &heard, ERR_INVALID, "the task has no name");
    CHECK_EQ(fake_starts(w->backend, "t", "x"), 0);
    world_close(w);
}

TEST(what_a_backend_leaves_out_is_refused_by_name)
{
    World *w = world_open();
    Heard heard = {0};
    BackendOps poor = *w->backend->ops;
    Backend backend = *w->backend;
    Step step = {.name = "x"};
    StepId id = step_id("t", "x", 1);
    poor.signal_step = NULL;
    poor.exec_step = NULL;
    poor.input_step = NULL;
    poor.resize_step = NULL;
    poor.kept_sockets = NULL;
    poor.keep_socket = NULL;
    poor.capture_step = NULL;
    poor.discover = NULL;
    poor.resume_step = NULL;
    backend.ops = &poor;
    backend_signal_step(&backend, id, SIGTERM, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "sending a signal is not supported by the backend fake");
    backend_exec_step(&backend, id, &step, 0, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "not supported");
    backend_input_step(&backend, id, &(StepInput){.n = 0}, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "input is not supported by the backend fake");
    backend_resize_step(&backend, id, (StepSize){24, 80}, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "not supported");
    backend_kept_sockets(&backend, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "not supported");
    CHECK(backend_keep_socket(&backend, "web", 0, &heard.err) < 0);
    CHECK_EQ(heard.err.kind, ERR_UNAVAILABLE);
    heard = (Heard){0};
    backend_capture_step(&backend, id, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "not supported");
    backend_discover(&backend, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "discovery is not supported");
    backend_resume_step(&backend, id, hear, &heard);
    expect(w, &heard, ERR_UNAVAILABLE, "resuming is not supported");
    world_close(w);
}
