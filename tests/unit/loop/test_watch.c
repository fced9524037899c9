/* SPDX-License-Identifier: Apache-2.0 */
/* Polls and signals: freed at any time, errors seen, closed descriptors forgotten at once. */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"

typedef struct Seen {
    Loop *loop;
    Poll *poll, *other;
    SignalWatch *watch;
    int fd, events, count;
} Seen;

static void pair(int fds[2]) {
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static void on_events(void *arg, int events) {
    Seen *s = arg;
    char bytes[64];
    s->events = events;
    s->count++;
    if (events & POLL_READ)
        (void)!read(s->fd, bytes, sizeof bytes);
}

TEST(a_poll_says_what_is_ready)
{
    int fds[2];
    Seen s = {.loop = loop_new()};
    pair(fds);
    s.fd = fds[0];
    s.poll = poll_new(s.loop, fds[0], POLL_READ, on_events, &s);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    CHECK(!loop_turn(s.loop, 0));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK(loop_turn(s.loop, 5000));
    CHECK_EQ(s.events, POLL_READ);
    poll_set(s.poll, POLL_READ | POLL_WRITE);
    CHECK(loop_turn(s.loop, 5000));
    CHECK_EQ(s.events, POLL_WRITE);
    poll_set(s.poll, 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK(!loop_turn(s.loop, 0));
    poll_set(s.poll, POLL_READ | POLL_HANGUP);
    CHECK(loop_turn(s.loop, 5000));
    close(fds[1]);
    CHECK(loop_turn(s.loop, 5000));
    CHECK(s.events & POLL_HANGUP);
    CHECK(!poll_free(s.poll));
    CHECK(!poll_free(NULL));
    close(fds[0]);
    loop_free(s.loop);
}

TEST(an_error_on_the_descriptor_shows_as_readiness_each_time)
{
    int fds[2];
    Seen s = {.loop = loop_new()};
    ASSERT(pipe2(fds, O_CLOEXEC) == 0);
    close(fds[0]); /* nobody will read: EPOLLERR on the other end */
    s.fd = fds[1];
    s.poll = poll_new(s.loop, fds[1], POLL_WRITE, on_events, &s);
    CHECK(loop_turn(s.loop, 5000));
    CHECK_EQ(s.events & POLL_WRITE, POLL_WRITE);
    CHECK(loop_turn(s.loop, 5000));
    CHECK(s.count >= 2);
    poll_free(s.poll);
    close(fds[1]);
    loop_free(s.loop);
}

static void free_both(void *arg, int events) {
    Seen *s = arg;
    (void)events;
    s->count++;
    s->poll = poll_free(s->poll);
    s->other = poll_free(s->other);
}

TEST(polls_may_be_freed_in_a_callback_own_and_others)
{
    int a[2], b[2];
    Seen s = {.loop = loop_new()};
    pair(a);
    pair(b);
    s.poll = poll_new(s.loop, a[0], POLL_READ, free_both, &s);
    s.other = poll_new(s.loop, b[0], POLL_READ, free_both, &s);
    CHECK_EQ(write(a[1], "x", 1), 1);
    CHECK_EQ(write(b[1], "x", 1), 1);
    CHECK(loop_turn(s.loop, 5000));
    CHECK_EQ(s.count, 1);
    CHECK(!loop_turn(s.loop, 0));
    loop_free(s.loop); /* without another turn: what was freed is closed here */
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void reopen(void *arg, int events) {
    Seen *s = arg;
    int fds[2];
    (void)events;
    s->count++;
    s->poll = poll_free(s->poll);
    close(s->fd);
    pair(fds); /* the lowest free number: the same one */
    CHECK_EQ(fds[0], s->fd);
    s->poll = poll_new(s->loop, fds[0], POLL_READ, on_events, s);
    CHECK_EQ(write(fds[1], "y", 1), 1);
}

TEST(a_descriptor_number_may_be_used_again_at_once)
{
    int fds[2];
    Seen s = {.loop = loop_new()};
    pair(fds);
    s.fd = fds[0];
    s.poll = poll_new(s.loop, fds[0], POLL_READ, reopen, &s);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK(loop_turn(s.loop, 5000));
    while (s.count < 2)
        ASSERT(loop_turn(s.loop, 5000));
    CHECK_EQ(s.events, POLL_READ);
    poll_free(s.poll);
    loop_free(s.loop);
}

TEST(closing_what_was_freed_is_nothing_that_happened)
{
    int fds[2];
    Seen s = {.loop = loop_new()};
    Timer *far = timer_new(s.loop, 3600 * 1000, (LoopFn)abort, NULL);
    pair(fds);
    poll_free(poll_new(s.loop, fds[0], POLL_READ, on_events, &s));
    int64_t before = clock_mono_ms();
    CHECK(!loop_turn(s.loop, 30)); /* waits all the same */
    CHECK(clock_mono_ms() - before >= 29);
    timer_free(far);
    loop_free(s.loop);
}

TEST(a_disabled_poll_keeps_no_loop_running)
{
    int fds[2];
    Seen s = {.loop = loop_new()};
    pair(fds);
    s.poll = poll_new(s.loop, fds[0], 0, on_events, &s);
    loop_run(s.loop);
    poll_free(s.poll);
    loop_free(s.loop);
}

TEST(a_scripted_loop_serves_descriptors_too)
{
    int fds[2];
    Seen s = {.loop = loop_new_scripted(5, 5)};
    pair(fds);
    s.fd = fds[0];
    s.poll = poll_new(s.loop, fds[0], POLL_READ, on_events, &s);
    Timer *timer = timer_new(s.loop, 1, (LoopFn)abort, NULL); /* must not fire by waiting */
    CHECK(!loop_turn(s.loop, 20));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK(loop_turn(s.loop, 5000));
    CHECK_EQ(s.count, 1);
    CHECK_EQ(loop_now_ms(s.loop), 5);
    timer_free(timer);
    poll_free(s.poll);
    loop_free(s.loop);
}

/* ---- Signals ---- */

static void on_signal(void *arg, int signal) {
    Seen *s = arg;
    s->events = signal;
    s->count++;
    s->watch = signal_watch_free(s->watch);
}

TEST(a_signal_is_heard_and_its_watch_may_be_freed_inside)
{
    Seen s = {.loop = loop_new()};
    SignalWatch *never = signal_watch_new(s.loop, SIGUSR2, on_signal, &s);
    s.watch = signal_watch_new(s.loop, SIGUSR1, on_signal, &s);
    CHECK(!loop_turn(s.loop, 0));
    raise(SIGUSR1);
    CHECK(loop_turn(s.loop, 5000));
    CHECK_EQ(s.events, SIGUSR1);
    CHECK_EQ(s.count, 1);
    signal_watch_free(never);
    CHECK(!signal_watch_free(NULL));
    loop_free(s.loop);
}
