/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/probe.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "loop/connect.h"

enum { FIRST_DELAY_MS = 50, WHY_MAX = 200 };

struct ReadyProbe {
    ProbeAsk ask;
    ProbeFn fn;
    void *arg;
    Arena arena; /* the exec step, the task's name, the spec */
    Probe spec;  /* rendered */
    Timer *next;
    int64_t delay_ms;
    int64_t successes, failures;
    bool ready, ever_ready;
    HttpRequest *http;
    Connect *connect;
    Op *exec, *tail;
    regex_t match;
    bool has_match;
    Buf line;
    char why[WHY_MAX];
};

static void try_now(void *arg);

static void again(ReadyProbe *probe) {
    int64_t period = probe->ask.spec->period_ms;
    int64_t delay = probe->ever_ready ? period : probe->delay_ms;
    probe->delay_ms = probe->delay_ms * 2 < period ? probe->delay_ms * 2 : period;
    timer_set(probe->next, delay < period ? delay : period);
}

/* One answer. Says so when a threshold is crossed; the callback may free the probe. */
static void answer(ReadyProbe *probe, bool success, const char *why) {
    const Probe *spec = probe->ask.spec;
    char doubt[WHY_MAX];
    if (success && !probe->ready && probe->ask.doubt &&
        probe->ask.doubt(probe->ask.exec_arg, doubt, sizeof(doubt))) {
        success = false;
        why = doubt;
    }
    str_copy(probe->why, sizeof(probe->why), why);
    probe->successes = success ? probe->successes + 1 : 0;
    probe->failures = success ? 0 : probe->failures + 1;
    bool before = probe->ready;
    if (success && probe->successes >= spec->success_threshold)
        probe->ready = probe->ever_ready = true;
    else if (!success && probe->failures >= spec->failure_threshold)
        probe->ready = false;
    again(probe);
    if (probe->ready != before || (!success && !probe->ready))
        probe->fn(probe->arg, probe->ready, probe->why);
}

/* ---- the four kinds ---- */

static void on_http(void *arg, const HttpReply *reply, const Err *err) {
    ReadyProbe *probe = arg;
    const HttpProbe *spec = &probe->ask.spec->http;
    char why[WHY_MAX];
    probe->http = NULL;
    if (err) {
        answer(probe, false, err->msg);
        return;
    }
    bool good =
        spec->status ? reply->status == spec->status : reply->status >= 200 && reply->status < 400;
    snprintf(why, sizeof(why), "GET %s on port %lld answered %ld", spec->path,
             (long long)spec->port.number, reply->status);
    answer(probe, good, why);
}

static void try_http(ReadyProbe *probe) {
    const HttpProbe *spec = &probe->ask.spec->http;
    AUTO_FREE char *url =
        xasprintf("%s://%s:%lld%s", spec->scheme == PROBE_HTTPS ? "https" : "http",
                  spec->host ? spec->host : "localhost", (long long)spec->port.number, spec->path);
    HttpAsk ask = {.url = url,
                   .headers = &spec->headers,
                   .timeout_ms = probe->ask.spec->timeout_ms,
                   .follow = true};
    probe->http = http_ask(probe->ask.http, &ask, on_http, probe);
}

static void on_connect(void *arg, const Err *err) {
    ReadyProbe *probe = arg;
    char why[WHY_MAX];
    probe->connect = NULL;
    snprintf(why, sizeof(why), "port %lld accepts connections",
             (long long)probe->ask.spec->tcp.port.number);
    answer(probe, !err, err ? err->msg : why);
}

static void try_tcp(ReadyProbe *probe) {
    const TcpProbe *spec = &probe->ask.spec->tcp;
    probe->connect =
        connect_new(probe->ask.loop, spec->host ? spec->host : "localhost",
                    (uint16_t)spec->port.number, probe->ask.spec->timeout_ms, on_connect, probe);
}

/* The last line that says something; `text` is cut there. */
static const char *last_line(char *text) {
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        text[--n] = '\0';
    char *newline = strrchr(text, '\n');
    return newline ? newline + 1 : text;
}

