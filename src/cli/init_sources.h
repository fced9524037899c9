/* SPDX-License-Identifier: Apache-2.0 */
/* What `thole init` finds in a project, as the services of a thole.yaml with comments. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Is there a package.json with scripts, a Procfile, or a Makefile with targets that are known? */
bool init_has_sources(const char *dir);
/* `version: 1` and `services:`, from all of them; a name that two of them have goes to the first.
 * -1: one cannot be read. */
MUST int init_write_sources(const char *dir, Buf *out, Err *err);
