/* SPDX-License-Identifier: Apache-2.0 */
/* A machine for tests of the docker backend: a real engine, and a state directory of its own. */
#pragma once

#include "unit/backend/conformance.h"

const char *engine_world_address(void); /* the test fails where there is none */
const char *engine_world_image(void);   /* with a busybox */
Backend *engine_world_backend(World *world);
Step *engine_world_script(World *world, const char *name, const char *script); /* sh -c */
