/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory: gone with the process. For tests, and for what keeps nothing. */
#pragma once

#include "store/store.h"

Store *mem_store_new(void);
