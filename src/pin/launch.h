/* SPDX-License-Identifier: Apache-2.0 */
/* The launch file, mapped. Nothing is copied: strings point into the file's pages, which are not ours to pay for. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <stddef.h>

enum { LAUNCH_TEXT_MAX = 4096 }; /* id, title, cause, working directory */

/* Maps and checks RUN_LAUNCH of a run directory. -1 with errno: EINVAL it is not one, EPROTO it is of a newer format. */
MUST int launch_map(int dir, const Launch **ret_launch);

/* The string or list of strings at an offset of it. */
const char *launch_text(const Launch *l, uint32_t at);
