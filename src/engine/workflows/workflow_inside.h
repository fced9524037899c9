/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this directory share. */
#pragma once

#include "backend/fields.h"
#include "base/vec.h"
#include "engine/inside.h"
#include "engine/workflows/workflow.h"

/* One step's calls in flight. */
typedef struct StepWork {
    Workflow *workflow;
    uint32_t index;
    uint32_t run; /* 0: none was asked for yet */
    bool queued;  /* in Workflow.queue */

    bool over;      /* its process has ended, as `end` says */
    StepEnded end;  /* error: in `why` */
    char *why;      /* owned; NULL: nothing is to be said */
    Op *call;       /* start, or (adopting) resume; then wait */
    Op *stop;       /* destroy */
    uint32_t tries; /* at that which have failed */
    Timer *again;   /* the next one */
    Timer *timeout;
} StepWork;

enum { DESTROY_TRIES = 3, DESTROY_AGAIN_MS = 1000 /* doubled with each */ };

/* Not what a backend does not know because its engine is silent: it has waited long enough. */
static inline bool destroy_may_be_repeated(const Err *err) {
    return err->kind != ERR_UNAVAILABLE && err->kind != ERR_TIMEOUT && err->kind != ERR_CANCELLED;
}

struct Workflow {
    List link;  /* Engine.workflows */
    List dirty; /* Engine.dirty_workflows */
    Engine *engine;
    Object object;
    PooledBackend *pooled;
    Backend *backend; /* its */
    char *task, *name, *dir;
    Arena arena;                  /* config, graph, and what was given along */
    const WorkflowConfig *config; /* with the secrets that were given along */
    ClientSetup client;           /* env: what may be inherited of it */
    StrMap env, secrets;          /* for all steps */
    const StrList *masks; /* workflow_masks(); NULL: nobody has asked yet, and `env` is empty */
    StrList warnings;     /* of its Config */
    StepGraph *graph;     /* NULL: it is over, and on the shelf; so are config, steps, work */
    uint32_t step_n;
    WorkflowFacts facts;
    StepWork *work;      /* parallel to graph->at */
    VEC(uint32_t) queue; /* steps to be planned, in order */
    size_t queue_at;
    Op *call;       /* setup, destroy */
    uint32_t tries; /* at destroying it which have failed */
    Timer *again;   /* the next one */
    List readers;   /* WorkflowEvents.link */
    List listeners; /* WorkflowListener.link */
    Timer *readout; /* it goes when they have read the rest, but not later */
    Timer *timeout;
    Timer *limit; /* of the waiting for a backend that may not answer */
    int64_t timeout_ms, step_timeout_ms, grace_ms;
    int64_t age_ms; /* when it was adopted */
    int64_t started_us, ended_us;
    uint32_t looked_up; /* adopting: steps that are not known yet, and the setup */
    bool adopting, deleting;
    bool silent;    /* its backend could not be reached: it is not waited for as long again */
    bool hurried;   /* while it was ending */
    bool gone;      /* of one that is deleted: what was kept is destroyed */
    bool unwritten; /* a fact: the disk did not take it */
};

/* Who looks on at a workflow, and is told at once when something has become known of a step
 * (UINT32_MAX: of the whole). */
typedef struct WorkflowListener {
    List link; /* Workflow.listeners */
    void (*fn)(void *arg, uint32_t step);
    void *arg;
} WorkflowListener;

/* ---- workflow.c ---- */
/* A fact of a step, or (UINT32_MAX) of the whole, has been recorded: plan what it concerns. */
void workflow_mark(Workflow *workflow, uint32_t step);
Workflow *workflow_free(Workflow *workflow);
void workflow_drop_steps(Workflow *workflow); /* and the graph */
/* See to it that what is due is done, though nothing has become known. */
void workflow_look_again(Workflow *workflow);
typedef struct WorkflowParts {
    const char *task;
    BackendWish backend;
    bool again;                   /* a server before has begun it */
    Arena *arena;                 /* of the config: what is in it is taken */
    const WorkflowConfig *config; /* NULL: one of the shelf */
} WorkflowParts;
/* With its graph and facts; not published. NULL: no such backend. */
Workflow *workflow_new(Engine *engine, const WorkflowParts *parts, Err *err);
void workflow_publish(Workflow *workflow);
/* Its timeout, if it still may come; less what it has run for. */
void workflow_arm_timeout(Workflow *workflow);
/* It was not set up; one of both says why. */
void workflow_fail_setup(Workflow *workflow, const SetupBlame *blame, const Err *err);
/* Steps that are at work have ended, whatever their calls will say. */
void workflow_settle_by_force(Workflow *workflow, const char *why);

