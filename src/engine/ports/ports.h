/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of sessions. They are leased in the store before anything of a generation starts, and
 * written to the session's directory (ports.json), so that the next server has the very same ones;
 * each is kept by a bound socket until the service is spawned. When the session is gone they are
 * released, and remembered for its next time. */
#pragma once

#include "backend/backend.h"
#include "engine/ports/port_hold.h"
#include "engine/sessions/generation.h"
#include "loop/op.h"
#include "spec/template.h"

typedef struct Engine Engine;
typedef struct Session Session;
typedef struct Target Target;
typedef struct Ports Ports; /* of a session; NULL: it has none, and had none */

/* Refuses what cannot be: a fixed port of what is to run that another living session has
 * (ERR_CONFLICT, with its name), a THOLE_PORT_RANGE that is none. For a session before it is made,
 * and for a generation before it is taken. */
MUST int ports_check(const Session *session, const Generation *generation, Err *err);
/* ERR_CONFLICT: a session other than this one (NULL: any) has it. */
MUST int ports_check_fixed(const Engine *engine, const Session *session, const PortEntry *port,
                           Err *err);
/* Takes what holds a port that the session is about to lease: it is held without a gap. */
void ports_give(Session *session, const PortHold *hold);
/* A session is about to be made: what its former one leased is not its own yet. */
void ports_begin(Session *session);
/* What ports.json says of the generation's ports. ERR_UNAVAILABLE: it is of a newer format; another
 * error: it cannot be read. A damaged one is as none. */
MUST int ports_load(Session *session, Generation *generation, Err *err);
/* Makes the ports of `generation` known: those that the session has already stay as they are; each
 * `auto` and the fixed ones of what is wanted are leased. false: there is nothing to wait for, `fn`
 * is not called; else it is, once, later. */
bool ports_lease(Session *session, Generation *generation, OpFn fn, void *arg);
/* The session has another generation: nothing of it is planned before its ports are known. What
 * cannot get its port is not started, and says why. */
void ports_follow(Session *session);
/* Before the target is started: true if fixed ports of its are leased only now; nothing of the
 * session is planned until they are. */
bool ports_lease_wanted(Target *target);
/* The session is about to go: true once its leases are released (or, to be purged, forgotten).
 * Called again when that has happened. */
bool ports_release(Session *session);
Ports *ports_free(Ports *ports);

/* Refuses a target of whose ports one is another session's: ERR_CONFLICT, with its name. */
MUST int ports_check_own(const Target *target, Err *err);
/* Right before the target is spawned: strangers are kept off its ports no longer. */
void ports_let_go(const Target *target);
/* A port that the target's next run will listen on and that somebody else has; 0: none. */
uint16_t ports_in_use(const Target *target);

/* The member `ports` of a target's status: what its process listens on; nothing if that is none, or
 * not known yet. */
void ports_encode(const Target *target, JsonWriter *out);
/* What templates of a service stand for. */
TemplateValues ports_values(const Generation *generation, const char *service);
