/* SPDX-License-Identifier: Apache-2.0 */
/* What should happen next, as pure functions: no I/O, no clock, no memory but the sentences of the
 * facts.
 *
 * The engine keeps one TargetFacts per target. A callback records a fact (fact_*), the engine then
 * asks plan_target() what should be different and performs the act; performing it brings the next
 * fact. Nothing else decides: starts, restarts, stops, reloads and adoption are all the same
 * question asked of other facts.
 *
 * A target has at most one run at a time. Its life:
 *
 *      (none) --asked--> queued --ACT_START--> starting --started--> running --ended--> ended
 *                          ^                      |                     |                 |
 *                          |                      +------ACT_STOP-------+                 |
 *                          +--------------- restart by policy, or asked again ------------+
 *
 * "queued" (facts.queued) is the wish for one further run. It outlives a run that is being stopped,
 * so `restart` is: queue, and stop what runs. Two wishes are one wish: a target is never started
 * twice for two simultaneous requests.
 *
 * Dependencies hold back a start until each was satisfied once (ever_started, ever_ready,
 * ever_succeeded); what happens to them later does not stop or hold dependants again, unless they
 * follow it (`restart`): when a new run of it satisfies the condition, whoever runs or has failed
 * is restarted (ACT_FOLLOW), once all it follows has come to rest, directly or over others. So a
 * chain is restarted in order, and each member once. Readiness that was lost and came back is no
 * new run. A server's own build is held to more: while it is queued or runs, or when its newest run
 * failed, the server is not started, nor stopped to be restarted; what runs goes on running. So
 * `restart api` is: build, then replace the server, and a build that fails changes nothing.
 *
 * Where files are concerned: a change (fact_changed) is a wish like others. A job with `inputs` is
 * not started before they were looked at (ACT_LOOK), and is done without a run if they are as they
 * were.
 *
 * What the engine does, for each target whose facts changed or whose wake_ms has come:
 *
 *      plan_target(graph, facts, i, world with slots = 0, &v)
 *      ACT_START: fact_start_asked(), backend start             -> fact_started() or fact_ended()
 *      ACT_STOP:  if v.overdue fact_timed_out(); fact_stop_asked(), backend destroy -> fact_ended()
 *      ACT_GONE:  fact_gone()
 *      ACT_FOLLOW: fact_restart_asked()
 *      ACT_LOOK:  fact_look_asked(), look                       -> fact_looked()
 *
 * and, when a target's facts changed, asks again about its dependents (they may start), what
 * follows it, directly or over others (they may have waited for it to come to rest), its
 * dependencies (they may stop), and those who wait for a lock of its. `tests/unit/plan/sim.c` is a
 * complete engine of this kind in 100 lines.
 *
 * Schedules: a job that has one is wanted (fact_awaited) without being queued, and waits
 * (HOLD_SCHEDULE) until due_us, by the wall clock. Then ACT_DUE asks for the next time, and queues
 * it. The engine sees to it that it is asked again at due_us, and whenever the clock is set.
 *
 * Locks: jobs of a graph that share one never run together. A job takes all of its locks at once,
 * when it starts, and has them to the end of its run; of several that could start the oldest wish
 * goes first, by plan_slot_compare(). Nobody holds one lock while he waits for another, so nobody
 * waits for ever.
 *
 * Slots: jobs take one each from start to end, servers none, and they are the server's, not the
 * session's. The engine keeps all targets whose hold is HOLD_SLOT in order of plan_slot_compare();
 * while a slot is free it asks plan_target() about the first of them again, with slots = 1. That
 * one starts, unless something else has come to hold it, and the next is asked. */
#pragma once

#include "plan/graph.h"

typedef enum Want {
    WANT_NOTHING, /* never asked for (auto: false, or not among the names given) */
    WANT_RUN,
    WANT_STOPPED,  /* stopped by request, now */
    WANT_DOWN,     /* stopped with the session, asked of all its targets at once: each ends after
                    * everything that depends on it is gone */
    WANT_DISABLED, /* not to be executed at all */
} Want;