/* Steps that only the end of the workflow ends are still to say how they ended; but not if it could
 * not end them (err). */
void workflow_end_destroy(Workflow *workflow, const Err *err);

/* ---- workflow_patience.c: a backend that does not answer ---- */
/* How a call to it ended: err, or NULL. */
void workflow_hear(Workflow *workflow, const Err *err);
/* It is cancelled: nobody has to wait for what was to be set up. */
void workflow_give_up_setup(Workflow *workflow);
/* Where what is waited for now may never come, the waiting gets an end: its grace, 1 s at least, 10
 * at most. */
void workflow_limit_wait(Workflow *workflow);
/* Its time is up: then 1 s. */
void workflow_hurry_destroy(Workflow *workflow);
/* The result of what is ending is decided; but it need not take its time. Asked again, or if
 * nothing was set up, it is not waited for. */
void workflow_hurry(Workflow *workflow);

/* ---- workflow_adopt.c ---- */
/* Of one that is adopting: what is not known yet will not be. */
void workflow_give_up_lookup(Workflow *workflow, const Err *err);
/* Of one that is adopting: is all known that was to be looked up? Then it no longer is. */
bool workflow_looked_up(Workflow *workflow);

/* ---- workflow_step.c: the life of one step ---- */
void work_start(StepWork *work);
void work_stop(StepWork *work);
void work_hurry(StepWork *work); /* it is being stopped: with the workflow's new grace */
void work_skip(StepWork *work);
/* Of an earlier server's: what became of it? Lowers workflow->looked_up once it is known. */
void work_resume(StepWork *work);
/* It has ended, whatever its calls will say. */
void work_give_up(StepWork *work, const char *why);
void work_drop(StepWork *work); /* nobody is called any more */
void work_deinit(StepWork *work);

/* ---- workflow_gone.c ---- */
/* Of one that is over: with its files, which go as a whole. Frees it. */
void workflow_forget(Workflow *workflow);
/* One directory below workflows/: of nobody at once, removed by and by. */
MUST int workflow_directory_remove(Engine *engine, const char *dir, Err *err);
/* The oldest of those that are over, but for `newest`, until no more than MAX_WORKFLOWS_OVER are
 * left. */
void workflows_retain(Engine *engine, const Workflow *newest);
/* What a killed server began to remove. */
void workflows_sweep(Engine *engine);

/* ---- workflow_shelf.c ---- */
/* Of one that is over and that nobody looks at: what a list does not show is on disk alone. */
void workflow_shelve(Workflow *workflow);
/* It is to be changed: the next server reads all of it. */
void workflow_unshelve(const Workflow *workflow);
/* One that a server before has put there; NULL: it has not. */
Workflow *workflow_shelved(Engine *engine, const char *name);
/* With all its steps: itself, or, from the shelf, one of its own, which is to be freed and nobody
 * else knows. */
const Workflow *workflow_whole(const Workflow *workflow, Workflow **ret_own, Err *err);

/* ---- workflow_events.c ---- */
void workflow_readers_wake(const Workflow *workflow);
void workflow_readers_leave(Workflow *workflow); /* nothing more comes */

void workflow_listen(Workflow *workflow, WorkflowListener *listener);
void workflow_listener_remove(Workflow *workflow,
                              WorkflowListener *listener); /* NULL: it is gone */
bool workflow_is_watched(const Workflow *workflow); /* somebody reads its events, or follows logs */

/* ---- workflow_show.c ---- */
void workflow_encode_object(Object *object, JsonWriter *out);
void workflow_encode_brief(Object *object, JsonWriter *out); /* but for Config and steps */
/* As it is in `status.steps` when `facts` are known of it. */
void workflow_encode_step(const Workflow *workflow, uint32_t i, const StepFacts *facts,
                          JsonWriter *out);

/* ---- workflow_environment.c ---- */
/* The step as it is started now, in `arena`: what it is told of the workflow is in its environment,
 * the secrets are listed to be masked. */
Step workflow_step(Workflow *workflow, uint32_t index, Arena *arena);
/* What is masked in its logs and in all sentences about it. */
const StrList *workflow_masks(Workflow *workflow);
/* ERR_LIMIT: they are more than a log can mask. */
MUST int workflow_check_masks(Workflow *workflow, Err *err);

/* ---- workflow_given.c: what came along with the Config ---- */
void workflow_take_given(Workflow *workflow, const WorkflowAsk *ask);
/* Members of workflow.json; the Config is loaded first. */
void workflow_encode_given(const Workflow *workflow, JsonWriter *out);
void workflow_load_given(Workflow *workflow, const Value *who);
/* Members of `spec`, values of secrets masked. */
void workflow_show_given(const Workflow *workflow, JsonWriter *out);
