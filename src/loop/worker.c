/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

typedef struct Piece Piece;
struct Piece {
    Piece *next;
    WorkFn work;
    LoopFn done;
    void *arg;
};

typedef struct Queue {
    Piece *first, *last;
} Queue;

struct Worker {
    Loop *loop;
    Poll *poll; /* reads while something is out, so that an idle worker keeps no loop alive */
    int event;  /* the thread has put something into `finished` */
    size_t out; /* given, and `done` not called */
    bool started;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    Queue waiting, finished;
    bool leaving;
};

static void queue_put(Queue *queue, Piece *piece) {
    piece->next = NULL;
    if (queue->last)
        queue->last->next = piece;
    else
        queue->first = piece;
    queue->last = piece;
}

static Piece *queue_take(Queue *queue) {
    Piece *piece = queue->first;
    if (!piece)
        return NULL;
    queue->first = piece->next;
    if (!queue->first)
        queue->last = NULL;
    return piece;
}

/* ---- the thread ---- */

static void tell_loop(const Worker *worker) {
    uint64_t one = 1;
    while (write(worker->event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *run(void *arg) {
    Worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        Piece *piece = queue_take(&worker->waiting);
        if (!piece && worker->leaving)
            break;
        if (!piece) {
            pthread_cond_wait(&worker->changed, &worker->lock);
            continue;
        }
        pthread_mutex_unlock(&worker->lock);
        piece->work(piece->arg);
        pthread_mutex_lock(&worker->lock);
        queue_put(&worker->finished, piece);
        tell_loop(worker);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* Signals are the loop's. */
static int start(Worker *worker, Err *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return err_sys(err, error, "start a thread");
    worker->started = true;
    return 0;
}

/* ---- the loop's side ---- */

static Piece *take_finished(Worker *worker) {
    pthread_mutex_lock(&worker->lock);
    Piece *piece = queue_take(&worker->finished);
    pthread_mutex_unlock(&worker->lock);
    return piece;
}

/* One at a time: `done` may give new work, or free the worker. */
static void on_event(void *arg, int events) {
    Worker *worker = arg;
    uint64_t count;
    Piece *piece = take_finished(worker);
    if (!piece) {
        (void)!read(worker->event, &count, sizeof(count));
        return;
    }
    if (--worker->out == 0) {
        (void)!read(worker->event, &count, sizeof(count));
        worker->poll = poll_free(worker->poll);
    }
    Piece own = *piece;
    free(piece);
    if (own.done)
        own.done(own.arg);
}

Worker *worker_new(Loop *loop) {
    Worker *worker = xcalloc(1, sizeof(*worker));
    worker->loop = loop;
    worker->event = -1;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    return worker;
}

static int prepare(Worker *worker, Err *err) {
    if (worker->out >= WORKER_QUEUE_MAX)
        return err_set(err, ERR_LIMIT, "more than %d pieces of work are waiting", WORKER_QUEUE_MAX);
    if (worker->event < 0)
        worker->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->event < 0)
        return err_sys(err, errno, "make an eventfd");
    return worker->started ? 0 : start(worker, err);
}

int worker_run(Worker *worker, WorkFn work, LoopFn done, void *arg, Err *err) {
    if (prepare(worker, err) < 0)
        return -1;
    if (worker->out++ == 0)
        worker->poll = poll_new(worker->loop, worker->event, POLL_READ, on_event, worker);
    Piece *piece = xmalloc(sizeof(*piece));
    *piece = (Piece){.work = work, .done = done, .arg = arg};
    pthread_mutex_lock(&worker->lock);
    queue_put(&worker->waiting, piece);
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    return 0;
}

Worker *worker_free(Worker *worker) {
    if (!worker)
        return NULL;
    pthread_mutex_lock(&worker->lock);
    worker->leaving = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    if (worker->started)
        pthread_join(worker->thread, NULL);
    worker->poll = poll_free(worker->poll);
    for (Piece *piece; (piece = queue_take(&worker->finished));) {
        if (piece->done)
            piece->done(piece->arg);
        free(piece);
    }
    assert(!worker->waiting.first); /* a `done` must not give new work to a worker that goes */
    if (worker->event >= 0)
        close(worker->event);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    return NULL;
}
