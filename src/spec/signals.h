/* SPDX-License-Identifier: Apache-2.0 */
/* Signals by name: TERM, SIGTERM, sigterm or 15. */
#pragma once

#include "data/schema.h"

/* A signal that may ask a process to stop. */
SCHEMA_DECLARE(t_signal, int64_t);

/* "TERM", "RTMIN+1"; a number if it has no name. Returns `text`. */
const char *signal_name(int number, char text[16]);
/* The number of a name with or without SIG, or of a number as text; -1: there is none. */
int signal_number(const char *name);
