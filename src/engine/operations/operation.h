/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of an environment: it asks for the lease and the entry (operation_open.c), walks
 * through the steps (operation_walk.c), and writes down what it does (operation_write.c). What the
 * steps are is in steps.h. */
#pragma once

#include "engine/compute/compute.h"
#include "engine/environments/blocking.h"
#include "engine/environments/environments_inside.h"
#include "engine/ports/port_hold.h"
#include "plan/lifecycle.h"
#include "spec/manifest.h"

enum { OPERATION_TEXT = 512 };

typedef enum OperationState {
    OPERATION_WAITING, /* for the lease, or the store */
    OPERATION_WALKING,
    OPERATION_DONE,
    OPERATION_FAILED,
    OPERATION_CANCELED,
} OperationState;

/* What a look at a step has found. */
typedef struct StepFound {
    const char *own; /* digest of what is its own */
    bool stands;
    const char *why;          /* it does not stand */
    size_t running;           /* processes that its command has left */
    const ComputeLook *infra; /* start_infra: as compose has told; NULL: nobody has asked it */
} StepFound;

/* What there was when it began. */
typedef struct Opening {
    EnvironmentLease lease; /* token 0: it is somebody else's, and whose */
    StoredEnvironment stored;
    bool found;
} Opening;

/* Where the entry of an operation is kept, with its steps. Both block, and are for a worker. */
typedef struct EntryKeeper {
    int (*open)(Operation *operation, Arena *arena, Opening *ret, Err *err);
    int (*write)(Operation *operation, const EnvironmentWrite *write, int64_t *ret_version,
                 Err *err);
    bool leased;
} EntryKeeper;

extern const EntryKeeper kept_in_store, kept_beside_manifest, kept_beside_runs;

/* The step that an operation is at. */
typedef struct StepDoing {
    uint32_t at;     /* in the lifecycle */
    StepFound found; /* what a look has told of it */
    bool resumed;    /* what a server before has started was looked for */
    bool lost;       /* ... and what became of it is not known */
    uint32_t run;    /* of its command; 0: none */
    uint32_t left;   /* processes that its command has left running */
    uint32_t ending; /* a run before, of which what it has left is being ended; 0: none yet */
    int64_t started_us, since_ms;
    bool running;      /* its command */
    bool late;         /* ... for longer than it may */
    const Err *broken; /* what it has printed is read although it has failed, with this */
    const char *note;  /* for Operation.note, if it ends well and nothing else is to be said */
    StrMap outputs;    /* what it has printed */
    EnvironmentPorts drawn;
    const Value *produced; /* what its record keeps */
} StepDoing;

/* What the store is still to be told. */
typedef struct Unwritten {
    bool entry; /* it has changed */
    struct {
        Checkpoint *at;
        size_t n, cap;
    } steps;
    struct {
        AuditEntry *at;
        size_t n, cap;
    } audit;
    StrMap values; /* key-values that hooks have set */
} Unwritten;

/* Of servers that were at work on it. A step that has ended forgets them, and a server that leaves
 * in order: it has not died. */
typedef struct OperationDeaths {
    int64_t last_us; /* wall clock: when the next server has gone on with it; 0: none had to */
    int64_t n;       /* each soon after the one before */
} OperationDeaths;

struct Operation {
    Environment *environment;
    Engine *engine;
    uint32_t refs;
    Arena arena;
    int64_t number;
    OperationAsk ask; /* the mode is known */
    int64_t begun_us;
    OperationDeaths deaths;
    OperationState state;
    const Config *config;
    struct {
        const Config *now, *last; /* what the file says, and said before; NULL: nothing */
    } said;
    const EntryKeeper *keeper;
    const Manifest *manifest; /* run: as it was read, in `arena`; NULL */
    const char *manifest_digest;
    const char *machine, *user;
    EnvironmentLease lease; /* token 0: it is not ours yet */
    EnvironmentEntry entry; /* with its steps and key-values */
    int64_t version;        /* of the entry in the store; 0: it has none yet */
    Lifecycle lifecycle;
    bool *told; /* by step: a server before has said of this operation how it ended */
    StepDoing doing;
    VEC(PortHold) holds; /* of its ports; while allocate_ports is done the worker's */
    Op *call, *stop;
    Timer *again, *renew, *limit;
    Op *renewal;
    uint32_t tries;
    Unwritten unwritten;
    void (*written)(Operation *operation); /* what comes when it was told */
    int64_t seq;                           /* of the last event */
    long told_from;                        /* its events are behind that byte of their file */
    _Atomic bool canceled;                 /* also looked at by workers that take their time */
    int stop_fd;                           /* readable once it is; of programs that look */
    bool started, over;
    OperationState told_end; /* by a server before; OPERATION_WAITING: it was not */
    struct {
        const char *step;
        uint32_t run;
        bool ended;
    } begun;             /* by a server before, and not told to have ended; run 0: nothing */
    int64_t copied_ns;   /* copy_files was done then, at first; 0: never */
    StrList others;      /* of a delete: where other environments are, of any project */
    const char *left;    /* of a delete by force: what could not be undone; NULL: nothing */
    const char *remains; /* likewise: what another server goes on with, or nobody can undo */
    Watcher watcher;     /* of a step that looks at others */
    bool watching;
    bool removed; /* the store does not know it any more */
    char error[OPERATION_TEXT];
    ErrKind error_kind;  /* ERR_NONE: not known */
    const char *note;    /* what people are to know of how the step, or the whole, went; NULL */
    const char *step;    /* the one that failed, or is being done */
    const char *message; /* what it is doing, or waits for; NULL: nothing, it is over */
};

