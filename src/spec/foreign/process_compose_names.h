/* SPDX-License-Identifier: Apache-2.0 */
/* What process-compose's files are called. */
#pragma once

/* In the order in which it looks for them. The first may as well be Docker's. */
enum { PC_NAMES = 4, PC_COMPOSE_NAMES = 2 };
extern const char *const pc_names[PC_NAMES];
