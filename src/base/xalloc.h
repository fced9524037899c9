/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is there or the program ends with a line: pins keep the services, the next server
 * adopts them. Input cannot cause it, because everything that input can grow has a limit
 * (limits.h). */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t size); /* at most `size` bytes */
char *xasprintf(const char *format, ...) PRINTF(1, 2);
char *xvasprintf(const char *format, va_list args) PRINTF(1, 0);
