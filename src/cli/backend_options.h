/* SPDX-License-Identifier: Apache-2.0 */
/* What our own environment says of backends, for the server: its environment does not count. */
#pragma once

#include "data/json.h"

/* An object by the names of backends: {"docker": {"host": "unix:///x"}}. */
void backend_options_put(JsonWriter *out);
