/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a session: session.json, spec.<generation>.json, client.json. Written before acting,
 * so that a new server finds what was meant. */
#pragma once

#include "engine/sessions/session.h"

MUST int session_save(Session *session, Err *err);
/* Before something is done that people ask for: could it be written down? A disk that does not take
 * what is there already would not take the wish either, and then nothing of it may happen. */
MUST int session_could_save(Session *session, Err *err);
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
