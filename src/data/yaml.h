/* SPDX-License-Identifier: Apache-2.0 */
/* YAML 1.2 (core schema) into a Value tree. Plain `yes`, `no`, `on` and `off` are strings;
 * whatever is quoted is a string. Anchors, aliases and merge keys (`<<`) work, within
 * MAX_YAML_NODES after expansion. */
#pragma once

#include "base/report.h"
#include "data/value.h"

typedef struct YamlText {
    const char *file; /* its name, in messages */
    const char *text;
    size_t size;
} YamlText;

/* Reads exactly one document; an empty one is VALUE_NULL. Refused, each with one problem that has
 * line and column in `report`: text that is not UTF-8 or has control characters, tabs as
 * indentation, duplicate or non-scalar keys, several documents, tags of unknown types, aliases of
 * unknown anchors or to something that contains them, too much or too deep. */
MUST int yaml_parse(const YamlText *source, Arena *arena, Report *report, const Value **ret);
