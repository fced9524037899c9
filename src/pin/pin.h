/* SPDX-License-Identifier: Apache-2.0 */
/* A pin: the parent of one process, the keeper of its log, the witness of its end.
 *
 * It sleeps in one poll (pin.c). What it hears becomes facts in `Pin`: the exec is known, the
 * leader is dead, a stop was asked for, a deadline passed. pin_step (step.c) turns facts into acts
 * and the next step. What servers must be told is owed, not queued: a message is made from the
 * present state when the socket takes it. */
#pragma once

#include "pin/output.h"
#include "pin/peers.h"
#include "pin/record.h"
#include "pin/tree.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum {
    PIN_ROUND_MS = 10,   /* between two looks at what does not die */
    PIN_STUCK_MS = 2000, /* without progress, after which survivors are named */
    PIN_DRAIN_MS = 1000, /* for pipes held open by somebody outside the tree */
    PIN_LEAVE_MS = 1000, /* for servers that do not read the last message */
    PIN_RETRY_MS = 1000, /* until an exit record that could not be written is tried again */
};

/* EXEC → RUN → GRACE → KILL ⇄ STUCK → DRAIN → RECORD → LINGER → LEAVE → GONE. Steps are skipped,
 * never repeated, but for a lingering tree, which passes from LINGER through GRACE to DRAIN
 * again. */
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

/* Owed to peers, in the order in which they are sent. */
typedef enum PinNews {
    NEWS_STATE = 1,
    NEWS_STARTED = 2,
    NEWS_LOG = 4,
    NEWS_SURVIVORS = 8,
    NEWS_TAKEN = 16,
    NEWS_ENDED = 32,
} PinNews;

enum { INPUT_WRITERS = 16 /* remembered, to give nothing twice */ };

typedef struct InputWriter {
    uint64_t writer, at; /* bytes of it that were taken */
} InputWriter;

/* What the process reads. */
typedef struct Input {
    int fd; /* write end of a pipe, or master of a terminal; -1: there is none, or it is closed */
    Peer *peer;      /* whose message is held; NULL: none is */
    WireTaken taken; /* the answer to the last one */
    InputWriter writers[INPUT_WRITERS];
    WireInput held;
} Input;

/* What the child writes to its error pipe when it could not become what was asked; end of file
 * means that it did. */
typedef struct ChildFailure {
    uint32_t stage; /* RunStage */
    int32_t error;  /* errno */
} ChildFailure;

/* Descriptors of a pin at its start. The signalfd for SIGCHLD is the rail's: it reports what is
 * pending for its reader. What the rail has besides is above. */
enum { PIN_SIGNALS = 3, PIN_SERVER, PIN_DIR = WIRE_PIN_DIR, PIN_CGROUP };

/* What the rail hands over. */
typedef struct PinStart {
    const Machine *machine;
    char *title; /* argv's memory */
    size_t title_size;
    char *buffer; /* OUTPUT_BUFFER bytes, page-aligned; for everything, as nothing stays in it */
    Tree *tree;
    char *id; /* WIRE_ID_MAX bytes that the rail sees */
    bool has_cgroup;
    int socket, sockets; /* the first of those to pass on; how many */
} PinStart;

typedef struct Pin {
    PinStart start;
    int error, leaf; /* read end of the child's error pipe; cgroup of the run. -1 */

    PinStep step, entered; /* the present one; the one taken last */
    bool fresh;            /* it is taken for the first time */
    int64_t due;           /* when it wants to be taken again, 0: when a fact changes */
    int64_t limit;         /* of PIN_KILL: when survivors are given up, unless there is progress */

    pid_t self, pid;
    bool exec_known, dead, reaped; /* of the leader, which is reaped last */
    bool claimed, recorded, may_linger, lingers;
    ChildFailure failure;

    bool stop_asked, rest_told, killed; /* killed: we sent SIGKILL */
    int stop_signal, rest_signal;       /* to the leader's group; to what is left when it is gone */
    int64_t stop_at, rest_grace_ms; /* when killing begins; how long after the leader's own end */
    int alive;                      /* in the last round */

    Output output;
    Peers peers;
    WireStarted started; /* messages as they are sent */
    WireEnded ended;
    WireSurvivors survivors;
    Input input; /* last: most of it is never touched */
} Pin;

/* The whole life of a pin, in a process the rail forked for it. p->start is set, the rest is
 * zero. */
noreturn void pin_main(Pin *p);
void pin_owe(Pin *p, PinNews news); /* to every peer */
bool pin_tell(Pin *p);              /* sends what is owed as far as sockets take it; true: all */

/* start.c: claims and spawns. Returns the stage that failed, with errno; RUN_STAGE_NONE: the child
 * is on its way. */
RunStage pin_begin(Pin *p);

/* Fills `to` with pointers to `count` consecutive strings (those before `end`, unless that is NULL)
 * and NULL. Returns where more may follow. */
char **child_point(char **to, const char *strings, const char *end, uint32_t count);
void child_reset_signals(void); /* default dispositions, nothing blocked: what a program expects */

/* step.c */
void pin_step(Pin *p, int64_t now);                  /* acts until nothing more is to be done now */
PinStep pin_fail(Pin *p, RunStage stage, int error); /* returns the step that follows */
void pin_stop(Pin *p, int signal, int64_t kill_at);  /* may be called again, to hasten it */
