/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend must do with what steps read, where it can; and with sockets that outlive the
 * server. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/test.h"
#include "unit/backend/conformance.h"

static const Act reader = {.name = "reader", .reads = true, .code = 5};
static const Act server = {.name = "server", .out = "up\n", .life_ms = -1};
static const Act terminal = {.name = "terminal", .out = "up\n", .life_ms = -1, .tty = true};

static bool gives(const World *w) {
    return w->backend->ops->input_step != NULL;
}

static void give(World *w, StepId id, const StepInput *input, Heard *heard) {
    *heard = (Heard){0};
    backend_input_step(w->backend, id, input, hear, heard);
    await(w, heard);
}

static StepInput text(const char *bytes) {
    return (StepInput){.bytes = bytes, .n = strlen(bytes)};
}

TEST(conf_a_step_reads_what_it_is_given_to_the_end)
{
    World *w = world_open();
    Heard heard = {0}, end = {0};
    StepId id = step_id("t", "reader", 1);
    world_setup(w, "t");
    start_now(w, id, &reader);
    StepInput one = text("one\n"), two = text("two\n"), last = {.end = true};
    give(w, id, &one, &heard);
    if (!gives(w)) {
        CHECK_EQ(heard.err.kind, ERR_UNAVAILABLE);
        destroy_now(w, id, SIGTERM, 0);
        world_close(w);
        return;
    }
    CHECK_STR(heard.err.msg, "");
    written(w, id, "one\n");
    give(w, id, &two, &heard);
    written(w, id, "one\ntwo\n");
    give(w, id, &last, &heard);
    CHECK_STR(heard.err.msg, "");
    wait_now(w, id, &end);
    CHECK_EQ(end.state.end, STEP_EXITED);
    CHECK_EQ(end.state.code, 5);
    CHECK_EQ(end.state.log_size, 8);
    give(w, id, &one, &heard);
    CHECK_EQ(heard.err.kind, ERR_NOT_FOUND);
    world_close(w);
}

TEST(conf_input_is_read_in_the_order_of_the_calls)
{
    World *w = world_open();
    Heard heard[20] = {0}, end = {0};
    StepId id = step_id("t", "reader", 1);
    char all[128] = "", piece[20][8];
    world_setup(w, "t");
    start_now(w, id, &reader);
    for (int i = 0; i < 20 && gives(w); i++) { /* without a turn in between */
        snprintf(piece[i], sizeof(piece[i]), "%02d ", i);
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s", piece[i]);
        StepInput input = text(piece[i]);
        input.end = i == 19;
        backend_input_step(w->backend, id, &input, hear, &heard[i]);
    }
    if (!gives(w))
        destroy_now(w, id, SIGTERM, 0);
    wait_now(w, id, &end);
    if (gives(w)) {
        Shown shown = {0};
        tail(w, id, 0, &shown);
        UNTIL(w, shown.heard.called);
        CHECK_STR(buf_cstr(&shown.text), all);
        shown_clear(&shown);
        for (int i = 0; i < 20; i++)
            CHECK_EQ(heard[i].called, 1);
    }
    world_close(w);
}

TEST(conf_input_that_is_repeated_is_read_once_also_by_another_server)
{
    World *w = world_open();
    Heard heard = {0}, end = {0};
    StepId id = step_id("t", "reader", 1);
    world_setup(w, "t");
    start_now(w, id, &reader);
    StepInput first = {.bytes = "abc\n", .n = 4, .writer = 7, .at = 0};
    StepInput second = {.bytes = "c\nde\n", .n = 5, .writer = 7, .at = 2};
    StepInput last = {.bytes = "", .end = true, .writer = 7, .at = 7};
    if (gives(w)) {
        give(w, id, &first, &heard);
        give(w, id, &first, &heard);
        CHECK_STR(heard.err.msg, "");
        world_crash(w);
        world_setup(w, "t");
        heard = (Heard){0};
        backend_resume_step(w->backend, id, hear_state, &heard);
        UNTIL(w, heard.called);
        give(w, id, &first, &heard);
        CHECK_STR(heard.err.msg, "");
        give(w, id, &second, &heard);
        give(w, id, &last, &heard);
        CHECK_STR(heard.err.msg, "");
        wait_now(w, id, &end);
        CHECK_EQ(end.state.log_size, 7);
    } else {
        destroy_now(w, id, SIGTERM, 0);
    }
    world_close(w);
}

