/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON of environments and that of manifests have in common. */
#pragma once

#include "spec/environment.h"
#include "spec/json_reader.h"

/* For qsort(): of what begins with its key, by the bytes of that. */
int environment_by_key(const void *a, const void *b);

/* {"web": 61200}, {"db": {"URL": "..."}}; NULL: there are none. */
void environment_ports_read(const JsonAt *at, const Value *map, EnvironmentPorts *ret);
void environment_outputs_read(const JsonAt *at, const Value *map, EnvironmentOutputs *ret);

void environment_ports_put(const EnvironmentPorts *ports, JsonWriter *out);
void environment_outputs_put(const EnvironmentOutputs *outputs, JsonWriter *out);
void environment_strings_put(const StrMap *map, JsonWriter *out);
