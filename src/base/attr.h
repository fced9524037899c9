/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of the language we write: attributes, cleanup of locals, small macros. */
#pragma once

#include <stddef.h>

#include "base/banned.h"

#define MUST             __attribute__((warn_unused_result))
#define PRINTF(at, args) __attribute__((format(printf, at, args)))
#define NORETURN         __attribute__((noreturn))

/* Locals that clean up after themselves when they go out of scope. */
#define AUTO(fn)   __attribute__((cleanup(fn)))
#define AUTO_FREE  AUTO(auto_free)
#define AUTO_CLOSE AUTO(auto_close)
void auto_free(void *pointer_to_pointer);
void auto_close(int *fd); /* -1 is fine; keeps errno */

/* Hands over what a cleaned-up local holds. */
#define TAKE(p)                     \
    ({                              \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })
#define TAKE_FD(fd)        \
    ({                     \
        int taken_ = (fd); \
        (fd) = -1;         \
        taken_;            \
    })

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(1 ? (pointer) : &((type *)0)->member) - offsetof(type, member)))
#define UNREACHABLE() __builtin_trap()
