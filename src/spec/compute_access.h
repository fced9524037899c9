/* SPDX-License-Identifier: Apache-2.0 */
/* Where an environment is, as a file of somebody else's says it: it ends up in commands. */
#pragma once

#include "spec/environment.h"

/* ERR_INVALID names the member of the state: "path: \"x\" is no absolute path". */
MUST int compute_access_check(const ComputeAccess *access, Err *err);
