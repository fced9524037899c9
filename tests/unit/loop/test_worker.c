/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's threads: order, how many, its bound, and its end. */
#include "harness/test.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "loop/worker.h"

typedef struct Stage {
    Loop *loop;
    Worker *worker;
    char did[64], heard[64];
    size_t did_n, heard_n;
    int gate[2]; /* work that waits for a byte */
    bool other_thread, saw_signals, free_in_done;
    pthread_t main;
    int left;
} Stage;

typedef struct Letter {
    Stage *stage;
    char letter;
} Letter;

static Stage *stage_new(void) {
    Stage *stage = calloc(1, sizeof(*stage));
    stage->loop = loop_new();
    stage->worker = worker_new(stage->loop, 1);
    stage->main = pthread_self();
    ASSERT(pipe(stage->gate) == 0);
    return stage;
}

static void stage_free(Stage *stage) {
    worker_free(stage->worker);
    loop_free(stage->loop);
    close(stage->gate[0]);
    close(stage->gate[1]);
    free(stage);
}

static void work(void *arg) {
    const Letter *l = arg;
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    l->stage->saw_signals |= !sigismember(&blocked, SIGTERM);
    l->stage->other_thread = !pthread_equal(pthread_self(), l->stage->main);
    l->stage->did[l->stage->did_n++] = l->letter;
}

static void wait_for_gate(void *arg) {
    char byte;
    ASSERT(read(((Letter *)arg)->stage->gate[0], &byte, 1) == 1);
    work(arg);
}

static void done(void *arg) {
    const Letter *l = arg;
    CHECK(pthread_equal(pthread_self(), l->stage->main));
    l->stage->heard[l->stage->heard_n++] = l->letter;
    if (l->stage->free_in_done)
        l->stage->worker = worker_free(l->stage->worker);
}

TEST(work_is_done_in_order_on_another_thread_and_heard_on_the_loop)
{
    Stage *s = stage_new();
    Letter letters[] = {{s, 'a'}, {s, 'b'}, {s, 'c'}};
    for (int i = 0; i < 3; i++)
        ASSERT(worker_run(s->worker, i == 0 ? wait_for_gate : work, done, &letters[i], NULL) == 0);
    CHECK_STR(s->heard, "");
    ASSERT(write(s->gate[1], "x", 1) == 1);
    loop_run(s->loop); /* ends by itself: an idle worker is nothing to wait for */
    CHECK_STR(s->did, "abc");
    CHECK_STR(s->heard, "abc");
    CHECK(s->other_thread);
    CHECK(!s->saw_signals);
    ASSERT(worker_run(s->worker, work, done, &letters[0], NULL) == 0); /* and again after a rest */
    loop_run(s->loop);
    CHECK_STR(s->heard, "abca");
    stage_free(s);
}

static void give_more(void *arg) {
    done(arg);
    Letter *l = arg;
    if (l->stage->left-- > 0)
        ASSERT(worker_run(l->stage->worker, work, give_more, l, NULL) == 0);
}

TEST(done_may_give_more_work)
{
    Stage *s = stage_new();
    Letter letter = {s, 'z'};
    s->left = 5;
    ASSERT(worker_run(s->worker, work, give_more, &letter, NULL) == 0);
    loop_run(s->loop);
    CHECK_STR(s->heard, "zzzzzz");
    stage_free(s);
}

TEST(free_does_what_was_given_and_tells_of_it)
{
    Stage *s = stage_new();
    Letter letters[] = {{s, 'a'}, {s, 'b'}};
    ASSERT(worker_run(s->worker, wait_for_gate, done, &letters[0], NULL) == 0);
    ASSERT(worker_run(s->worker, work, done, &letters[1], NULL) == 0);
    ASSERT(write(s->gate[1], "x", 1) == 1);
    s->worker = worker_free(s->worker);
    CHECK_STR(s->did, "ab");
    CHECK_STR(s->heard, "ab");
    CHECK(!loop_turn(s->loop, 0));
    stage_free(s);
}

TEST(a_worker_may_be_freed_by_its_own_done)
{
    Stage *s = stage_new();
    Letter letter = {s, 'a'};
    s->free_in_done = true;
    ASSERT(worker_run(s->worker, work, done, &letter, NULL) == 0);
    loop_run(s->loop);
    CHECK_STR(s->heard, "a");
    CHECK(!s->worker);
    stage_free(s);
}

TEST(the_queue_is_bounded)
{
    Stage *s = stage_new();
    Letter letter = {s, 'a'};
    Err err = {0};
    ASSERT(worker_run(s->worker, wait_for_gate, NULL, &letter, NULL) == 0);
    int given = 1;
    for (; given < 2 * WORKER_QUEUE_MAX; given++)
        if (worker_run(s->worker, free, NULL, NULL, &err) < 0)
            break;
    CHECK_EQ(given, WORKER_QUEUE_MAX);
    CHECK_EQ(err.kind, ERR_LIMIT);
    ASSERT(write(s->gate[1], "x", 1) == 1);
    loop_run(s->loop);
    CHECK_STR(s->did, "a");
    stage_free(s);
}

/* ---- more than one thread ---- */

static void meet(void *arg) {
    pthread_barrier_wait(arg);
}

static void work_of_nobody(void *arg) {
}

static int threads_of_this_process(void) {
    int n = 0;
    DIR *dir = opendir("/proc/self/task");
    ASSERT(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void count(void *arg) {
    ++*(int *)arg;
}

TEST(pieces_of_a_wide_worker_are_done_at_once)
{
    Loop *loop = loop_new();
    Worker *worker = worker_new(loop, 3);
    pthread_barrier_t together;
    ASSERT(pthread_barrier_init(&together, NULL, 3) == 0);
    for (int i = 0; i < 6; i++)
        ASSERT(worker_run(worker, meet, NULL, &together, NULL) == 0);
    loop_run(loop); /* ends: each three of them have met */
    worker_free(worker);
    pthread_barrier_destroy(&together);
    loop_free(loop);
}

TEST(a_wide_worker_starts_no_thread_that_has_nothing_to_do)
{
    Loop *loop = loop_new();
    Worker *worker = worker_new(loop, WORKER_THREADS_MAX);
    int told = 0;
    for (int i = 1; i <= 20; i++) {
        ASSERT(worker_run(worker, work_of_nobody, count, &told, NULL) == 0);
        loop_run(loop);
        CHECK_EQ(told, i);
    }
    CHECK_EQ(threads_of_this_process(), 2);
    worker_free(worker);
    loop_free(loop);
}

static void wait_until_it_leaves(void *arg) {
    Stage *stage = arg;
    struct pollfd fd = {worker_leaving_fd(), POLLIN, 0};
    CHECK(!worker_is_leaving());
    ASSERT(write(stage->gate[1], "x", 1) == 1);
    CHECK_EQ(poll(&fd, 1, -1), 1);
    CHECK(worker_is_leaving());
}

TEST(work_hears_that_its_worker_leaves)
{
    Stage *s = stage_new();
    char byte;
    CHECK_EQ(worker_leaving_fd(), -1);
    CHECK(!worker_is_leaving());
    ASSERT(worker_run(s->worker, wait_until_it_leaves, NULL, s, NULL) == 0);
    ASSERT(read(s->gate[0], &byte, 1) == 1);
    s->worker = worker_free(s->worker);
    stage_free(s);
}

TEST(a_worker_that_was_never_used_has_no_thread)
{
    Stage *s = stage_new();
    CHECK(!s->worker || worker_free(s->worker) == NULL);
    s->worker = NULL;
    CHECK(worker_free(NULL) == NULL);
    stage_free(s);
}
