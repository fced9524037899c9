/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend makes of each field of a Config: its table (Backend.fields) against the schema of
 * spec/workflow.h, so that no field is forgotten. */
#pragma once

#include "backend/backend.h"
#include "base/buf.h"
#include "spec/source.h"

/* Before anything starts: an error for each field that is set and refused, one warning that names
 * all that have no meaning here, at the place of the first; then what the backend says of values.
 */
void backend_check_config(Backend *backend, const WorkflowConfig *config, const Source *source);

/* A field of a Config as a table may name it: "network", "step.tmpfs". A struct that the table does
 * not name is taken apart: "step.backend_options.timeout". */
typedef struct ConfigField {
    char path[64];
    const Field *field;
    size_t offset; /* in the WorkflowConfig, or the Step */
    bool of_step;
    const BackendField *entry; /* NULL: the table has forgotten it */
} ConfigField;

enum { CONFIG_FIELDS_MAX = 96 };

/* All, in the order of the schema. Returns how many. */
size_t backend_config_fields(const Backend *backend, ConfigField ret[CONFIG_FIELDS_MAX]);
const char *field_use_name(FieldUse use); /* "honoured" */
/* A Markdown table, a column for each backend. */
void backend_fields_markdown(const Backend *backends, size_t n, Buf *out);
