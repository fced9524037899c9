/* SPDX-License-Identifier: Apache-2.0 */
/* The environment in whose worktree a session's file lies, as it was when the session was told of
 * it last: its ports are those of the services, its mode says whose overlay counts. Kept in
 * environment.json (0600), with which a reload and the next server read the file. */
#pragma once

#include "engine/sessions/session.h"

#define SESSION_ENVIRONMENT_FILE "environment.json"

/* What a session's file is read for: one that there is, or that is asked for. */
ConfigAsk session_config_ask(const Session *session);
ConfigAsk session_config_first(const SessionAsk *ask);
/* Reads it. NULL: err, and `report` has what is wrong. */
const Config *session_read_config(const ConfigAsk *ask, Arena *arena, Report *report, Err *err);
/* From now on; copied, and written down. NULL: it lies in none. */
MUST int session_set_environment(Session *session, const EnvironmentEntry *entry, Err *err);
/* As an earlier server has written it. */
MUST int session_load_environment(Session *session, Err *err);
