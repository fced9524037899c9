/* SPDX-License-Identifier: Apache-2.0 */
/* In what forms a secret turns up in what programs write: as it is, line by line, and, if it is
 * long, in base64 and percent-encoded. A log masks all of them. */
#pragma once

#include "data/schema.h"

/* Adds the forms of `value` to the list, in `arena`. White space around it does not count; what is
 * shorter than SECRET_MIN is left out: it would mask ordinary text. Lines of a secret that are that
 * short are left out as well. Within base64 of a longer text the secret begins at one of three
 * places of a group: of each the part that the secret alone determines is a form. */
void mask_forms(const char *value, Arena *arena, StrList *list);
