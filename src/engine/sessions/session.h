/* SPDX-License-Identifier: Apache-2.0 */
/* A session: what is known of it, from its first reading of a file until it is gone. */
#pragma once

#include "engine/events/events.h"
#include "engine/inside.h"
#include "engine/ports/ports.h"
#include "engine/sessions/config_watch.h"
#include "engine/sessions/generation.h"
#include "engine/sessions/state_view.h"
#include "plan/exit.h"
#include "spec/environment.h"

typedef enum SessionStanding {
    SESSION_IDLE, /* nothing of it was asked for */
    SESSION_UP,   /* something is alive or about to be, or is a job that has been done */
    SESSION_OVER, /* all of it has ended, failed or was stopped */
} SessionStanding;

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
    uint64_t spec_generation; /* the number of its file, no more; the object counts for itself */
    bool ci;
    CiConfig ci_config; /* with what the client said */
    Arena client_arena;
    ClientSetup client;
    Arena environment_arena;
    const EnvironmentEntry *environment; /* in whose worktree its file lies; NULL: in none */
    int64_t started_us, started_ms;
    int64_t read_started_us, read_ended_us; /* of the file */
    int64_t healthy_since_ms;
    bool done, late; /* late: a timeout ended it */
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
    bool unsaved; /* what is no great loss is not on disk yet: written when things are calm */
    bool unclear; /* a former session of the same place may have left something running */
    Op *setup;
    OpFn when_set_up;
    bool restated; /* a phase has changed: what waits further down may do so for another reason */
    bool touched;  /* in this drain */
    SessionStanding standing; /* as watchers of the environment were told */
    StateView *view;          /* its project's state file; NULL: none is kept */
    Ports *ports;             /* NULL: none */
    EventLog *events;
    ConfigWatch *config_watch; /* NULL: its file is not looked at */
};

/* ---- session.c ---- */
Session *session_new(Engine *engine, const char *slug);
Session *session_free(Session *session);
/* Takes the generation: what it has in common with the present one stays as it is, targets and
 * their facts; what it has not is made or goes. What goes must not be alive. */
void session_set_generation(Session *session, Generation *generation);
void session_publish(Session *session); /* objects become visible */
void session_unpublish(Session *session);
void session_touch(Session *session);
void session_touch_environment(const Session *session); /* in whose worktree its file lies */
PlanWorld session_world(const Session *session);
/* Tells the backend of it; what a former session may have left running is ended before `fn` is
 * called. */
void session_set_up(Session *session, OpFn fn);
/* It could not be set up: nothing of it is started, and that is said. */
void session_set_up_failed(Session *session, const Err *err);
/* tiltfile:update: the file was read, well. */
void session_file_read(Session *session, int64_t started_us, int64_t ended_us);

/* ---- session_end.c ---- */
/* Everything that was asked for is to end, or not to begin. */
void session_want_down(Session *session, const char *why);
void session_settle(Session *session); /* after a drain: exit condition, deletion, news */
/* What its targets come to; those that nobody asked for count for nothing. */
SessionStanding session_standing(const Session *session);

/* ---- session_ask.c ---- */
/* True, with the reason (ERR_CONFLICT): it is stopped or done, and nothing more can be asked of
 * it. */
MUST bool session_refuses(const Session *session, Err *err);
/* What names and labels choose, in `chosen` (graph.n bytes). ERR_NOT_FOUND: an
 * unknown name, a label nobody carries. */
MUST int session_choose(const Generation *generation, const StrList *names, const StrMap *labels,
                        unsigned char *chosen, Err *err);
/* The marked targets are wanted to run. */
void session_want(Session *session, const unsigned char *marks);
