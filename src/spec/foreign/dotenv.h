/* SPDX-License-Identifier: Apache-2.0 */
/* The `.env` that foreign tools read by themselves, from beside their file. */
#pragma once

#include "spec/source.h"

/* Reads DIR/NAME; none there is none to read. Where the file is kept (source->keep) it must mean
 * the same to us, who will read it by another rule. -1: reported. */
MUST int dotenv_read(const Source *source, const char *dir, const char *name, StrMap *ret);
/* The directory of a file, "/" for one at the top. */
const char *dotenv_dir(const char *file, Arena *arena);