/* ---- kept_beside_manifest.c ---- */
/* What was done of an entry of that name; 0 and nothing where there is no such file. */
MUST int steps_file_read(const char *path, Arena *arena, EnvironmentEntry *entry, Err *err);
MUST int steps_file_write(const char *path, const EnvironmentEntry *entry, Err *err);
/* With what the manifest says, in `arena`. */
MUST int manifest_run_ask(const OperationAsk *ask, Arena *arena, OperationAsk *ret, Err *err);
MUST int operation_read_manifest(Operation *operation, Err *err);

/* ---- operation_ask.c ---- */
/* What its kind needs is there: of what people ask, and of what a server before has written. */
MUST int operation_ask_check(const OperationAsk *ask, Err *err);
/* Of no environment that a store knows: operation_ask_check() knows for what that will do. */
bool operation_ask_is_apart(const OperationAsk *ask);
/* Who asks for what is under way already looks on: a second time, since his terminal was closed, or
 * the server was gone meanwhile. */
bool operation_is_asked_again(const Operation *operation, const OperationAsk *ask);
/* What hooks are told, and hand on to what they ask: the operations that wait for them, the
 * outermost first, with a blank between. In `arena`. */
#define OPERATIONS_VARIABLE "THOLE_OPERATIONS"
const char *operation_chain(const Operation *operation, Arena *arena);
/* A hook of it has asked, or of what a hook of it has asked for: the one cannot wait for the
 * other. */
bool operation_is_asked_from_hook(const Operation *operation, const OperationAsk *ask);

/* ---- operation.c ---- */
/* As it was asked; its config is read. NULL: err, and report. */
Operation *operation_new(Environment *environment, const OperationAsk *ask, Report *report,
                         Err *err);
/* One that could not be begun: it is over, and has said why. */
Operation *operation_new_refused(Environment *environment, const OperationAsk *ask, int64_t number,
                                 const Err *why);
void operation_begin(Operation *operation);
/* Of who does not say who he is: what the server has. */
const ClientSetup *operation_server_setup(Arena *arena);
/* Of audit logs: this machine, and who has asked; NULL: somebody who did not say who he is. */
const char *operation_machine(Arena *arena);
/* That this server asks for, to do that. */
EnvironmentLease operation_lease(const Engine *engine, EnvironmentKey key, const char *doing,
                                 Arena *arena);
void operation_name_lease(Operation *operation); /* the one that it needs; not asked for yet */
const char *operation_user(const StrMap *client_env, Arena *arena);
/* As it would be made; and the lifecycle of it. */
void operation_make_entry(Operation *operation);
MUST int operation_list(Operation *operation, Err *err);
/* Before anything begins: are there the steps, and the hook, that it names? ERR_NOT_FOUND. */
MUST int operation_check_names(Operation *operation, Err *err);
/* It lies on disk from now on, as it is now. */
MUST int operation_keep(const Operation *operation, Err *err);
Operation *operation_unref(Operation *operation);
void operation_cancel(Operation *operation); /* it ends in a later turn */
void operation_leave(Operation *operation);  /* the server leaves */
bool operation_under_way(const Operation *operation);
const LifecycleStep *operation_step(const Operation *operation); /* NULL: none is being done */
/* Blocking work that looks at the operation: of one that is left meanwhile the memory stays until
 * the worker is through. */
Op *operation_work(Operation *operation, Blocking *blocking, void *ask, BlockingFn work, OpFn fn);
Op *operation_later(Operation *operation, OpFn fn); /* in the next turn; no result */
/* It ends as this, whatever is still to be written. ERR_CANCELLED: it was canceled. */
void operation_fail(Operation *operation, const Err *err);
/* What a server before has started is not known any more; `never`: it never was. */
void operation_not_resumed(Operation *operation, bool never);

/* It ends as this, once all is written down. */
void operation_finish(Operation *operation, OperationState state);