typedef enum RunState {
    RUN_NONE,
    RUN_STARTING, /* the backend was asked; the exec has not been seen */
    RUN_RUNNING,
    RUN_STOPPING, /* the backend was asked to stop it */
    RUN_ENDED,
} RunState;

/* What is known of the inputs of a job whose run is queued (key `inputs`). */
typedef enum Inputs {
    INPUTS_UNKNOWN,
    INPUTS_ASKED,   /* somebody is looking at them */
    INPUTS_CHANGED, /* a run is needed */
} Inputs;

/* As RunEnd of pin/wire.h. */
typedef enum EndKind { END_EXITED, END_SIGNALED, END_FAILED, END_LOST } EndKind;

/* Commands around each run of a service's `command`. `before` is part of its start: to the plan the
 * run is RUN_STARTING. The others come when it has ended, one after the other: on_failure, then
 * after. */
typedef enum Hook { HOOK_NONE, HOOK_BEFORE, HOOK_ON_FAILURE, HOOK_AFTER, HOOKS } Hook;

/* How a run ended. `code`: exit code, signal, or errno. */
typedef struct RunResult {
    EndKind kind;
    int code;
    bool own_fault; /* END_FAILED: its own directory or program could not be used (`code`) */
    bool unsure;    /* END_LOST: for all we know it still runs */
    bool not_begun; /* END_FAILED: it was never asked of the backend */
    Tristate oom_killed;
    int64_t ended_us;
    /* END_FAILED, END_LOST: what went wrong, e.g. "no such file or directory: ./x"; NULL or "": as
     * `code` says. fact_ended copies it into `failure`. */
    const char *why;
} RunResult;

enum { FACTS_TEXT = 240, WAITING_ON_MAX = 8 };

typedef struct TargetFacts {
    /* What plan_target asks of a target and of all it depends on: kept within a cache line. */
    Want want;
    RunState run_state;  /* of the newest run */
    Inputs inputs;       /* of the run that is wished for */
    bool queued;         /* a run is wished for and has not been started */
    bool patient;        /* ... once the present one has ended by itself */
    bool forced;         /* ... and is not to be skipped */
    bool unwatched;      /* ... once its files are watched */
    bool connected;      /* `lazy`: a connection has come since it was asked for */
    bool stop_requested; /* the newest run was asked to end: its end is no failure */
    bool timed_out;      /* ... because its `timeout` passed: it is one */
    bool probe_failed;   /* ... because it was not ready by its deadline, or lives no more */
    bool stop_failed;    /* the backend named survivors. Asking again tries again */
    bool gone;           /* WANT_DOWN: nothing of it is left that can be ended, nor of what depends
                         * on it */
    unsigned char hook;  /* Hook: which of the newest run is running */
    unsigned char hooks_owed; /* bits: those that are still to be run */
    bool ever_started, ever_ready, ever_succeeded;
    bool ready;
    bool gave_up;          /* the policy will not try again: too often, or to no purpose */
    bool grace_exceeded;   /* ci: a restart was refused because the grace period had passed */
    uint32_t run;          /* number of the newest run; 0: there was none */
    int32_t pid;           /* of it */
    int64_t started_ms;    /* monotonic, for decisions; 0: its exec was not seen */
    int64_t last_ready_ms; /* when the newest run last became ready; 0: never */
    int64_t not_before_ms; /* the end of the back-off; 0: none */
    int64_t due_us;        /* a scheduled job's next time, wall clock; 0: none */

    /* Of the newest run, by the clock that goes on over changes of servers (PlanWorld.boot_ms):
     * when it was asked for, and when it first was what others wait for. 0: not. What comes later
     * than a dependant was asked for is news to it. */
    struct {
        int64_t asked, started, ready, done;
    } at;

    int64_t trigger_us;           /* when the wish arose */
    int64_t started_us, ended_us; /* wall clock, for people */
    int64_t last_ready_us;
    int64_t stop_asked_ms;
    int64_t asked_ms;   /* start of the last run that was asked for, not restarted by policy */
    int64_t backoff_ms; /* the delay that was chosen for the queued restart */
    uint32_t restarts;  /* by policy, over the session's life */
    /* restarts in a row, for the back-off; forgotten after reset_after of life and when somebody
     * asks */
    uint32_t attempt;
    RunResult result; /* of the newest run, when RUN_ENDED; its `why` is NULL */

    /* The run before the newest, and how it ended: who waited for it may look too late. 0: not
     * known */
    uint32_t former_run;
    int32_t former_code;
    EndKind former_kind;
    bool former_failed;
    /* Number of the run that was not needed when it was last wished for; 0: it is, or was */
    uint32_t skipped;

    /* Most targets have none of these: owned, for facts_deinit to free. */
    /* why the queued run is to be; becomes its note. NULL: somebody asked, or the policy */
    char *cause;
    char *failure; /* why the newest run failed, one sentence; NULL: it did not */
    char *due;     /* due_us in words, in its time zone */
    char *note;    /* what people should know besides: "stopped by request"; NULL: nothing */
} TargetFacts;

