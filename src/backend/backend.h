/* SPDX-License-Identifier: Apache-2.0 */
/* Backend: where steps run. The contract of Woodpecker's backends, asynchronous: each call
 * completes later from the loop, exactly once.
 *
 * A step is named by (task, step, run). All state is keyed by it; many tasks run at once on one
 * Backend. Everything a backend creates is found again from that key without us remembering: run
 * directories, labels. Whoever was killed between any two calls can repeat the last one: setup,
 * destroy and resume are idempotent; start is refused for a key that exists (ERR_CONFLICT).
 *
 * The functions below are wrappers: they check arguments and limits and answer ERR_UNAVAILABLE "…
 * is not supported by the backend …" for what an implementation leaves NULL. Strings and structs
 * given are copied where they must outlive the call. */
#pragma once

#include "loop/op.h"
#include "spec/backend_flag.h"
#include "spec/session.h"
#include "spec/workflow.h"

enum {
    BACKEND_INPUT_MAX = 1024 * 1024, /* bytes of one StepInput */
    BACKEND_SOCKET_NAME_MAX = 127,
};

typedef struct Backend Backend;

typedef struct StepId {
    const char *task; /* a session's slug, a workflow's uuid; [A-Za-z0-9._:@-]+ but opaque */
    const char *step; /* a target's name, a step's uuid */
    uint32_t run;     /* from 1 */
} StepId;

typedef enum StepPhase {
    STEP_NEVER, /* it never was started, and never will be (resume only): a new run may be */
    STEP_RUNNING,
    STEP_ENDED,
} StepPhase;

typedef enum StepEnd { STEP_EXITED, STEP_SIGNALED, STEP_FAILED, STEP_LOST } StepEnd;

/* Result of start_step (phase RUNNING, or ENDED when it could not start), wait_step (ENDED) and
 * resume_step (any). */
typedef struct StepState {
    StepPhase phase;
    StepEnd end;
    int code;       /* exit code, signal number; errno of STEP_FAILED */
    bool own_fault; /* STEP_FAILED: for `code` its own directory or program could not be used */
    Tristate oom_killed;
    int64_t pid;           /* local: of the process; else 0 */
    const char *container; /* engine's id or pod name; "" for local */
    int64_t started_us, ended_us;
    /* resume of one that runs: since the machine was started; 0: unknown */
    int64_t started_boot_ms;
    uint64_t log_size;          /* logical end of the log at the end */
    uint32_t restarts, attempt; /* as given at the start (resume) */
    uint32_t lingering;         /* helpers left alone */
    uint32_t killed;            /* of its tree, that were ended after it */
    bool rebooted;              /* STEP_LOST (resume): the machine was restarted while it ran */
    bool elsewhere;             /* STEP_LOST (resume): it is another server's, and goes on */
    char error[256];            /* STEP_FAILED, STEP_LOST: one sentence */
    char cause[256];            /* as given at the start (resume) */
} StepState;

typedef struct StopHow {
    int signal;        /* first */
    uint32_t grace_ms; /* then SIGKILL */
    /* NULL, or argv of a command to run instead of the signal (NULL-terminated), with the
     * environment and in the directory of the step. If it fails the signal is sent after all, at
     * once. Its time is part of the grace */
    const char *const *command;
    /* Helpers end too, which Step.linger leaves alone, and even if the run has ended. */
    bool helpers;
    bool keep; /* a container is ended but not removed: people want to look at it */
} StopHow;

/* Result of setup_workflow where one step makes it impossible; there is none if all went well. */
typedef struct SetupBlame {
    char step[128]; /* its uuid */
    char why[256];  /* one sentence without its name */
} SetupBlame;

/* Result of destroy_step; there may be none. */
typedef struct StepStopped {
    /* how the command failed, in one sentence, with the first line that it wrote; "": it did not */
    char command[400];
} StepStopped;

/* Bytes for a step to read. Who repeats them, because nobody answered, gives the same writer and
 * at: no byte is read twice. */
typedef struct StepInput {
    const char *bytes;
    size_t n;
    bool end;        /* then the end of its input; of a terminal this does not end it */
    uint64_t writer; /* 0: one is drawn, it will not be repeated */
    uint64_t at;     /* bytes that this writer has given before */
} StepInput;

typedef struct StepSize {
    uint32_t rows, columns;
} StepSize;

/* Listening sockets that outlive the server. */
typedef struct KeptSocket {
    const char *name;
    int fd; /* the backend's own: who wants to have it dups it */
} KeptSocket;

