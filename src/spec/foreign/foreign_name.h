/* SPDX-License-Identifier: Apache-2.0 */
/* Names of foreign processes as names of services: lower case, and '-' for every byte that ours do
 * not have. */
#pragma once

#include "base/map.h"
#include "spec/source.h"

typedef struct Names {
    Arena *arena;
    Map of;              /* foreign name → ours */
    Map taken;           /* ours → foreign */
    const char *changed; /* those that are called otherwise here, for one note */
} Names;

void foreign_names_init(Names *names, Arena *arena);
void foreign_names_deinit(Names *names);
/* The same again for the same name. NULL: two names would be the same. */
const char *foreign_name(Names *names, const char *name);
/* One warning that names those that are called otherwise here. */
void foreign_names_tell(const Names *names, const Source *source);
