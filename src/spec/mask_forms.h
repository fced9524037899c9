/* SPDX-License-Identifier: Apache-2.0 */
/* In what forms a secret turns up in what programs write: as it is, line by line, and, if it is
 * long, in base64 and percent-encoded. A log masks all of them, and so do sentences and objects.
 *
 * Not masked are: other encodings, such as hexadecimal; base64 that is broken into lines within the
 * secret; and of base64 a character at either end that the text beside the secret determines as
 * well: up to 4 bits of its first byte, and of its last one.
 *
 *     MaskForms forms;
 *     mask_forms_init(&forms, arena);
 *     mask_forms_add(&forms, value);
 *     ... forms.list ...
 *     mask_forms_deinit(&forms);      the list lives on in the arena
 */
#pragma once

#include "base/buf.h"
#include "base/map.h"
#include "data/schema.h"

enum {
    MASK_FORMS_MAX = 256,            /* that one log can mask */
    MASK_FORM_BYTES_MAX = 16 * 1024, /* of one; a longer secret is masked in parts */
};

typedef struct MaskForms {
    StrList list; /* none twice */
    Arena *arena;
    size_t cap;
    Map seen;
} MaskForms;

void mask_forms_init(MaskForms *forms, Arena *arena);
void mask_forms_deinit(MaskForms *forms);
/* The value as it is. White space around it does not count; what is shorter than SECRET_MIN is left
 * out: it would mask ordinary text. Lines of a secret that are that short are left out as well. */
void mask_forms_add(MaskForms *forms, const char *value);
/* The encodings of a long one, as long as there are fewer than MASK_FORMS_MAX forms. Within base64
 * of a longer text the secret begins at one of three places of a group: of each the part that the
 * secret alone determines is a form. Percent-encoded it has hex digits in upper case. */
void mask_forms_add_encoded(MaskForms *forms, const char *value);
/* And, if there is still room, the rarer ones: base64 that ends with it, and hex in lower case. */
void mask_forms_add_more(MaskForms *forms, const char *value);

/* Hides forms in many texts. */
typedef struct FormMask {
    const char **at; /* the forms, by their first byte */
    uint16_t from[257];
} FormMask;
/* In `arena`, with the texts of `forms`, of which there are fewer than 65536. */
void form_mask_init(FormMask *mask, const StrList *forms, Arena *arena);
void form_mask_put(const FormMask *mask, const char *text, Buf *out);

/* Hides all forms in a sentence, in place. It is cut where it would get longer than `size`. One
 * that is as long as that was cut before, perhaps in the midst of a form: what is left of that is
 * hidden. */
void mask_text(const StrList *forms, char *text, size_t size);
/* A text with all forms hidden; returns owned. */
char *mask_copy(const StrList *forms, const char *text);
