/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the lifecycle share. */
#pragma once

#include "plan/lifecycle.h"

/* Name, phase and texts of what is no hook; not what it needs. */
LifecycleStep lifecycle_own_step(LifecycleKind kind);
