/* SPDX-License-Identifier: Apache-2.0 */
/* What is enabled: by the file, and by what people asked for since. */
#pragma once

#include "engine/targets/target.h"

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
