/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"
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
    size_t n;
} Queue;

struct Worker {
    Loop *loop;
    Poll *poll;       /* reads while something is out, so that an idle worker keeps no loop alive */
    int event;        /* a thread has put something into `finished` */
    int leaving_fd;   /* readable once it is being freed */
    size_t out;       /* given, and `done` not called */
    unsigned most, n; /* threads: at the most, started */
    pthread_t threads[WORKER_THREADS_MAX];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    Queue waiting, finished;
    unsigned idle; /* threads that have no piece, also those that are only being started */
    bool leaving;
};

typedef struct Mine {
    const Worker *worker; /* NULL: this is no worker's thread */
    int heeded;           /* of the piece in hand */
} Mine;

static _Thread_local Mine mine;

static void queue_put(Queue *queue, Piece *piece) {
    piece->next = NULL;
    if (queue->last)
        queue->last->next = piece;
    else
        queue->first = piece;
    queue->last = piece;
    queue->n++;
}

static Piece *queue_take(Queue *queue) {
    Piece *piece = queue->first;
    if (!piece)
        return NULL;
    queue->first = piece->next;
    if (!queue->first)
        queue->last = NULL;
    queue->n--;
    return piece;
}

/* ---- a thread ---- */

static void tell(int event) {
    uint64_t one = 1;
    while (write(event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* NULL: the worker leaves, and there is none. */
static Piece *wait_for_piece(Worker *worker) {
    Piece *piece;
    while (!(piece = queue_take(&worker->waiting)) && !worker->leaving)
        pthread_cond_wait(&worker->changed, &worker->lock);
    return piece;
}

static void *run(void *arg) {
    Worker *worker = arg;
    mine = (Mine){.worker = worker, .heeded = -1};
    pthread_mutex_lock(&worker->lock);
    for (Piece *piece; (piece = wait_for_piece(worker));) {
        worker->idle--;
        pthread_mutex_unlock(&worker->lock);
        mine.heeded = -1;
        piece->work(piece->arg);
        pthread_mutex_lock(&worker->lock);
        worker->idle++;
        queue_put(&worker->finished, piece);
        tell(worker->event);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

int worker_leaving_fd(void) {
    return mine.worker ? mine.worker->leaving_fd : -1;
}

void worker_heed(int fd) {
    mine.heeded = fd;
}

int worker_heeded_fd(void) {
    return mine.worker ? mine.heeded : -1;
}

bool worker_is_leaving(void) {
    return mine.worker && sys_poll(&(struct pollfd){mine.worker->leaving_fd, POLLIN, 0}, 1, 0) > 0;
}

/* Signals are the loop's. */
static int start(Worker *worker, Err *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&worker->lock);
    int error = pthread_create(&worker->threads[worker->n], NULL, run, worker);
    worker->idle += error == 0; /* it cannot take a piece before that */
    pthread_mutex_unlock(&worker->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return err_sys(err, error, "start a thread");
    worker->n++;
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

Worker *worker_new(Loop *loop, unsigned threads) {
    assert(threads >= 1 && threads <= WORKER_THREADS_MAX);
    Worker *worker = xcalloc(1, sizeof(*worker));
    worker->loop = loop;
    worker->event = worker->leaving_fd = -1;
    worker->most = threads;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    return worker;
}

static int prepare(Worker *worker, Err *err) {
    if (worker->out >= WORKER_QUEUE_MAX)
        return err_set(err, ERR_LIMIT, "more than %d pieces of work are waiting", WORKER_QUEUE_MAX);
    if (worker->event < 0)
        worker->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->leaving_fd < 0)
        worker->leaving_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->event < 0 || worker->leaving_fd < 0)
        return err_sys(err, errno, "make an eventfd");
    return worker->n ? 0 : start(worker, err);
}

/* One more thread, if the piece would have to wait for one. That there is none left is no harm: the
 * others come to it. */
static void widen(Worker *worker) {
    pthread_mutex_lock(&worker->lock);
    bool waits = worker->waiting.n > worker->idle;
    pthread_mutex_unlock(&worker->lock);
    if (waits && worker->n < worker->most)
        (void)!start(worker, NULL);
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
    widen(worker);
    return 0;
}

Worker *worker_free(Worker *worker) {
    if (!worker)
        return NULL;
    pthread_mutex_lock(&worker->lock);
    worker->leaving = true;
    if (worker->leaving_fd >= 0)
        tell(worker->leaving_fd);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    for (unsigned i = 0; i < worker->n; i++)
        pthread_join(worker->threads[i], NULL);
    worker->poll = poll_free(worker->poll);
    for (Piece *piece; (piece = queue_take(&worker->finished));) {
        if (piece->done)
            piece->done(piece->arg);
        free(piece);
    }
    assert(!worker->waiting.first); /* a `done` must not give new work to a worker that goes */
    if (worker->event >= 0)
        close(worker->event);
    if (worker->leaving_fd >= 0)
        close(worker->leaving_fd);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    return NULL;
}
