/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string of bytes with a maximum. Beyond it nothing is added any more and `failed` stays
 * set. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

typedef struct Buf {
    char *p; /* NUL-terminated once anything was put; NULL before */
    size_t n, cap, max;
    bool failed;
} Buf;

void buf_init(Buf *buf, size_t max);
void buf_deinit(Buf *buf);
void buf_reset(Buf *buf); /* empty, keeps its memory and forgets the failure */
bool buf_put(Buf *buf, const void *bytes, size_t size);
bool buf_repeat(Buf *buf, size_t from, size_t size); /* what it has there already, once more */
bool buf_puts(Buf *buf, const char *text);
bool buf_putc(Buf *buf, char c);
bool buf_printf(Buf *buf, const char *format, ...) PRINTF(2, 3);
bool buf_vprintf(Buf *buf, const char *format, va_list args) PRINTF(2, 0);
char *buf_take(Buf *buf);             /* returns owned, NUL-terminated; the buffer is empty then */
const char *buf_cstr(const Buf *buf); /* never NULL */
void buf_drop(Buf *buf, size_t size); /* the first `size` bytes go */
