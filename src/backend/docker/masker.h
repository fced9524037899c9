/* SPDX-License-Identifier: Apache-2.0 */
/* Hides secrets in the two streams of a run, as a pin does (pin/mask.h), but without a clock: what
 * it gives depends on the bytes alone, so that who reads them again from their beginning is given
 * the same. What may be the beginning of a secret is held back until more comes, or the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

typedef struct Masker Masker;
typedef void (*MaskerFn)(void *arg, int stream, const char *bytes, size_t n);

/* `strings`: the secrets, each with its NUL, `size` bytes in all. Copies them. What is to be shown
 * goes to `fn`. */
MUST Masker *masker_new(const char *strings, size_t size, MaskerFn fn, void *arg, Err *err);
Masker *masker_free(Masker *masker);
/* A stream of its own begins: nothing is held back. */
void masker_reset(Masker *masker);
/* `last`: nothing comes behind it. */
void masker_put(Masker *masker, int stream, const char *bytes, size_t n, bool last);
