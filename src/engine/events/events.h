/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a session: what happened to it and its targets, each recorded once, with its cause
 * (spec/event.h).
 *
 * They are lines in its directory: events.jsonl, and events.1.jsonl with the older ones. What is
 * recorded in a turn of the loop is written at its end, in one write; nothing is kept in memory.
 * Not synced, and never in the way: what the disk does not take is counted and said later. A new
 * server reads what runs were told of, so nothing is recorded twice.
 *
 * What becomes of runs (started, ready, ended, …) is recorded from the facts (events_look.h).
 * What people, files, clocks and other targets ask is recorded by whoever hears it, at the place
 * where the wish becomes a fact:
 *
 *     event_record(session, &(Event){.target = target_name(target), .kind = EVENT_ASKED,
 *                                    .reason = "FileChanged", .message = "app.js changed"});
 *
 * The newest such event before a start is why `thole why` says it was started. */
#pragma once

#include "engine/engine.h"
#include "spec/event.h"

typedef struct EventLog EventLog;

/* Records it: seq is drawn, time 0 is now, texts are copied. About a target that it does not know,
 * or that is gone, too. */
void event_record(Session *session, const Event *event);

/* Records it of each marked target that is to run now (EVENT_ASKED). */
void events_asked(Session *session, const unsigned char *marks, const Event *event);

/* ---- life, of a session's log and of all of an engine ---- */
/* In the session's directory; made with the first event. */
EventLog *event_log_new(Engine *engine, const char *dir);
/* Writes what is left to be written. Who reads hears that nothing more comes. NULL is fine, returns
 * NULL. */
EventLog *event_log_free(EventLog *log);
/* Now, and not at the end of the turn. */
void event_log_write(EventLog *log);
void events_begin(Engine *engine); /* writes at the end of each turn */
void events_end(Engine *engine);

/* ---- reading ---- */
/* Told when more was written (`log` NULL: ... or that the session is gone). */
typedef struct EventReader {
    List link; /* EventLog.readers */
    LoopFn more;
    void *arg;
    bool gone; /* the session is: nothing more comes */
} EventReader;
void event_reader_add(Session *session, EventReader *reader);
void event_reader_remove(EventReader *reader);

enum { EVENTS_FORMAT = 1 };
#define EVENTS_FILE  "events.jsonl"
#define EVENTS_OLDER "events.1.jsonl"
