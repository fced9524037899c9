/* SPDX-License-Identifier: Apache-2.0 */
/* How a port is written: a number; of a service also `auto`, of a probe a template. */
#pragma once

#include "spec/config.h"

SCHEMA_DECLARE(t_port, Port);       /* 1..65535, or auto */
SCHEMA_DECLARE(t_probe_port, Port); /* 1..65535, or a template */

bool port_given(const Port *port);
bool port_is_auto(const Port *port);
