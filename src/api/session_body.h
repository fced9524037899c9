/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a POST to sessions, or to a session's start, as an ask for the engine. All problems
 * are collected. */
#pragma once

#include "api/status.h"
#include "engine/engine.h"

typedef struct SessionBody {
    SessionAsk ask;
    ClientSetup client;
    bool has_client;
    Cause causes[MAX_BODY_CAUSES];
    size_t cause_n;
    const char *unknown[MAX_BODY_CAUSES]; /* paths of fields that nobody knows */
    size_t unknown_n;
} SessionBody;

/* Everything lives in `arena`, or in the Value. */
void session_body_read(const Value *body, Arena *arena, SessionBody *ret);
/* {names, labels, force, client} */
void start_body_read(const Value *body, Arena *arena, SessionBody *ret);
/* The spec of a merge patch, {exitCondition, ci{timeout, readinessTimeout}}; ret->ask.file: what it
 * says of tiltfilePath. */
void patch_spec_read(const Value *spec, Arena *arena, SessionBody *ret, SessionPatch *ret_patch);
/* {spec{tiltfilePath}, client} */
void review_body_read(const Value *body, Arena *arena, SessionBody *ret);
/* Fields of a map that nobody knows (`known` ends with NULL) are added to ret->unknown. */
void body_check_known(const Value *map, const char *path, const char *const *known, Arena *arena,
                      SessionBody *ret);
/* {client} of any body; `unknown` and `causes` are filled likewise. */
void client_body_read(const Value *body, Arena *arena, SessionBody *ret);
