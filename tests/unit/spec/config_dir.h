/* SPDX-License-Identifier: Apache-2.0 */
/* Config files in the test's own directory, and what is said of them. */
#pragma once

#include "harness/test.h"
#include "spec/config.h"

extern Arena arena;   /* of all that follows */
extern Report report; /* of what was loaded last */

void begin(void);
void end(void);
const char *at(const char *name); /* its path there */
void put(const char *name, const char *text);
const Config *load_as(const ConfigAsk *ask);
/* The first problem, without the directory that it is in; "": none. */
const char *said(void);
