/* SPDX-License-Identifier: Apache-2.0 */
/* A pin: the parent of one process, the keeper of its log, the witness of its end.
 *
 * It sleeps in one poll (pin.c). What it hears becomes facts in `Pin`: the exec is known, the leader is dead, a stop was
 * asked for, a deadline passed. pin_step (step.c) turns facts into acts and the next step. News for servers are owed, not
 * queued (talk.c): each connection has a set of bits, and a message is made from the present state when it can be sent. */
#pragma once

#include "base/attr.h"
#include "pin/child.h"
#include "pin/output.h"
#include "pin/record.h"
#include "pin/tree.h"
#include "pin/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

enum {
    PIN_CONNS_MAX = 8,
    PIN_ROUND_MS = 10,   /* between two looks at what does not die */
    PIN_STUCK_MS = 2000, /* without progress, after which survivors are named */
    PIN_DRAIN_MS = 1000, /* for pipes held open by somebody outside the tree */
    PIN_LEAVE_MS = 1000, /* for servers that do not read the last message */
    PIN_RETRY_MS = 1000, /* until an exit record that could not be written is tried again; deaf time after a failed accept */
};

/* Who waits for whom: EXEC → RUN → GRACE → KILL ⇄ STUCK → DRAIN → RECORD → LINGER → LEAVE → GONE. Steps are skipped, never
 * repeated, but for a lingering tree, which passes from LINGER through GRACE to DRAIN again. */
typedef enum PinStep {
    PIN_EXEC,   /* forked; the exec is not known yet */
    PIN_RUN,    /* the process runs */
    PIN_GRACE,  /* the tree was told to end */
    PIN_KILL,   /* the tree is being killed, round by round */
    PIN_STUCK,  /* there are survivors */
    PIN_DRAIN,  /* the tree is gone, the pipes are not at their end */
    PIN_RECORD, /* the exit record is not on disk */
    PIN_LINGER, /* it is, and helpers live on */
    PIN_LEAVE,  /* it is; servers are told */
    PIN_GONE,
} PinStep;

typedef enum PinNews { /* in the order in which they are sent */
    NEWS_STATE = 1,
    NEWS_STARTED = 2,
    NEWS_LOG = 4,
    NEWS_SURVIVORS = 8,
    NEWS_ENDED = 16,
} PinNews;

typedef struct PinConn {
    int fd; /* -1: free */
    uint32_t owed; /* PinNews */
    bool watches;
    uint64_t seen; /* news when the log is longer */
} PinConn;

/* What the rail hands over. */
typedef struct PinStart {
    int signals; /* signalfd for SIGCHLD, shared with the rail: it reports what is pending for the reader */
    int server, dir, cgroup; /* cgroup: -1 if none */
    const Machine *machine;
    char *id;         /* WIRE_ID_MAX bytes that the rail sees */
    char *title;      /* argv's memory */
    size_t title_size;
    char *buffer;     /* OUTPUT_BUFFER bytes, page-aligned */
    Tree *tree;
} PinStart;

typedef struct Pin {
    PinStart start;
    const Launch *launch; /* NULL: it was not one */
    PinStep step;
    PinStep entered;      /* the step that was taken last */
    bool fresh;           /* the present one is taken for the first time */
    int64_t due;          /* when it wants to be taken again, 0: when a fact changes */
    int64_t limit;        /* of PIN_KILL: when survivors are given up, unless there is progress */
    int listener, error, leaf; /* error: the child's; leaf: cgroup of the run */
    int64_t deaf_until;

    pid_t self, pid;
    int pidfd;
    bool exec_known, dead, reaped; /* of the leader, which is reaped last */
    bool claimed, recorded, lingers;
    ChildFailure failure;
    WireStarted started;
    WireEnded ended;

    bool stop_asked, rest_told, killed; /* killed: we sent SIGKILL */
    int stop_signal, rest_signal;
    int64_t stop_at; /* when killing begins */
    int alive;       /* in the last round */
    WireSurvivors survivors;

    Output output;
    PinConn conns[PIN_CONNS_MAX];
} Pin;

/* The whole life of a pin, in a process the rail forked for it. */
noreturn void pin_main(const PinStart *start);

/* step.c */
void pin_step(Pin *p, int64_t now);    /* acts until nothing more is to be done now */
void pin_fail(Pin *p, RunStage stage, int error);
void pin_stop(Pin *p, int signal, int64_t kill_at); /* may be called again, to hasten it */

/* talk.c */
void talk_owe(Pin *p, PinNews news);   /* to everybody */
void talk_accept(Pin *p, int64_t now);
void talk_hear(Pin *p, PinConn *c, int64_t now);
void talk_tell(Pin *p);                /* sends what is owed as far as sockets take it */
