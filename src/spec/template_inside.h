/* SPDX-License-Identifier: Apache-2.0 */
/* What template.c and template_environment.c share. */
#pragma once

#include "spec/template.h"

enum { TEMPLATE_PARTS_MAX = 5 };

/* `{{self.ports.http}}` in its parts. */
typedef struct Reference {
    const char *path;
    const char *part[TEMPLATE_PARTS_MAX];
    size_t n; /* parts, also those beyond the last that is kept */
} Reference;

typedef struct Render {
    const TemplateValues *values;
    const TemplateProblems *problems;
    Arena *arena;
    TemplateScan scan;
    bool place; /* template_place: what needs no environment stays as it is written */
} Render;

typedef const char *(*LookupFn)(const Render *r, const Reference *ref);

/* Told, if anybody listens. Returns NULL. */
const char *template_problem(const Render *r, const Reference *ref, const char *hint,
                             const char *format, ...) PRINTF(4, 5);
/* "did you mean …?"; NULL: none of the names is near. */
const char *template_hint(const Render *r, const char *word, const char *const *names, size_t n);

/* There is no environment that could say it: some value while texts are checked, else a problem. */
const char *template_nowhere(const Render *r, const Reference *ref);

/* The namespaces of which only an environment has values. */
const char *template_infrastructure(const Render *r, const Reference *ref);
const char *template_provisioner(const Render *r, const Reference *ref);
const char *template_store(const Render *r, const Reference *ref);
const char *template_proxy(const Render *r, const Reference *ref);
const char *template_env_name(const Render *r, const Reference *ref);
