/* SPDX-License-Identifier: Apache-2.0 */
/* A Procfile, `name: command` in each line, as foreman and overmind run it: PORT counts from 5000
 * in steps of 100, `.env` is read, one process that ends ends all. Overmind's switches (OVERMIND_…,
 * from the environment, `~/.overmind.env`, `.overmind.env` and `.env`) are followed. */
#pragma once

#include "spec/source.h"

/* What it means in our language. NULL: reported. */
const Value *procfile_translate(const Source *source, const char *text, size_t size);
