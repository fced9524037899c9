/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a project's config is. */
#pragma once

#include "base/err.h"

/* From `from` upwards: a thole.yaml or previewctl.yaml; where there is none at all, what other
 * tools would read: a process-compose file, then a Procfile (or what OVERMIND_PROCFILE names). Also
 * a link that leads nowhere, so that it is named. Returns owned. NULL: err says what was looked
 * for, and how to begin. */
char *project_find(const char *from, Err *err);

/* The config file that the session of this directory, or of one above, was begun with, although it
 * is there no more (another branch, say). Returns owned; NULL: there is no trace of one. */
char *project_vanished(const char *from);
