/* SPDX-License-Identifier: Apache-2.0 */
/* Which targets the names mean that people give, of a session that lives or is down. */
#pragma once

#include "data/schema.h"

typedef struct Session Session;

/* "api" stands for "api:update" and "api:serve"; "api.serve" is the name of the latter's object. */
bool target_is_meant(const char *name, const char *target, Arena *arena);
/* The names, with groups replaced by the targets that they stand for. */
StrList names_without_groups(const Session *session, const StrList *names, Arena *arena);
