/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/template_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/utf8.h"

const char *const template_namespaces[TEMPLATE_NAMESPACES] = {
    "self",           "services",    "project", "vars", "env",
    "infrastructure", "provisioner", "store",   "proxy"};

int template_namespace(const char *name, size_t size) {
    for (int i = 0; i < TEMPLATE_NAMESPACES; i++)
        if (strlen(template_namespaces[i]) == size &&
            memcmp(name, template_namespaces[i], size) == 0)
            return i;
    return -1;
}

size_t template_reference(TemplateScan *scan, const char *p) {
    if (p[0] != '{' || p[1] != '{')
        return 0;
    if (scan->close < p + 2)
        scan->close = p + 2 + strcspn(p + 2, "}");
    size_t n = (size_t)(scan->close - (p + 2));
    return n > 0 && scan->close[0] == '}' && scan->close[1] == '}' ? n + 4 : 0;
}

bool template_counts(const TemplateScan *scan, const char *p, size_t size) {
    if (size == 0 || scan->mode == TEMPLATE_STRICT)
        return size > 0;
    size_t n = size - 4;
    p += 2;
    for (size_t skip; (skip = utf8_blank(p, n)) > 0; n -= skip)
        p += skip;
    for (int i = 0; i < TEMPLATE_NAMESPACES; i++) {
        size_t word = strlen(template_namespaces[i]);
        if (n > word && p[word] == '.' && memcmp(p, template_namespaces[i], word) == 0)
            return true;
    }
    return false;
}

size_t template_escaped(TemplateScan *scan, const char *p) {
    if (strncmp(p, "{{{{", 4) != 0)
        return SIZE_MAX;
    if (scan->mode == TEMPLATE_STRICT)
        return 0;
    size_t size = template_reference(scan, p + 2);
    return template_counts(scan, p + 2, size) ? size - 2 : SIZE_MAX;
}

/* Bytes at `p` that stay as they are if a `{{` stands before them; 0: they do anyway. */
static size_t in_need(TemplateScan *scan, const char *p) {
    size_t size = template_reference(scan, p);
    if (scan->mode == TEMPLATE_LENIENT)
        return template_counts(scan, p, size) ? size : 0;
    return p[0] == '{' && p[1] == '{' ? 2 : 0;
}

const char *template_escape(const char *text, TemplateMode mode, Arena *arena) {
    if (!strstr(text, "{{"))
        return text;
    TemplateScan scan = {.mode = mode, .close = text};
    char *out = arena_alloc(arena, 2 * strlen(text) + 1);
    for (char *to = out; *text;) {
        size_t size = in_need(&scan, text), n = size ? size : 1;
        if (size)
            to = mempcpy(to, "{{", 2);
        to = mempcpy(to, text, n);
        text += n;
    }
    return out;
}
