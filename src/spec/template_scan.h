/* SPDX-License-Identifier: Apache-2.0 */
/* Where references stand in a text, and how a text is written in which none shall stand; what they
 * stand for is of template.h. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

typedef enum TemplateMode { TEMPLATE_STRICT, TEMPLATE_LENIENT } TemplateMode;

/* A text is looked through once, from left to right. */
typedef struct TemplateScan {
    TemplateMode mode;
    const char *close; /* the first `}` after the last `{{` that was looked at; at first the text */
} TemplateScan;

/* Bytes of the reference that begins at `p`: `{{`, at least one byte that is no `}`, `}}`. 0: there
 * is none. */
size_t template_reference(TemplateScan *scan, const char *p);
/* Is it one that counts in this mode? */
bool template_counts(const TemplateScan *scan, const char *p, size_t size);
/* At `p` stands `{{{{`: how many bytes of the text are put as they are after one `{{`; SIZE_MAX: it
 * is no escape. */
size_t template_escaped(TemplateScan *scan, const char *p);

enum { TEMPLATE_NAMESPACES = 9 };
extern const char *const template_namespaces[TEMPLATE_NAMESPACES];
/* Its index; -1: it is none. */
int template_namespace(const char *name, size_t size);

/* A text that comes out as `text` when it is rendered in this mode. */
const char *template_escape(const char *text, TemplateMode mode, Arena *arena);
