/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/run_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

enum { FLUSH_MS = 20 }; /* what was written is shown after so long at the latest */

void run_log_init(RunLog *log, DockerEngine *engine, const RunLogOwner *owner, void *arg) {
    *log = (RunLog){.engine = engine, .owner = owner, .arg = arg};
}

void run_log_deinit(RunLog *log) {
    run_log_stop(log);
    log->copy = log_copy_free(log->copy);
}

int run_log_open(RunLog *log, const LogCopyAsk *ask, Err *err) {
    log->copy = log_copy_new(ask, err);
    return log->copy ? 0 : -1;
}

void run_log_say(RunLog *log, const char *line) {
    AUTO_FREE char *said = xasprintf("docker: %s", line);
    if (strcmp(said, log->said) == 0)
        return;
    str_copy(log->said, sizeof(log->said), said);
    log_copy_say(log->copy, said);
    log->owner->grown(log->arg);
}

uint64_t run_log_from(const RunLog *log) {
    return log_copy_from(log->copy);
}

/* ---- Reading ---- */

static void failed(RunLog *log, const Err *err) {
    log_copy_flush(log->copy);
    uint64_t size = log_copy_size(log->copy);
    if (size > log->had) {
        log->had = size;
        patience_ok(&log->patience);
    }
    log->owner->ended(log->arg, err);
}

static void on_ended(void *arg, const void *result, const Err *err) {
    RunLog *log = arg;
    const DockerReply *reply = result;
    Err bad = {0};
    log->stream = NULL;
    if (err)
        bad = *err;
    else if (docker_reply_check(reply, &bad) == 0)
        (void)!log_copy_end(log->copy, &bad);
    if (bad.kind == ERR_NOT_FOUND) {
        log->owner->ended(log->arg, &bad);
    } else if (bad.kind != ERR_NONE) {
        failed(log, &bad);
    } else {
        log->whole = log->last;
        patience_ok(&log->patience);
        log->owner->ended(log->arg, NULL);
    }
}

static void on_flush(void *arg) {
    RunLog *log = arg;
    log->flush = timer_free(log->flush);
    log_copy_flush(log->copy);
    log->owner->grown(log->arg);
}

static bool on_bytes(void *arg, const char *bytes, size_t n) {
    RunLog *log = arg;
    Err err = {0};
    if (log_copy_put(log->copy, bytes, n, &err) < 0) {
        op_drop(log->stream);
        log->stream = NULL;
        failed(log, &err);
    } else if (!log->flush) {
        log->flush = timer_new(docker_engine_loop(log->engine), FLUSH_MS, on_flush, log);
    }
    return true;
}

void run_log_read(RunLog *log, const char *container, bool exited) {
    AUTO_FREE char *path = xasprintf("/containers/%s/logs?stdout=1&stderr=1&timestamps=1%s",
                                     container, exited ? "" : "&follow=1");
    op_drop(log->stream);
    log->whole = false;
    log->last = exited;
    log_copy_begin(log->copy);
    log->stream =
        docker_call(log->engine, &(DockerCall){.path = path, .on_data = on_bytes}, on_ended, log);
}

void run_log_stop(RunLog *log) {
    op_drop(log->stream);
    log->stream = NULL;
    log->flush = timer_free(log->flush);
}

uint64_t run_log_close(RunLog *log, const char *last) {
    run_log_stop(log);
    if (!log->copy)
        return 0;
    log_copy_finish(log->copy);
    if (last)
        run_log_say(log, last);
    uint64_t size = log_copy_size(log->copy);
    log->copy = log_copy_free(log->copy);
    return size;
}
