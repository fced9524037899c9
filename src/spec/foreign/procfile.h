/* SPDX-License-Identifier: Apache-2.0 */
/* A Procfile, `name: command` in each line, as foreman and overmind run it: PORT counts from 5000
 * in steps of 100, `.env` is read, one process that ends ends all. Overmind's switches (OVERMIND_…,
 * from the environment, `~/.overmind.env`, `.overmind.env` and `.env`) are followed. */
#pragma once

#include "spec/source.h"

/* What it means in our language. NULL: reported. */
const Value *procfile_translate(const Source *source, const char *text, size_t size);

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
