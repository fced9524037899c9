/* SPDX-License-Identifier: Apache-2.0 */
/* Configs that set one field, for tests that walk over all of them. */
#pragma once

#include "backend/fields.h"

/* The steps `one`, with the field and with `more` (", key: value", or ""), and `other`: else with
 * the least that a Config needs. A field of a step stands in line 3, others in line 1. Returns
 * owned. */
char *config_with(const ConfigField *field, const char *more);
/* Its name among those of the step, or of the Config: "tmpfs". */
const char *config_field_key(const ConfigField *field);
