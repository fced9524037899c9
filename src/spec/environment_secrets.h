/* SPDX-License-Identifier: Apache-2.0 */
/* What of an environment is secret: all that its hooks have said, and its key-values. Shown for
 * themselves they are masked, however short. In the midst of other text only those are hidden that
 * are no ordinary word or number, or it could not be read: "true", "localhost", "my_database",
 * "/srv/data" and "10.0.0.7" stay, "postgres://…", "hunter2" and "s3cr3t" do not. */
#pragma once

#include "spec/environment.h"

/* The value as a whole is one of them. */
bool environment_is_secret(const EnvironmentEntry *entry, const char *value);
/* It stays readable in the midst of other text. */
bool environment_is_ordinary(const char *value);
/* What is to be hidden in texts (mask_forms.h): of more than a log can mask the first, and values
 * of one line before those of several. In `arena`. */
StrList environment_mask_forms(const EnvironmentEntry *entry, Arena *arena);
