/* SPDX-License-Identifier: Apache-2.0 */
/* Looking on at a session: its log on stdout, what waits and why on stderr, until it is over, a
 * signal comes or what was waited for has happened. */
#pragma once

#include "cli/cli.h"

typedef enum FollowUntil {
    FOLLOW_GONE,    /* the session is */
    FOLLOW_DONE,    /* status.done (ci), and nothing runs any more */
    FOLLOW_SETTLED, /* what was chosen is ready or has ended */
} FollowUntil;

typedef struct FollowAsk {
    const char *slug;
    const char *down; /* words for a shell that stop it */
    FollowUntil until;
    const TextList *names, *labels; /* FOLLOW_SETTLED: what is waited for; empty: everything */
    bool owner;                     /* this client created the session: ^C stops it */
    bool quiet;                     /* no log */
    bool stop;                 /* it is being stopped by us: a survivor ends the looking on (3) */
    bool hold;                 /* the session lives only as long as somebody looks on */
    const char *since;         /* log lines from this time on (RFC 3339); NULL: all */
    int64_t timeout_ms;        /* 0: none */
    bool summed_up;            /* the caller tells what became of each */
    void (*logged)(void *arg); /* called when the log was printed to its end; may be NULL */
    void *arg;
    int signals; /* follow_catch_signals() of before; 0: none yet */
} FollowAsk;

/* From now on INT, TERM and HUP wait to be read from the descriptor that is returned (never one of
 * the first three). */
int follow_catch_signals(void);

/* Exit code. */
int follow(Cli *cli, const FollowAsk *ask);
