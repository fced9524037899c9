/* SPDX-License-Identifier: Apache-2.0 */
/* Names of environments, and what is made of them. A name is 1 to 100 bytes of valid UTF-8 without
 * blanks, what nobody sees (control characters, marks without width), and any of
 *
 *     \ : * ? " < > | ' ` $ & ; ( ) { } [ ] ! # ~ ^
 *
 * It does not begin with '-', '.' or '/', does not end with '/', '.' or ".lock", and has no empty,
 * "." or ".." part between slashes. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { ENVIRONMENT_NAME_MAX = 100 };

/* ERR_INVALID: "the name of an environment …" */
MUST int environment_name_check(const char *name, Err *err);

/* The one form that is a directory, a DNS label, and a part of others' names: lower case, runs of
 * other bytes than [a-z0-9] one '-', none at either end ("env" if nothing is left), at most 40
 * bytes; where that is not the name itself, or ends like this, '-' and 6 hex digits of the name's
 * SHA-256 follow, so that two names hardly ever share one. "feat/a" → "feat-a-d54ad7". */
const char *environment_slug(const char *name, Arena *arena);

/* previewctl's: bytes a-z 0-9 - _ kept, A-Z lowered, each other byte '_'. */
const char *environment_sanitize(const char *name, Arena *arena);
/* COMPOSE_PROJECT_NAME: environment_sanitize(project "-" name), as previewctl has it, but for what
 * compose does not take: it begins with the first letter or digit. Where the name is not its own
 * sanitized form the hash of environment_slug follows. */
const char *environment_compose_project(const char *project, const char *name, Arena *arena);
/* "web-app" → "WEB_APP": for PREVIEWCTL_PORT_…; every byte that is no [A-Z0-9_] is '_'. */
const char *environment_variable(const char *name, Arena *arena);