TEST(conf_a_step_without_input_is_given_none)
{
    World *w = world_open();
    Heard heard = {0};
    StepId id = step_id("t", "server", 1);
    world_setup(w, "t");
    start_now(w, id, &server);
    StepInput input = text("x");
    give(w, id, &input, &heard);
    CHECK_EQ(heard.err.kind, gives(w) ? ERR_CONFLICT : ERR_UNAVAILABLE);
    give(w, step_id("t", "nobody", 1), &input, &heard);
    CHECK_EQ(heard.err.kind, gives(w) ? ERR_NOT_FOUND : ERR_UNAVAILABLE);
    destroy_now(w, id, SIGTERM, 0);
    give(w, id, &input, &heard);
    CHECK_EQ(heard.err.kind, gives(w) ? ERR_NOT_FOUND : ERR_UNAVAILABLE);
    world_close(w);
}

TEST(conf_a_terminal_has_a_size_and_reads)
{
    World *w = world_open();
    Heard heard = {0}, sized = {0};
    StepId id = step_id("t", "terminal", 1);
    bool resizes = w->backend->ops->resize_step != NULL;
    world_setup(w, "t");
    start_now(w, id, &terminal);
    backend_resize_step(w->backend, id, (StepSize){50, 132}, hear, &sized);
    UNTIL(w, sized.called);
    CHECK_EQ(sized.err.kind, resizes ? ERR_NONE : ERR_UNAVAILABLE);
    StepInput input = text("hello\n");
    give(w, id, &input, &heard);
    CHECK_EQ(heard.err.kind, gives(w) ? ERR_NONE : ERR_UNAVAILABLE);
    if (gives(w))
        written(w, id, "hello"); /* its echo */
    destroy_now(w, id, SIGTERM, 0);
    world_close(w);
}

TEST(conf_a_call_that_is_cancelled_leaves_those_behind_it_alone)
{
    World *w = world_open();
    Heard first = {0}, second = {0};
    StepId id = step_id("t", "server", 1);
    Act deaf = {.name = "deaf", .reads = false, .life_ms = -1, .tty = true};
    world_setup(w, "t");
    start_now(w, id, &deaf);
    if (gives(w)) {
        StepInput one = text("one\n"), two = text("two\n");
        Op *op = backend_input_step(w->backend, id, &one, hear, &first);
        backend_input_step(w->backend, id, &two, hear, &second);
        op_cancel(op);
        UNTIL(w, first.called && second.called);
        CHECK_STR(second.err.msg, "");
    }
    destroy_now(w, id, SIGKILL, 0);
    world_close(w);
}

/* ---- Sockets that are kept ---- */

static void expect_kept(World *w, const char *names) {
    Heard heard = {0};
    backend_kept_sockets(w->backend, hear_kept, &heard);
    UNTIL(w, heard.called);
    CHECK_STR(heard.err.msg, "");
    CHECK_STR(heard.names, names);
}

static unsigned long long inode_of(int fd) {
    struct stat st = {0};
    (void)fstat(fd, &st);
    return (unsigned long long)st.st_ino;
}

TEST(conf_kept_sockets_are_there_for_the_next_server)
{
    World *w = world_open();
    char expected[128];
    Err err = {0};
    int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), two = dup(2);
    if (!w->backend->ops->keep_socket) {
        CHECK(backend_keep_socket(w->backend, "web", one, &err) < 0);
        world_close(w);
        return;
    }
    world_setup(w, "t");
    start_now(w, step_id("t", "server", 1), &server);
    expect_kept(w, "");
    CHECK_EQ(backend_keep_socket(w->backend, "web", two, &err), 0);
    CHECK_EQ(backend_keep_socket(w->backend, "web", one, &err), 0);
    CHECK_EQ(backend_keep_socket(w->backend, "other", two, &err), 0);
    CHECK_EQ(backend_keep_socket(w->backend, "other", -1, &err), 0);
    CHECK_EQ(backend_keep_socket(w->backend, "never was", -1, &err), 0);
    snprintf(expected, sizeof(expected), "web=%llu ", inode_of(one));
    expect_kept(w, expected);
    for (int i = 0; i < 2; i++) {
        world_crash(w);
        expect_kept(w, expected);
    }
    CHECK_EQ(backend_keep_socket(w->backend, "web", -1, &err), 0);
    expect_kept(w, "");
    world_crash(w);
    expect_kept(w, "");
    world_setup(w, "t"); /* the next server finds what runs, and the end of the world stops it */
    close(one);
    close(two);
    world_close(w);
}
