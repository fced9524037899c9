/* SPDX-License-Identifier: Apache-2.0 */
/* A Compute without a disk, a git or a docker: for tests of whoever uses one. */
#pragma once

#include "engine/compute/compute.h"

enum { MEMORY_FILES = 16 };

typedef struct MemoryCompute {
    Compute base;
    Arena arena;
    ComputeFile files[MEMORY_FILES]; /* path NULL: free */
    bool made;
    int started; /* how often infrastructure was asked for */
} MemoryCompute;

MemoryCompute *memory_compute_new(void);
MemoryCompute *memory_compute_free(MemoryCompute *memory);
