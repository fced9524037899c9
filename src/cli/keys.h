/* SPDX-License-Identifier: Apache-2.0 */
/* Names of keys, as tmux has them, and what a terminal sends for them. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends what the key sends: "Enter", "C-c", "M-x", "S-Up", "F5". `newline`: who reads is no
 * terminal, Enter is \n. False: the word is no key's name. */
bool keys_put(Buf *to, const char *word, bool newline);

/* "C-p,C-q", "ctrl-p,ctrl-q", "none": keys that are typed one after the other. */
MUST int keys_parse_sequence(const char *text, Buf *ret, Err *err);
