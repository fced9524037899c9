/* SPDX-License-Identifier: Apache-2.0 */
/* A Target as served, read for people. What it points to belongs to the tree it was read from. */
#pragma once

#include "data/value.h"
#include "spec/session.h"

typedef struct TargetView {
    const char *name, *object, *space, *uid; /* "api:serve", "api.serve", the slug */
    const char *resource;                    /* "api" */
    TargetPhase phase;
    const char *message; /* or "" */
    const char *reason;  /* of waiting */
    const char *error;   /* of terminated; NULL: it went well */
    const char *stop_failed;
    bool ready, job;
    bool stopping;   /* active, and on its way out */
    int64_t version; /* resourceVersion; they are drawn for all objects together */
    int64_t run, pid, restarts;
    const char *start, *finish, *trigger;
    int64_t exit_code; /* -1: none */
    const char *signal;
    const Value *waiting_on, *depends_on, *labels, *helpers, *ports;
    int64_t skipped;       /* number of the run that was not needed; 0: none */
    const Value *previous; /* {run, failed, exitCode or signal}, of the run before */
    const Value *groups;   /* names of resources that stand for it */
} TargetView;

void target_view(const Value *target, TargetView *ret);
/* metadata.resourceVersion of any object; 0: it has none. */
int64_t object_version(const Value *object);
bool target_is_file(const TargetView *view);   /* the config file itself */
bool target_scheduled(const TargetView *view); /* waits for its time */
int64_t target_run(const TargetView *view);    /* of its newest run; 0: none */
/* Of a scheduled one why its last run failed; NULL: it did not. */
const char *target_failed_before(const TargetView *view);
/* Waits for its first connection: it can be reached, which is what `ready` is about. */
bool target_lazy(const TargetView *view);
/* What `ps` shows as its state, a literal: "ready", "running", "waiting", "done", "failed", … */
const char *target_word(const TargetView *view);
const char *word_color(const char *word); /* SGR */
/* "web:serve is waiting for db, which is not ready yet". Returns owned. */
char *target_sentence(const TargetView *view);
/* Why it is as it is, in one sentence, or "". */
const char *target_why(const TargetView *view);