/* ---- operation_list.c ---- */
/* Its lifecycle, and what is to be done anew; of one that a server before has begun, what that has
 * told. */
MUST int operation_prepare(Operation *operation, Err *err);
/* What people want done anew, whatever its record says. */
MUST int operation_force(Operation *operation, Err *err);
/* Refresh and step do only some of the steps; what those need is there. */
bool operation_means(const Operation *operation, const LifecycleStep *step);
/* The records of a step (NULL, or one that there is not: nothing) and of all that need it count no
 * more. */
void operation_invalidate(Operation *operation, const char *name, const char *why);
/* What the step that is begun makes was undone by a delete that came to no end: until then that is
 * not done again. */
void operation_forget_undone(Operation *operation);
/* Likewise of those that need it. True: some have a record, whatever it says. */
bool operation_invalidate_dependants(Operation *operation, uint32_t step, const char *why);
/* What steps that were asked for alone have left stale, and the command that goes on. In the arena
 * of the operation; NULL: nothing, or all was meant. */
const char *operation_stale(Operation *operation);

/* ---- operation_check.c ---- */
/* May it begin, as the environment is? ERR_CONFLICT says what is in its way, and the way out. */
MUST int operation_check(Operation *operation, Err *err);
/* Where its worktree was is still what it was: who comes by a link that lies there would run and
 * write what is of somebody else. Blocking. To stop and to delete it, that is no matter. */
MUST int operation_check_link(const Operation *operation, Err *err);
/* One sentence more for Operation.remains, in `operation->arena`. */
void operation_add_remains(Operation *operation, const char *what);
/* A machine that a hook has made: what a hook that was edited since, or is run again, would make is
 * a second one, and the first would be nobody's. */
bool operation_keeps(const Operation *operation, const LifecycleStep *step);

/* ---- operation_start.c ---- */
/* Is all done that `env start` counts on? ERR_CONFLICT names the first step that is not. */
MUST int operation_check_start(const Operation *operation, Err *err);

/* ---- operation_walk.c ---- */
void operation_next(Operation *operation); /* what is to be done now */
/* Of the step that is being done: the digest of what it is made from. In `operation->arena`. */
const char *operation_inputs(Operation *operation);

/* ---- operation_step_end.c ---- */
/* The step that is being done has ended. err NULL: well. */
void operation_step_ended(Operation *operation, const Err *err);
/* On disk, too. */
void operation_forget_deaths(Operation *operation);
/* Likewise, as `record` says: a server before has written that down. */
void operation_step_failed_before(Operation *operation, const Checkpoint *record);

/* ---- operation_hook_end.c ---- */
/* What people have done with a hook to what a step has made. */
void operation_hook_ended(Operation *operation, const LifecycleStep *step, bool failed);

/* ---- operation_write.c: what is told the store ---- */
void operation_audit(Operation *operation, const char *step, const char *action,
                     const char *message);
/* Writes down what has changed; then fn. A store that is away is waited for. */
void operation_write(Operation *operation, void (*fn)(Operation *operation));
bool operation_store_is_away(const Err *err); /* NULL: it is not */
/* Said once; then `again`, later, with operation->again to be freed. One that was canceled is over
 * instead. */
void operation_wait_for_store(Operation *operation, const Err *err, LoopFn again);
/* It is waited for if it is away; with any other error the operation has failed. */
void operation_store_failed(Operation *operation, const Err *err, LoopFn again);
void operation_set_checkpoint(Operation *operation, const Checkpoint *checkpoint);
void operation_set_values(Operation *operation, const StrMap *values);

/* ---- operation_ports.c ---- */
/* From now on it is nobody else's. False: it is somebody's already. */
bool operation_hold_port(Operation *operation, uint16_t port);
void operation_hold_ports(Operation *operation); /* those that it has, and no others */
void operation_give_ports(Operation *operation, Session *session);
void operation_drop_ports(Operation *operation);
/* Before anything is begun that would start services. ERR_CONFLICT: a port that the config gives
 * them is that of another environment or session which runs. */
MUST int operation_check_ports(const Operation *operation, Err *err);
/* Likewise, on the worker of the store, of one that makes an environment. ERR_LIMIT: others have
 * all blocks of ports, and whose they are. */
MUST int operation_check_blocks(const Operation *operation, Arena *arena, Err *err);

/* ---- operation_run.c: the command of a step ---- */
void operation_run(Operation *operation);    /* is started */
void operation_resume(Operation *operation); /* was, by a server before */
void operation_stop_run(Operation *operation);
extern const StopHow operation_stop_how; /* what it has left running ends, too */
/* What a server before has begun ends: another one has the lease by now, and may be doing the same.
 * Then it asks for the lease again. */
void operation_end_begun(Operation *operation);
