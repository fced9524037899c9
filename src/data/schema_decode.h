/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the decoder share. */
#pragma once

#include "data/schema_private.h"

/* Down to a member or an item and, with what these returned, up again. */
size_t decode_enter(Decoder *d, const char *key);
size_t decode_enter_item(Decoder *d, size_t i);
void decode_leave(Decoder *d, size_t before);

/* Of the current path; `line` may be marked VALUE_OVERLAY. */
Place decode_place(const Decoder *d, uint32_t line, uint32_t column);
/* As decode_problem, at a place that is not that of a value. */
void decode_problem_at(Decoder *d, uint32_t line, uint32_t column, const char *hint,
                       const char *format, ...) PRINTF(5, 6);
/* What was found instead, for messages: `"yes"`, `the number 5`, `a list`. */
const char *decode_found(Decoder *d, const Value *v);
/* "expected WHAT, got ..." */
void decode_expected(Decoder *d, const char *what, const Value *v);

/* The text of a scalar: where text is wanted, numbers and booleans count as they were written.
 * NULL: it is no text, which was reported. */
const char *decode_text(Decoder *d, const Value *v, const char *what);
/* A string of the Value, where it may stay. */
const char *decode_keep(Decoder *d, const char *text);
/* All kinds but structs, lists and maps of things. */
void decode_scalar(Decoder *d, const Type *type, const Field *field, const Value *v, void *ret);
