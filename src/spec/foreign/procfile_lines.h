/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a Procfile, `name: command` each. */
#pragma once

#include "spec/source.h"

/* PORT of the first process, and how much more that of the next is, unless somebody says so. */
enum { PROCFILE_PORT = 5000, PROCFILE_PORT_STEP = 100 };

typedef struct ProcfileEntry {
    const char *name, *command;
    uint32_t line;
} ProcfileEntry;

typedef struct ProcfileEntries {
    ProcfileEntry *at; /* in the order of the file */
    size_t n, cap;
} ProcfileEntries;

/* The lines. What is neither one of them, empty nor a comment is warned of. */
void procfile_parse(const Source *source, const char *text, size_t size, ProcfileEntries *ret);
