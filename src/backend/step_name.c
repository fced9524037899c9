/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/step_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"

static bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._:@+=,-", c));
}

char *step_to_name(const char *step) {
    size_t n = strlen(step);
    char *name = xmalloc(n * 3 + 1), *at = name;
    for (size_t i = 0; i < n; i++) {
        if (plain(step[i]) && (i > 0 || step[i] != '.'))
            *at++ = step[i];
        else
            at += snprintf(at, 4, "%%%02x", (unsigned char)step[i]);
    }
    *at = '\0';
    return name;
}

char *step_from_name(const char *name) {
    AUTO_FREE char *step = xmalloc(strlen(name) + 1);
    char *at = step;
    while (*name) {
        unsigned byte = (unsigned char)*name++;
        if (byte == '%' &&
            (sscanf(name, "%2x", &byte) != 1 || byte == 0 || strspn(name, "0123456789abcdef") < 2))
            return NULL;
        else if (name[-1] == '%')
            name += 2;
        *at++ = (char)byte;
    }
    *at = '\0';
    return at == step ? NULL : TAKE(step);
}
