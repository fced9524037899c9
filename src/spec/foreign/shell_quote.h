/* SPDX-License-Identifier: Apache-2.0 */
/* Text as one word of a shell, or as a regular expression that matches it and nothing else. */
#pragma once

#include "base/arena.h"

const char *shell_quote(const char *text, Arena *arena);
const char *regex_quote(const char *text, Arena *arena);
