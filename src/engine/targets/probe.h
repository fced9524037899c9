/* SPDX-License-Identifier: Apache-2.0 */
/* A readiness probe of one run: asks at once, then after 50 ms, doubling up to `period`, until it
 * was first ready; then every `period`. (A log probe listens instead, and is done at its first
 * match.) Counts thresholds; tells every change. A liveness probe is the same of one that
 * `was_ready`, begun a period later: what it tells is that it no longer is. */
#pragma once

#include "backend/backend.h"
#include "loop/http_client.h"
#include "spec/template.h"

typedef struct ReadyProbe ReadyProbe;

/* ready or not, and what the last try said ("connection refused on port 8080"). May free the
 * probe. */
typedef void (*ProbeFn)(void *arg, bool ready, const char *why);

typedef struct ProbeAsk {
    Loop *loop;
    HttpClient *http;
    Backend *backend;
    StepId step;
    const Probe *spec;     /* must outlive the probe */
    TemplateValues values; /* config NULL: there are no templates in it */
    /* runs the command of an exec probe, of which nothing is a template any more: ExecResult */
    Op *(*exec)(void *exec_arg, const Probe *spec, OpFn fn, void *arg);
    void *exec_arg;
    /* Asked before a good answer makes it ready: is there reason to think that it is not the run's?
     * `why` says so. */
    bool (*doubt)(void *exec_arg, char *why, size_t size);
    bool was_ready;   /* adopted: it had been ready already */
    int64_t first_ms; /* until it asks for the first time */
} ProbeAsk;

ReadyProbe *ready_probe_new(const ProbeAsk *ask, ProbeFn fn, void *arg);
ReadyProbe *ready_probe_free(ReadyProbe *probe);
/* The last answer, for people; "" before the first. */
const char *ready_probe_why(const ReadyProbe *probe);