static void on_exec(void *arg, const void *result, const Err *err) {
    ReadyProbe *probe = arg;
    const ExecResult *exec = result;
    char why[WHY_MAX], output[sizeof(exec->output)] = "";
    probe->exec = NULL;
    if (exec)
        str_copy(output, sizeof(output), exec->output);
    const char *said = last_line(output);
    const char *colon = said[0] ? ": " : "";
    if (err)
        snprintf(why, sizeof(why), "the probe's command: %s", err->msg);
    else if (exec->timed_out)
        snprintf(why, sizeof(why), "the probe's command took longer than %lld ms%s%.120s",
                 (long long)probe->ask.spec->timeout_ms, colon, said);
    else if (exec->end == STEP_FAILED || exec->end == STEP_LOST)
        snprintf(why, sizeof(why), "the probe's command could not be run%s%.160s", colon, said);
    else
        snprintf(why, sizeof(why), "the probe's command %s %d%s%.120s",
                 exec->end == STEP_EXITED ? "exited with" : "was killed by signal", exec->code,
                 colon, said);
    answer(probe, !err && !exec->timed_out && exec->end == STEP_EXITED && exec->code == 0, why);
}

static void try_exec(ReadyProbe *probe) {
    probe->exec = probe->ask.exec(probe->ask.exec_arg, probe->ask.spec, on_exec, probe);
}

static void try_now(void *arg) {
    ReadyProbe *probe = arg;
    switch (probe->ask.spec->kind) {
    case PROBE_KIND_HTTP: try_http(probe); break;
    case PROBE_KIND_TCP: try_tcp(probe); break;
    case PROBE_KIND_EXEC: try_exec(probe); break;
    case PROBE_KIND_LOG:
    case PROBE_NONE: break;
    }
}

/* ---- log: the first line that matches ---- */

static bool line_matches(ReadyProbe *probe) {
    bool match = regexec(&probe->match, buf_cstr(&probe->line), 0, NULL, 0) == 0;
    buf_reset(&probe->line);
    return match;
}

static bool on_piece(void *arg, const LogPiece *piece) {
    ReadyProbe *probe = arg;
    for (size_t i = 0; i < piece->size && piece->data && !probe->ready; i++) {
        if (piece->data[i] != '\n') {
            buf_putc(&probe->line, piece->data[i] ? piece->data[i] : '?');
            continue;
        }
        if (!line_matches(probe))
            continue;
        probe->ready = probe->ever_ready = true;
        /* tell from the loop: telling may free us, and the tail with us */
        timer_set(probe->next, 0);
    }
    return !probe->ready;
}

static void tell_match(void *arg) {
    ReadyProbe *probe = arg;
    op_drop(probe->tail);
    probe->tail = NULL;
    probe->fn(probe->arg, true, "its log said so");
}

static void on_tail_end(void *arg, const void *result, const Err *err) {
    ((ReadyProbe *)arg)->tail = NULL;
}

static void listen_log(ReadyProbe *probe) {
    probe->has_match =
        regcomp(&probe->match, probe->ask.spec->log.match, REG_EXTENDED | REG_NOSUB) == 0;
    buf_init(&probe->line, MAX_LOG_LINE);
    snprintf(probe->why, sizeof(probe->why), "no line of its log matches %s",
             probe->ask.spec->log.match);
    probe->next = timer_idle(probe->ask.loop, tell_match, probe);
    if (!probe->ready)
        probe->tail =
            backend_tail_step(probe->ask.backend, probe->ask.step, 0, on_piece, on_tail_end, probe);
}

/* ---- life ---- */

ReadyProbe *ready_probe_new(const ProbeAsk *ask, ProbeFn fn, void *arg) {
    ReadyProbe *probe = xcalloc(1, sizeof(*probe));
    const Probe *spec = ask->spec;
    *probe = (ReadyProbe){.ask = *ask,
                          .fn = fn,
                          .arg = arg,
                          .ready = ask->was_ready,
                          .ever_ready = ask->was_ready,
                          .delay_ms = FIRST_DELAY_MS};
    arena_init(&probe->arena);
    probe->spec =
        ask->values.config ? template_probe(spec, &ask->values, &probe->arena) : *ask->spec;
    probe->ask.spec = &probe->spec;
    probe->ask.step.task = arena_strdup(&probe->arena, ask->step.task);
    probe->ask.step.step = arena_strdup(&probe->arena, ask->step.step);
    if (spec->kind == PROBE_KIND_LOG)
        listen_log(probe);
    else
        probe->next = timer_new(ask->loop, ask->first_ms, try_now, probe);
    return probe;
}

ReadyProbe *ready_probe_free(ReadyProbe *probe) {
    if (!probe)
        return NULL;
    timer_free(probe->next);
    http_request_free(probe->http);
    connect_free(probe->connect);
    op_drop(probe->exec);
    op_drop(probe->tail);
    if (probe->has_match) {
        regfree(&probe->match);
        buf_deinit(&probe->line);
    }
    arena_deinit(&probe->arena);
    free(probe);
    return NULL;
}

const char *ready_probe_why(const ReadyProbe *probe) {
    return probe->why;
}
