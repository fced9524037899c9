/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void auto_free(void *pointer_to_pointer) {
    free(*(void **)pointer_to_pointer);
}

void auto_close(int *fd) {
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

static void *need(void *memory) {
    if (!memory) {
        static const char text[] = "thole: out of memory\n";
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        abort();
    }
    return memory;
}

void *xmalloc(size_t size) {
    return need(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size) {
    return need(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size) {
    return need(realloc(old, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size) {
    return need(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text) {
    return need(strdup(text));
}

char *xstrndup(const char *text, size_t size) {
    return need(strndup(text, size));
}

char *xvasprintf(const char *format, va_list args) {
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    return need(text);
}

char *xasprintf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return text;
}