typedef struct PlanWorld {
    int64_t now_ms;  /* monotonic */
    int64_t now_us;  /* wall */
    int64_t boot_ms; /* since the machine was started; comparable between servers */
    bool ci;         /* the session's exit condition */
    bool done;       /* a ci session that is over starts nothing any more */
    int64_t ci_grace_ms;
    int slots;       /* job slots free for this target */
    uint32_t random; /* for the jitter of the back-off */
} PlanWorld;

typedef enum ActKind {
    ACT_NONE,
    ACT_LOOK,   /* look whether its inputs have changed: fact_look_asked(), then fact_looked() */
    ACT_START,  /* start run facts.run + 1 */
    ACT_STOP,   /* ask the backend to end the run, with the service's signal and grace */
    ACT_GONE,   /* record fact_gone(): what it depends on may be stopped */
    ACT_HOOK,   /* run verdict.start_hook for the newest run: fact_hook_begun(), later
                   fact_hook_ended() */
    ACT_DUE,    /* its time has come: fact_due(), and fact_due_at() says when it is next */
    ACT_FOLLOW, /* record fact_restart_asked(): waiting_on[0], which it follows, has come anew */
} ActKind;

/* Why a queued target has not been started. */
typedef enum Hold {
    HOLD_NONE,
    HOLD_DEP,        /* "waiting-for-dep": waiting_on names them */
    HOLD_BUILD,      /* "waiting-for-build": its own update */
    HOLD_LOOK,       /* "checking-inputs" */
    HOLD_LOCK,       /* "waiting-for-lock": waiting_on holds it, or is to have it first */
    HOLD_SCHEDULE,   /* "schedule": nothing is queued, due_us has not come */
    HOLD_CONNECTION, /* "waiting-for-connection": a lazy server, which counts as ready meanwhile */
    HOLD_SLOT,       /* "waiting-for-slot" */
    HOLD_BACKOFF,    /* "backoff" */
    HOLD_HOOK,       /* "hook": one of its former run's is running */
    HOLD_STOPPING,   /* "stopping": its former run is still being ended */
    HOLD_STARTING,   /* "starting": asked for, the exec has not happened yet */
} Hold;

typedef struct Verdict {
    ActKind act;
    bool overdue; /* ACT_STOP, because the job's timeout or the server's deadline has passed */
    Hold hold;
    uint32_t waiting_on[WAITING_ON_MAX]; /* indices into the graph; the first few */
    uint32_t waiting_on_n;               /* all of them may be more: waiting_on_total */
    uint32_t waiting_on_total;
    Hook start_hook; /* ACT_HOOK */
    uint32_t lock;   /* HOLD_LOCK: index into Graph.locks */
    int64_t wake_ms; /* ask again then, if nothing happens before; 0: only facts matter */
} Verdict;

