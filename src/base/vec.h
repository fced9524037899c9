/* SPDX-License-Identifier: Apache-2.0 */
/* A typed growing array:  VEC(Dep) deps = {0};  VEC_PUSH(deps, dep);  VEC_FREE(deps);  */
#pragma once

#include <stdlib.h>

#include "base/xalloc.h"

#define VEC(T)         \
    struct {           \
        T *at;         \
        size_t n, cap; \
    }

#define VEC_PUSH(vec, ...)                                                    \
    do {                                                                      \
        if ((vec).n == (vec).cap) {                                           \
            (vec).cap = (vec).cap ? (vec).cap * 2 : 8;                        \
            (vec).at = xreallocarray((vec).at, (vec).cap, sizeof(*(vec).at)); \
        }                                                                     \
        (vec).at[(vec).n++] = (__VA_ARGS__);                                  \
    } while (0)

#define VEC_FREE(vec)            \
    do {                         \
        free((vec).at);          \
        (vec).at = NULL;         \
        (vec).n = (vec).cap = 0; \
    } while (0)
