/* SPDX-License-Identifier: Apache-2.0 */
/* What the docker backend makes of the fields of a Config. */
#pragma once

#include "backend/backend.h"

const BackendField *docker_fields(size_t *ret_n);
