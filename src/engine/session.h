/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine: what a Session and its Targets are made of.
 *
 * One direction only: callbacks (a run started, ended, a probe answered, somebody asked) record
 * facts with fact_*() and call target_mark(); engine_drain() asks plan_target() for every marked
 * target and performs the act; target_show() is the only writer of what the API sees. Nothing else
 * starts or stops anything. */
#pragma once

#include "engine/config_watch.h"
#include "engine/engine.h"
#include "engine/events.h"
#include "engine/file_watch.h"
#include "engine/generation.h"
#include "engine/helpers.h"
#include "engine/hooks.h"
#include "engine/inputs.h"
#include "engine/port_check.h"
#include "engine/ports.h"
#include "engine/probe.h"
#include "engine/schedule.h"
#include "engine/state_view.h"
#include "loop/alarm.h"
#include "loop/worker.h"
#include "plan/exit.h"

typedef struct ServiceWatch ServiceWatch;

/* Its address stays the same over reloads; its index does not. */
struct Target {
    Session *session;
    uint32_t index;    /* into graph.targets and facts, of the present generation */
    Generation *begun; /* under which its newest run was started, or is looked up; NULL: none yet */
    Object object;
    StrMap labels;
    List dirty;     /* Engine.dirty, while marked */
    List slot_wait; /* Engine.slot_wait, while it waits for a job slot */
    List tidy;      /* Engine.tidy, while its older runs are to be looked at */
    List lingers;   /* Engine.lingering, while runs of it may have left helpers */
    Helpers helpers;
    TargetHooks hooks;
    List scheduled; /* Engine.scheduled, while it has one */
    TargetSchedule *schedule;
    int64_t schedule_last_us; /* adoption: as its former server left it */
    bool schedule_queued;
    Tristate enabled_asked; /* by people; UNKNOWN: as the file says */
    bool has_slot;
    bool follower_marked;  /* since something that it follows was marked */
    bool slot_pending;     /* not shown yet: a slot is free and about to be offered */
    Timer *wake;           /* the plan wants to be asked again */
    uint32_t queued_after; /* adoption: a run was still to come after this one */
    int64_t older_bytes;   /* of logs of the runs before the newest one; -1: to be looked up */
    uint32_t base_run;     /* newest run of earlier sessions */
    EventsSeen events;     /* what was recorded of it */
    Op *start, *wait, *destroy, *resume; /* calls in flight */
    LazyWait *lazy;                      /* it waits for a connection */
    PortClear *port;                     /* its next run waits for a port to be free */
    ReadyProbe *probe, *live;            /* live: once it is ready, or runs without a `ready` */
    ServiceWatch
        *watch; /* of its service, if it is the target of the command; NULL: nothing is watched */
    InputsLook *look;                  /* at its inputs, in flight */
    char inputs_digest[INPUTS_DIGEST]; /* as of the last look */
    char *queued_cause;                /* adoption: files had changed, and that is why */
    bool queued_forced;                /* ... and it is not to be skipped */
    TargetState shown;
    const char *waiting_on[WAITING_ON_MAX]; /* what shown.waiting_on points to */
    char error[FACTS_TEXT], why[2 * FACTS_TEXT], probe_why[FACTS_TEXT], stop_failed[FACTS_TEXT];
    char message[4 * FACTS_TEXT]; /* what is shown: why, and who was left running */
};

struct Session {
    List link;      /* Engine.sessions */
    List unsettled; /* Engine.unsettled */
    Engine *engine;
    Object object;
    Arena arena; /* what lasts as long as the session */
    Generation *generation;
    const Config *config; /* the generation's */
    Graph graph;
    const StrList *groups;
    TargetFacts *facts; /* owned, parallel to graph.targets */
    Target **targets;
    unsigned char *chosen; /* targets somebody asked for */
    bool all;              /* ... without naming any: what is added counts too */
    /* the file has services no more that are still here; it is to be read again when they have
     * gone */
    bool leaving, reload_again;
    TargetStatus *statuses;  /* what is shown */
    const char *slug, *name; /* name: of `--session`, or NULL */
    char *dir;
    uint64_t spec_generation;
    bool ci;
    CiConfig ci_config; /* with what the client said */
    Arena client_arena;
    ClientSetup client;
    int64_t started_us, started_ms;
    int64_t read_started_us, read_ended_us; /* of the file */
    int64_t healthy_since_ms;
    bool done, timeout;
    char error[EXIT_TEXT];
    const char *culprit;  /* a target's name, or NULL */
    bool ready;           /* the backend has set it up */
    bool deleting, purge; /* goes once nothing of it is alive */
    bool down;            /* ... and has gone: only its files are left */
    bool hold;
    int holders;
    size_t adopting; /* targets still being looked up */
    size_t alive;    /* targets with a live run */
    Timer *exit_timer, *hold_timer;
    bool unclear; /* a former session of the same place may have left something running */
    Op *setup;
    OpFn when_set_up;
    bool restated;   /* a phase has changed: what waits further down may do so for another reason */
    bool touched;    /* in this drain */
    StateView *view; /* its project's state file; NULL: none is kept */
    Ports *ports;    /* NULL: none */
    EventLog *events;
    ConfigWatch *config_watch; /* NULL: its file is not looked at */
};