typedef struct KeptSockets {
    const KeptSocket *at;
    size_t n;
} KeptSockets;

/* A piece of a step's log, as stored: masked, exact within a stream. */
typedef struct LogPiece {
    uint64_t at;      /* logical offset in the run's log */
    int64_t time_us;  /* when it was read from the process */
    int stream;       /* 1, 2; 0: a gap of `size` bytes */
    const char *data; /* NULL for a gap */
    size_t size;
    const char *gap; /* why bytes are missing, a sentence */
} LogPiece;

/* Return false to be held back after this piece, which counts as taken; backend_tail_resume
 * continues. May cancel or drop its tail. */
typedef bool (*LogFn)(void *arg, const LogPiece *piece);

/* What a backend makes of a field of the Config or its steps. */
typedef enum FieldUse {
    FIELD_HONOURED,
    FIELD_WITHOUT_MEANING, /* said once, by name */
    FIELD_REFUSED,         /* before anything starts */
} FieldUse;

typedef struct BackendField {
    const char *path; /* "network", "step.tmpfs", "step.backend_options.docker" */
    FieldUse use;
    const char *why; /* what becomes of it, a few words: for people and the table in docs/ */
} BackendField;

typedef struct DiscoveredStep {
    const char *task, *step;
    uint32_t run;
    const char *container;
    int64_t pid;
} DiscoveredStep;

typedef struct Discovered {
    const DiscoveredStep *at; /* ordered by task, step, run */
    size_t n;
} Discovered;

/* Something that a backend made for a task and that is still there, running or not. */
typedef struct Leftover {
    const char *task;
    const char *kind; /* "container", "network", "volume", "process" */
    const char *name; /* by which its own tools find it */
    bool running;
} Leftover;

typedef struct Leftovers {
    const Leftover *at; /* ordered by task, kind, name */
    size_t n;
} Leftovers;

/* What a backend implements: all that says MUST, of what says MAY what it can. The result of an
 * operation is named where there is one. */
typedef struct BackendOps {
    /* MUST */
    void (*free)(Backend *);
    /* MUST: cheap, no side effects */
    bool (*available)(Backend *, Err *why);
    /* MUST */
    Op *(*load)(Backend *, OpFn, void *);
    /* MUST. `dir`: the task's own directory; runs, logs and records go below. Idempotent.
     * SetupBlame */
    Op *(*setup_workflow)(Backend *, const char *task, const char *dir, const WorkflowConfig *,
                          OpFn, void *);
    /* MUST: StepState */
    Op *(*start_step)(Backend *, StepId, const Step *, OpFn, void *);
    /* MUST: done at the end of the log of an ended run */
    Op *(*tail_step)(Backend *, StepId, uint64_t from, LogFn, OpFn, void *);
    /* MUST */
    void (*tail_resume)(Backend *, Op *tail);
    /* MUST: StepState; many may wait. An error: its end, or what it writes, cannot be learned */
    Op *(*wait_step)(Backend *, StepId, OpFn, void *);
    /* MUST: done when nothing of it is left but helpers; unknown is fine; ERR_DENIED names
     * survivors. Of one that is being started the start ends too: with an error, or with what
     * became of it. StepStopped */
    Op *(*destroy_step)(Backend *, StepId, const StopHow *, OpFn, void *);
    /* MUST: config may be NULL */
    Op *(*destroy_workflow)(Backend *, const char *task, const WorkflowConfig *, OpFn, void *);
    /* MAY */
    Op *(*signal_step)(Backend *, StepId, int signal, OpFn, void *);
    /* MAY: run to its end beside the step: ExecResult */
    Op *(*exec_step)(Backend *, StepId, const Step *, int64_t timeout_ms, OpFn, void *);
    /* MAY: done when the step has taken all of it. ERR_CONFLICT: it has no input, or has closed it;
     * ERR_NOT_FOUND: it does not run */
    Op *(*input_step)(Backend *, StepId, const StepInput *, OpFn, void *);
    /* MAY: of its terminal; its foreground hears of it also if that does not change */
    Op *(*resize_step)(Backend *, StepId, StepSize, OpFn, void *);
    /* MAY: KeptSockets, once it is known what servers before have left */
    Op *(*kept_sockets)(Backend *, OpFn, void *);
    /* MAY: a copy of the socket is kept under the name, in place of what had it; fd -1: no longer.
     * For a server that is killed: of one that leaves while nothing runs nothing is kept */
    int (*keep_socket)(Backend *, const char *name, int fd, Err *);
    /* MAY: path of a 0600 file with its stdout */
    Op *(*capture_step)(Backend *, StepId, OpFn, void *);
    /* MAY: Discovered: what runs, of this owner */
    Op *(*discover)(Backend *, OpFn, void *);
    /* MAY: Leftovers: all that is there of this owner, of whatever task */
    Op *(*leftovers)(Backend *, OpFn, void *);
    /* MAY: cheap, a look: problems of a Config that the table of fields cannot say, because they
     * are of values */
    void (*check)(Backend *, const WorkflowConfig *, Report *);
    /* MAY: StepState. Creates nothing; a launch nobody claimed is declared void; what is not known
     * at all is STEP_NEVER too */
    Op *(*resume_step)(Backend *, StepId, OpFn, void *);
    /* MAY: cheap, a look: how many an ended run has left running (Step.linger). Fills at most
     * `max` */
    size_t (*helpers)(Backend *, StepId, Helper *ret, size_t max);
    /* MAY: cheap, a look: what a step that is being started, or runs, waits for. False: nothing */
    bool (*waits_for)(Backend *, StepId, char *ret, size_t size);
} BackendOps;