/* What should happen to target `i`. Costs its own deps, with WANT_DOWN its dependents. */
void plan_target(const Graph *graph, const TargetFacts *facts, size_t i, const PlanWorld *world,
                 Verdict *ret);

/* Marks in `marks` (graph->n bytes, made zero first) what must be asked to run so that `i` can:
 * `i`, and of all it depends on, transitively, what was never satisfied and neither runs nor is
 * queued: a build that failed, a job that nobody asked for. For `thole start`; what is disabled is
 * not marked. */
void plan_needed(const Graph *graph, const TargetFacts *facts, size_t i, unsigned char *marks);

/* Order in which targets that wait for a slot get one: the oldest wish first, then by name. < 0:
 * a. */
int plan_slot_compare(const TargetFacts *a, const char *a_name, const TargetFacts *b,
                      const char *b_name);

/* ---- Facts. Each returns nothing and decides nothing but what is written here. ---- */

/* tiltfile:update: the file was read, with this problem or none (NULL). */
void fact_file_read(TargetFacts *facts, int64_t started_us, int64_t ended_us, const char *problem);
/* WANT_RUN queues a run unless one is alive (and not about to end) or queued; a back-off is over at
 * once, and its row forgotten. Others clear the queue. Any retries a stop that failed. */
void fact_wanted(TargetFacts *facts, Want want, int64_t now_us, const char *note);
/* A lazy server is listened for: it can be reached, and so counts as started and ready for what
 * depends on it. */
void fact_reachable(TargetFacts *facts);
void fact_connected(TargetFacts *facts); /* the first connection has come */
/* A scheduled job is wanted from now on, but does not run before it is due. */
void fact_awaited(TargetFacts *facts, int64_t now_us);
/* It is due then (0: never again), which reads like that. */
void fact_due_at(TargetFacts *facts, int64_t due_us, const char *text);
/* ... which is now: queues a run. One that is queued, or runs still, is left alone: then this one
 * is left out, and a note says so. */
void fact_due(TargetFacts *facts, int64_t now_us);
/* Want a fresh run: queue; a live run will be stopped by the plan. A target that is stopped or was
 * never asked for is wanted from now on. Ignored for one that is disabled or going down. */
void fact_restart_asked(TargetFacts *facts, int64_t now_us, const char *note);
/* Files of it have changed: a fresh run, if one is wanted at all; `cause` is its note. `patient`: a
 * run that is alive ends by itself first. Any number of changes until then are one wish. */
void fact_changed(TargetFacts *facts, int64_t now_us, bool patient, const char *cause);
/* The queued run is not skipped, whatever its inputs are. */
void fact_forced(TargetFacts *facts);
/* Its first run has to wait until its files are watched; they are. */
void fact_unwatched(TargetFacts *facts);
void fact_watched(TargetFacts *facts);
/* Somebody looks at the inputs of the queued run. */
void fact_look_asked(TargetFacts *facts);
/* What was seen. `fresh`: nothing has changed since a good run, of which `note` tells: the wish is
 * fulfilled, unless it is forced or has been made anew meanwhile. */
void fact_looked(TargetFacts *facts, bool fresh, const char *note, const PlanWorld *world);
/* The backend was asked to start `run`. Everything about the former run is forgotten. */
void fact_start_asked(TargetFacts *facts, uint32_t run, const PlanWorld *world);
/* Its exec has happened, in the world as it is (adoption: as it was); `started_us` is for people.
 * Without a readiness probe a server is ready now. A run that is being stopped goes on being
 * stopped. */
void fact_started(TargetFacts *facts, const TargetSpec *spec, int32_t pid, int64_t started_us,
                  const PlanWorld *world);