struct Engine {
    EngineOptions options;
    Loop *loop;
    char *state_dir;
    Backend *backend;
    Objects *objects;
    HttpClient *http;
    Worker *worker;       /* writes state files; NULL: scripted */
    Worker *store_worker; /* for EngineOptions.store, which may keep it waiting */
    Worker *reader;       /* reads the inputs of jobs; NULL: scripted */
    FileWatcher *files;   /* NULL: scripted */
    List sessions;        /* Session.link */
    List dirty;           /* Target.dirty */
    List unsettled;       /* Session.unsettled */
    List slot_wait;       /* Target.slot_wait, in order of plan_slot_compare */
    List tidy;            /* Target.tidy */
    List lingering;       /* Target.lingers */
    List scheduled;       /* Target.scheduled */
    Alarm *alarm;         /* at the next of their times; NULL: nobody has one */
    List event_logs;      /* EventLog.dirty */
    Timer *calm;          /* a moment after something changed */
    bool calming;
    int slots, slots_used;
    Deferred *drain;
    LoopFn adopted; /* to be called when all has been looked up, once */
    void *adopted_arg;
    uint32_t random;
};

/* target_mark.c: plan again for `target` and all whose plan may depend on it, at the next drain. */
void target_mark(Target *target);
void target_mark_alone(Target *target); /* ... for it and no other */
/* ... for those who wait for a lock that this one has, had or was to have. */
void target_mark_lock_waiters(Target *target);
/* target_show.c: records what is shown now and tells watchers if it changed. The only writer of
 * Target.shown. */
void target_show(Target *target, const Verdict *verdict);
void target_encode(const Object *object, JsonWriter *out); /* its ObjectEncodeFn */
TargetFacts *target_facts(Target *target);
const TargetSpec *target_spec(const Target *target);
Target *target_new(Session *session, uint32_t index);
Target *target_free(Target *target);
/* The generation is another one now, and this its place there. */
void target_move(Target *target, uint32_t index);
/* Asks the plan and performs its act. */
void target_drain(Target *target, int slots);
/* Its newest run is alive already (adoption): listen to it. */
void target_watch_run(Target *target);
/* Its service as its newest run was begun with it. */
const Service *target_begun_service(const Target *target);
/* target_probes.c: of the run that is alive, as its service says. */
void target_probes_start(Target *target);
void target_probes_stop(Target *target);
/* Its message is put together anew. */
void target_retold(Target *target);
/* target_inputs.c: what it reads is looked at (ACT_LOOK); a run begins; it has ended. */
void target_look_at_inputs(Target *target);
void target_inputs_begun(Target *target);
void target_inputs_ended(Target *target);
/* The port of this machine that its `ready` asks; 0: none. */
uint16_t target_ready_port(const Target *target);
RunResult target_result(const StepState *state);
/* Older runs that fall out of what is kept go. */
void target_tidy(Target *target);
void target_kill(Target *target); /* hasten a stop: no grace left */
/* A run has left helpers, or may have: an earlier session's. */
void target_lingers(Target *target, uint32_t run);
void target_look(Target *target); /* at its helpers, and shows them */
/* Its helpers end; true when none is left. Called again when one of them has, and after
 * `stop_failed` is cleared. */
bool target_end_helpers(Target *target);

/* ---- enablement.c ---- */
bool target_enabled(const Target *target); /* by the file, and what people asked for since */
/* Disables and enables what is to be: when a session begins, is loaded or has another
 * generation. */
