/* SPDX-License-Identifier: Apache-2.0 */
/* What steps read: one with an input is as `cat`, it writes what it reads and ends with its code at
 * the end of it. And the sockets that are kept, which are the world's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/fake/fake_inside.h"
#include "base/xalloc.h"

static Op *answer(Fake *fake, const Err *err, OpFn fn, void *arg) {
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, err->kind ? err : NULL);
    return op;
}

static FakeRun *running(Fake *fake, StepId id, Err *err) {
    FakeRun *run = fake_run(fake, id);
    if (run && run->known && run->phase == FAKE_RUNNING)
        return run;
    err_set(err, ERR_NOT_FOUND, "run %u of %s is not running", id.run, id.step);
    return NULL;
}

/* Less what it has read of this writer before. */
static void take(FakeRun *run, const StepInput *input) {
    uint64_t seen = input->writer && input->writer == run->writer ? run->written : input->at;
    size_t skip = seen > input->at ? (size_t)(seen - input->at) : 0;
    AUTO_FREE char *text =
        skip < input->n ? xstrndup(input->bytes + skip, input->n - skip) : xstrdup("");
    run->writer = input->writer;
    run->written = skip < input->n ? input->at + input->n : seen;
    fake_log_put(run, 1, text);
    if (!input->end || run->tty)
        return;
    run->reads = false;
    fake_run_end(run, STEP_EXITED, run->plan.code, NULL);
}

Op *fake_input_step(Backend *backend, StepId id, const StepInput *input, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Err err = {0};
    FakeRun *run = running(fake, id, &err);
    if (run && !run->reads)
        err_set(&err, ERR_CONFLICT, "it has no input, or its input was closed");
    Op *op = answer(fake, &err, fn, arg);
    if (!err.kind)
        take(run, input);
    return op;
}

Op *fake_resize_step(Backend *backend, StepId id, StepSize size, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Err err = {0};
    FakeRun *run = running(fake, id, &err);
    if (run)
        run->size = size;
    return answer(fake, &err, fn, arg);
}

StepSize fake_size(Backend *backend, StepId id) {
    const FakeRun *run = fake_run(fake_of(backend), id);
    return run ? run->size : (StepSize){0};
}

/* ---- Kept sockets ---- */

Op *fake_kept_sockets(Backend *backend, OpFn fn, void *arg) {
    Fake *fake = fake_of(backend);
    Op *op = fake_op(fake, fn, arg, NULL, NULL);
    KeptSocket *sockets = arena_alloc(op_arena(op), (fake->kept.n + 1) * sizeof(*sockets));
    for (size_t i = 0; i < fake->kept.n; i++)
        sockets[i] =
            (KeptSocket){arena_strdup(op_arena(op), fake->kept.at[i].name), fake->kept.at[i].fd};
    op_finish(op, &(KeptSockets){sockets, fake->kept.n}, sizeof(KeptSockets), NULL);
    return op;
}

static void forget(Fake *fake, size_t i) {
    close(fake->kept.at[i].fd);
    free((char *)(uintptr_t)fake->kept.at[i].name);
    fake->kept.at[i] = fake->kept.at[--fake->kept.n];
}

int fake_keep_socket(Backend *backend, const char *name, int fd, Err *err) {
    Fake *fake = fake_of(backend);
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && copy < 0)
        return err_sys(err, errno, "keep the socket %s", name);
    for (size_t i = 0; i < fake->kept.n; i++) {
        if (strcmp(fake->kept.at[i].name, name) == 0) {
            forget(fake, i);
            break;
        }
    }
    if (fd >= 0)
        VEC_PUSH(fake->kept, (KeptSocket){xstrdup(name), copy});
    return 0;
}

void fake_kept_free(Fake *fake) {
    while (fake->kept.n > 0)
        forget(fake, fake->kept.n - 1);
    VEC_FREE(fake->kept);
}