void fact_stop_asked(TargetFacts *facts, const PlanWorld *world);
/* Nothing more is tried until somebody asks, or the run ends after all. */
void fact_stop_failed(TargetFacts *facts, const char *survivors);
/* Adoption: nobody can say whether run `facts->run` lives. It counts as alive and as one that could
 * not be stopped: nothing is started beside it, and who asks for a stop tries again. */
void fact_unclear(TargetFacts *facts, const char *why, const PlanWorld *world);
/* Heard from a probe; ignored unless the run is executing and nobody asked it to end. */
void fact_ready(TargetFacts *facts, bool ready, const PlanWorld *world);
/* The job's timeout or the server's deadline has passed; `detail` (or NULL) is what the probe last
 * said. Ignored when the run is being stopped already. */
void fact_timed_out(TargetFacts *facts, const TargetSpec *spec, const char *detail);
/* The liveness probe found that the run does not work any more, and last said `detail` (or NULL):
 * it has failed, and is to be stopped. Ignored unless it is executing and nobody asked it to
 * end. */
void fact_unlive(TargetFacts *facts, const char *detail);
/* Records the end and applies the restart policy: queues a further run with its back-off, or gives
 * up. Ignored unless a run is alive. */
void fact_ended(TargetFacts *facts, const TargetSpec *spec, const RunResult *result,
                const PlanWorld *world);
void fact_gone(TargetFacts *facts);
/* Of a run that has ended. `why`: how the hook failed; NULL: it did not, or there was nothing to
 * run. */
void fact_hook_begun(TargetFacts *facts, Hook hook);
void fact_hook_ended(TargetFacts *facts, const char *why);

/* People should know this besides; NULL or "": nothing. */
void fact_noted(TargetFacts *facts, const char *note);
void fact_noted_too(TargetFacts *facts, const char *note); /* behind what is noted */
/* Frees what the facts own. */
void facts_deinit(TargetFacts *facts);

/* True while a run may have processes. */
bool facts_alive(const TargetFacts *facts);
/* ... or its hooks have, or are about to: nothing else is started, its locks are held, what it
 * depends on is not stopped. */
bool facts_busy(const TargetFacts *facts);
const char *hook_name(Hook hook); /* "before" */
/* Hooks are about the command of a service, not about its build. */
bool target_has_hooks(const TargetSpec *spec);
/* True if the newest run is over and was a failure, and is not about to be followed by another. */
bool facts_failed(const TargetFacts *facts);
/* True if nothing of it holds back the stop of what it depends on. When a session goes down and
 * this holds for all of its targets, it is down (but see stop_failed). */
bool facts_gone(const TargetFacts *facts);
/* A server's own build is done and of use: it may be started. Given the facts of the build. */
bool facts_build_current(const TargetFacts *build);
/* When the newest run first met the condition (facts.at); 0: it has not. */
int64_t facts_met(const TargetFacts *facts, DepCondition condition);
/* It is, or was to be, at work, and would be restarted with what it follows. */
bool facts_may_follow(const TargetFacts *facts);
/* Was this dependency ever satisfied? Given the facts of dep->target. */
bool facts_satisfy(const TargetFacts *facts, const Dep *dep);

/* ---- What is shown ---- */

/* "WaitingForDep" and so on: the reason of the event that says so; NULL for HOLD_NONE. */
const char *hold_event_reason(Hold hold);
/* "waiting-for-dep" and so on; NULL for HOLD_NONE. */
const char *hold_reason(Hold hold);
/* Target `i`, and the verdict on it. */
typedef struct Judged {
    const Graph *graph;
    const TargetFacts *facts; /* of all */
    size_t i;
    const Verdict *verdict;
} Judged;

/* The object's state for facts and verdict. Strings in it live as long as facts and graph; `names`
 * receives the names waiting_on points to. */
void plan_show(const Judged *judged, TargetState *ret, const char *names[WAITING_ON_MAX]);
/* One sentence that names the cause ("waiting for migrate, which failed: exit code 1"); "" if there
 * is nothing to say. */
void plan_why(const Judged *judged, char *text, size_t size);