void session_apply_enablement(Session *session);
/* Adoption: what was found of the runs is of no interest, of what is disabled. */
void session_note_disabled(Session *session);
/* What is disabled is not started by request: says so. */
MUST int target_refuse_disabled(const Target *target, Err *err);
/* ... and so says what a name stands for, if all of it is disabled. */
MUST int session_refuse_disabled(const Session *session, const StrList *names, Err *err);
void session_write_enablement(const Session *session, JsonWriter *out);
void session_load_enablement(Session *session, const Value *v);

/* The hook before its run has ended: it goes on, or is over before it began. */
void target_begun(Target *target);
void target_refused(Target *target, const char *why);
void target_begin_under(Target *target); /* the present generation */
/* adopt.c: asks for its newest run; one of those things that its session waited for is known. */
void target_look_up(Target *target);
void target_looked_up(Target *target);

/* ---- engine.c ---- */
/* True, with the reason: nothing can be asked of it ("cannot be <done>"). */
MUST bool target_refuses(const Target *target, const char *done, Err *err);
void engine_drain(Engine *engine);
void engine_wants_drain(Engine *engine);
/* The session is looked at (session_settle) in the next drain. */
void engine_changed(Engine *engine, Session *session);
uint32_t engine_random(Engine *engine);
/* A moment from now: what waits says anew why. */
void engine_calm_later(Engine *engine);
/* Its older runs are tidied when things have calmed down: not between one job and the next. */
void engine_tidy_later(Engine *engine, Target *target);
/* Jobs at once: the most that a living session's file allows, or the default. */
void engine_count_slots(Engine *engine);

PlanWorld session_world(const Session *session);
StepId target_step_id(const Target *target, uint32_t run);

/* step_build.c: the Step of a target's next run, in `arena`. */
void step_build(const Target *target, Arena *arena, Step *ret);
/* What the service is for, not its build. */
bool step_is_main(const Target *target);
/* What ends its run instead of a signal, with NULL at the end; NULL: nothing does. */
const char *const *step_stop_command(const Target *target, Arena *arena);
/* The environment and directory its exec probe shares; the command is rendered. */
void step_build_probe(const Target *target, const Command *command, Arena *arena, Step *ret);
/* ... of one of its hooks, but for its name. */
void step_build_hook(const Target *target, Hook hook, const Command *command, Arena *arena,
                     Step *ret);
/* Names in `secrets` must be set and long enough. */
MUST int step_check_secrets(const Config *config, const StrMap *client_env, Err *err);

/* session_files.c: session.json, spec.<generation>.json, client.json. Written before acting. */
MUST int session_save(Session *session, Err *err);
MUST int session_save_spec(const Session *session, const Config *config, uint64_t generation,
                           Err *err);
MUST int session_save_client(Session *session, Err *err);
/* Before a session is made: a file of a newer format in its place is refused; sets `unclear`. */
MUST int session_check_former(Session *session, Err *err);
uint64_t session_newest_spec(const Session *session); /* generation on disk; 0: none */
/* Removes those before this generation, once session.json speaks of it: they hold values of
 * secrets. */
void session_drop_specs(const Session *session);
/* 1: it is down, and not loaded unless `down_too`; 0: loaded; -1 */
MUST int session_load(Engine *engine, const char *slug, bool down_too, Session **ret, Err *err);

/* session.c */
Session *session_new(Engine *engine, const char *slug);
Session *session_free(Session *session);
/* Takes the generation: what it has in common with the present one stays as it is, targets and
 * their facts; what it has not is made or goes. What goes must not be alive. */
void session_set_generation(Session *session, Generation *generation);
void session_publish(Session *session); /* objects become visible */
/* Tells the backend of it; what a former session may have left running is ended before `fn` is
 * called. */
void session_set_up(Session *session, OpFn fn);
/* It could not be set up: nothing of it is started, and that is said. */
void session_set_up_failed(Session *session, const Err *err);
/* Everything that was asked for is to end, or not to begin. */
void session_want_down(Session *session, const char *why);
void session_settle(Session *session); /* after a drain: exit condition, deletion, news */
/* tiltfile:update: the file was read, well. */
void session_file_read(Session *session, int64_t started_us, int64_t ended_us);
/* session_ask.c: what names and labels choose, in `chosen` (graph.n bytes). ERR_NOT_FOUND: an
 * unknown name, a label nobody carries. */
MUST int session_choose(const Generation *generation, const StrList *names, const StrMap *labels,
                        unsigned char *chosen, Err *err);
/* The marked targets are wanted to run. */
void session_want(Session *session, const unsigned char *marks);
void session_unpublish(Session *session);
void session_touch(Session *session);