typedef struct ExecResult {
    bool timed_out;
    StepEnd end;
    int code;
    char output[512]; /* the last of what it wrote, for messages */
} ExecResult;

struct Backend {
    const BackendOps *ops;
    const char *name;           /* "local" */
    const char *platform;       /* "linux/amd64", after load */
    const char *version;        /* of the engine behind it, after load; NULL: there is none */
    const char *where;          /* its address for people; NULL: this machine */
    const BackendField *fields; /* every field of a Config and of its steps, once */
    size_t field_n;
    Loop *loop;
};

/* How a Backend comes to be: once for each set of options that somebody uses. */
typedef struct BackendKind {
    const char *name;
    /* NULL: an option is not what it should be, or nothing listens there by the look of it */
    Backend *(*make)(void *arg, const StrMap *options, Err *err);
    void *arg;
    bool lent;    /* `make` always gives the same one, its own: nobody else frees it */
    bool by_name; /* "auto" never means it */
} BackendKind;

/* Forgets; stops nothing. Calls in flight are dropped: nobody is called any more, their Ops are
 * dead. */
Backend *backend_free(Backend *backend);
bool backend_available(Backend *backend, Err *why);
Op *backend_load(Backend *backend, OpFn fn, void *arg);
Op *backend_setup_workflow(Backend *backend, const char *task, const char *dir,
                           const WorkflowConfig *config, OpFn fn, void *arg);
Op *backend_start_step(Backend *backend, StepId id, const Step *step, OpFn fn, void *arg);
Op *backend_tail_step(Backend *backend, StepId id, uint64_t from, LogFn on_piece, OpFn fn,
                      void *arg);
void backend_tail_resume(Backend *backend, Op *tail);
Op *backend_wait_step(Backend *backend, StepId id, OpFn fn, void *arg);
Op *backend_destroy_step(Backend *backend, StepId id, const StopHow *how, OpFn fn, void *arg);
Op *backend_destroy_workflow(Backend *backend, const char *task, const WorkflowConfig *config,
                             OpFn fn, void *arg);
Op *backend_signal_step(Backend *backend, StepId id, int signal, OpFn fn, void *arg);
Op *backend_exec_step(Backend *backend, StepId id, const Step *step, int64_t timeout_ms, OpFn fn,
                      void *arg);
Op *backend_input_step(Backend *backend, StepId id, const StepInput *input, OpFn fn, void *arg);
Op *backend_resize_step(Backend *backend, StepId id, StepSize size, OpFn fn, void *arg);
Op *backend_kept_sockets(Backend *backend, OpFn fn, void *arg);
/* The name has at most 127 bytes. */
MUST int backend_keep_socket(Backend *backend, const char *name, int fd, Err *err);
Op *backend_capture_step(Backend *backend, StepId id, OpFn fn, void *arg);
Op *backend_discover(Backend *backend, OpFn fn, void *arg);
Op *backend_leftovers(Backend *backend, OpFn fn, void *arg);
Op *backend_resume_step(Backend *backend, StepId id, OpFn fn, void *arg);
/* Fills at most `max`; may return more. */
size_t backend_helpers(Backend *backend, StepId id, Helper *ret, size_t max);
/* A sentence in *ret, cut to `size`. */
bool backend_waits_for(Backend *backend, StepId id, char *ret, size_t size);
