/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines of many targets on one screen: "api:serve │ text", names aligned, one colour each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Prefix {
    bool color;
    size_t width;
} Prefix;

/* Prints one JSON line of a log stream to stdout. Widens the column when a longer name comes. false: it was none. */
bool prefix_print(Prefix *prefix, const char *json, size_t size, bool only_one);
