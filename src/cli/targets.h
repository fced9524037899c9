/* SPDX-License-Identifier: Apache-2.0 */
/* The targets of one session as they are now: read once, then watched. Survives the replacement of
 * the server. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "cli/options.h"
#include "cli/target_view.h"
#include "client/client.h"

/* One target as it was last heard of. */
typedef struct Seen {
    Arena arena; /* of view */
    TargetView view;
    const char *word; /* target_word(), a literal */
    int64_t since_ms; /* the word has been this (monotonic) */
    bool chosen;      /* targets_choose() */
    bool deleted;
    unsigned reading; /* the list that had it last */
    unsigned marks;   /* the caller's */
    int64_t run_told; /* likewise: the run that it has spoken of */
} Seen;

typedef struct Targets Targets;
/* A target is new, or has changed; `before` is what its word was ("" when new). */
typedef void (*TargetFn)(void *arg, Seen *seen, const char *before);

struct Targets {
    Client *client;
    const char *slug;
    HttpLines *lines; /* the watch; NULL: none now */
    Arena lists;      /* what was read */
    Map by_name;
    VEC(Seen *) all; /* in order of their names */
    unsigned reading;
    char version[32]; /* of the list, if it was just read */
    size_t alive;     /* not deleted */
    bool gone;        /* the session is */
    bool restricted;  /* targets_choose() was given something */
    TargetFn changed; /* may be NULL */
    void *arg;
};

void targets_init(Targets *targets, Client *client, const char *slug);
void targets_deinit(Targets *targets);

/* Reads them all. None: the session is `gone`. */
MUST int targets_read(Targets *targets, Err *err);
/* Has the watch open; reads before it opens. 0 also when the session is `gone`. */
MUST int targets_watch(Targets *targets, Err *err);
int targets_fd(const Targets *targets); /* -1: no watch */
void targets_pump(Targets *targets);    /* what has come, without waiting */
/* Waits for news at most until then (0: for ever). ERR_TIMEOUT. */
MUST int targets_wait(Targets *targets, int64_t deadline_ms, Err *err);

Seen *targets_find(const Targets *targets, const char *name);
/* Sets `chosen` of those that the names (resources or targets) and labels ("key=value" or "key")
 * stand for, or of all. An unknown name, or labels that nothing carries: ERR_NOT_FOUND. */
MUST int targets_choose(Targets *targets, const TextList *names, const TextList *labels, Err *err);
/* The same, and all that they depend on. */
void targets_add_dependencies(Targets *targets);
void targets_add_dependents(Targets *targets); /* ... and all that depend on them */

/* What is to be said of the chosen ones. Those that nobody wants to run do not count, unless they
 * were chosen by name. */
typedef struct Outcome {
    size_t ready, done, pending;
    const Seen *failed; /* the first in time that ended badly, ties by name */
    const Seen *survivor;
} Outcome;
void targets_outcome(const Targets *targets, Outcome *ret);
bool seen_is(const Seen *seen, const char *word);
bool seen_pending(const Seen *seen); /* on its way to something */
/* The server has not looked yet: it was just started, or the session was. */
bool seen_unknown(const Seen *seen);
