/* SPDX-License-Identifier: Apache-2.0 */
#include "api/selector.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"

typedef struct Scan {
    const char *at;
    Arena *arena;
    Err *err;
} Scan;

static void skip_space(Scan *scan) {
    while (*scan->at == ' ')
        scan->at++;
}

/* A key or value: what is none of the signs. May be empty. */
static const char *word(Scan *scan) {
    skip_space(scan);
    size_t n = strcspn(scan->at, " ,=!()<>");
    const char *text = arena_strndup(scan->arena, scan->at, n);
    scan->at += n;
    skip_space(scan);
    return text;
}

static bool take(Scan *scan, const char *sign) {
    skip_space(scan);
    if (!str_starts(scan->at, sign))
        return false;
    scan->at += strlen(sign);
    return true;
}

static int confused(const Scan *scan, const char *expected) {
    if (*scan->at)
        return err_set(scan->err, ERR_INVALID,
                       "unable to parse the selector: found '%.20s', expected: %s", scan->at,
                       expected);
    return err_set(scan->err, ERR_INVALID,
                   "unable to parse the selector: found its end, expected: %s", expected);
}

/* "(a, b)" */
static int parse_set(Scan *scan, StrList *ret) {
    const char **at = arena_alloc(scan->arena, MAX_SELECTOR_VALUES * sizeof(*at));
    size_t n = 0;
    if (!take(scan, "("))
        return confused(scan, "'('");
    do {
        if (n == MAX_SELECTOR_VALUES)
            return err_set(scan->err, ERR_LIMIT, "a selector may have %d values",
                           MAX_SELECTOR_VALUES);
        at[n++] = word(scan);
    } while (take(scan, ","));
    if (!take(scan, ")"))
        return confused(scan, "',' or ')'");
    *ret = (StrList){at, n};
    return 0;
}

static void one_value(Scan *scan, StrList *ret) {
    const char **at = arena_alloc(scan->arena, sizeof(*at));
    at[0] = word(scan);
    *ret = (StrList){at, 1};
}

static int parse_label(Scan *scan, LabelRule *rule) {
    bool absent = take(scan, "!");
    rule->key = word(scan);
    if (!rule->key[0])
        return confused(scan, "a label");
    if (absent) {
        rule->op = LABEL_ABSENT;
    } else if (take(scan, "!=")) {
        rule->op = LABEL_NOT_IN;
        one_value(scan, &rule->values);
    } else if (take(scan, "==") || take(scan, "=")) {
        rule->op = LABEL_IN;
        one_value(scan, &rule->values);
    } else if (str_starts(scan->at, "in") && strchr(" (", scan->at[2])) {
        scan->at += 2;
        rule->op = LABEL_IN;
        return parse_set(scan, &rule->values);
    } else if (str_starts(scan->at, "notin") && strchr(" (", scan->at[5])) {
        scan->at += 5;
        rule->op = LABEL_NOT_IN;
        return parse_set(scan, &rule->values);
    } else {
        rule->op = LABEL_EXISTS;
    }
    return 0;
}

static int parse_labels(Scan *scan, Selector *ret) {
    skip_space(scan);
    ret->labels = arena_alloc(scan->arena, MAX_SELECTOR_RULES * sizeof(*ret->labels));
    while (*scan->at) {
        if (ret->label_n == MAX_SELECTOR_RULES)
            return err_set(scan->err, ERR_LIMIT, "a selector may have %d rules",
                           MAX_SELECTOR_RULES);
        if (parse_label(scan, &ret->labels[ret->label_n++]) < 0)
            return -1;
        skip_space(scan);
        if (*scan->at && !take(scan, ","))
            return confused(scan, "'=', '!=', 'in', 'notin', ',' or the end");
    }
    return 0;
}

/* How the member stands in the JSON of an object: quotes inside strings are escaped there, so it is
 * found nowhere else. */
static const char *file_needle(const char *path, Arena *arena) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_JSON_BYTES);
    json_writer_init(&out, &buf);
    json_string(&out, path);
    const char *needle = arena_printf(arena, "\"tiltfilePath\":%s", buf_cstr(&buf));
    buf_deinit(&buf);
    return needle;
}

static int parse_field_key(Scan *scan, const char *key, ObjectKind kind, FieldRule *rule) {
    if (strcmp(key, "metadata.name") == 0)
        rule->key = FIELD_OF_NAME;
    else if (strcmp(key, "metadata.namespace") == 0)
        rule->key = FIELD_OF_SPACE;
    else if (strcmp(key, "spec.tiltfilePath") == 0 && kind == OBJECT_SESSION)
        rule->key = FIELD_OF_FILE;
    else
        return err_set(scan->err, ERR_INVALID, "field label not supported: %s", key);
    return 0;
}

/* Backslash, comma and '=' in values are written with a backslash before them. */
static const char *field_value(Scan *scan) {
    char *value = arena_alloc(scan->arena, strlen(scan->at) + 1), *to = value;
    for (; *scan->at && *scan->at != ','; scan->at++) {
        if (scan->at[0] == '\\' && scan->at[1])
            scan->at++;
        *to++ = *scan->at;
    }
    return value;
}

static int parse_fields(Scan *scan, ObjectKind kind, Selector *ret) {
    ret->fields = arena_alloc(scan->arena, MAX_SELECTOR_RULES * sizeof(*ret->fields));
    while (*scan->at) {
        if (ret->field_n == MAX_SELECTOR_RULES)
            return err_set(scan->err, ERR_LIMIT, "a selector may have %d rules",
                           MAX_SELECTOR_RULES);
        FieldRule *rule = &ret->fields[ret->field_n++];
        const char *key = word(scan);
        rule->unlike = take(scan, "!=");
        if (!rule->unlike && !take(scan, "==") && !take(scan, "="))
            return err_set(scan->err, ERR_INVALID,
                           "invalid field selector: \"%s\"; a rule is name=value or name!=value",
                           key);
        if (parse_field_key(scan, key, kind, rule) < 0)
            return -1;
        rule->value = field_value(scan);
        if (rule->key == FIELD_OF_FILE)
            rule->needle = file_needle(rule->value, scan->arena);
        take(scan, ",");
    }
    return 0;
}

int selector_parse(const SelectorTexts *texts, Arena *arena, Selector *ret, Err *err) {
    Selector selector = {.label_n = 0};
    Scan scan = {texts->labels ? texts->labels : "", arena, err};
    if (parse_labels(&scan, &selector) < 0)
        return -1;
    scan.at = texts->fields ? texts->fields : "";
    if (parse_fields(&scan, texts->kind, &selector) < 0)
        return -1;
    *ret = selector;
    return 0;
}

static bool field_matches(const FieldRule *rule, const SelectorFacts *facts) {
    switch (rule->key) {
    case FIELD_OF_NAME: return strcmp(rule->value, facts->name) == 0;
    case FIELD_OF_SPACE: return strcmp(rule->value, facts->space ? facts->space : "") == 0;
    case FIELD_OF_FILE:
        return memmem(facts->json, facts->json_size, rule->needle, strlen(rule->needle)) != NULL;
    }
    UNREACHABLE();
}

bool selector_fields_match(const Selector *selector, const SelectorFacts *facts) {
    for (size_t i = 0; i < selector->field_n; i++)
        if (field_matches(&selector->fields[i], facts) == selector->fields[i].unlike)
            return false;
    return true;
}

bool selector_needs_json(const Selector *selector) {
    for (size_t i = 0; i < selector->field_n; i++)
        if (selector->fields[i].key == FIELD_OF_FILE)
            return true;
    return false;
}

static bool is_among(const char *value, const StrList *values) {
    for (size_t i = 0; i < values->n; i++)
        if (strcmp(values->at[i], value) == 0)
            return true;
    return false;
}

static bool label_matches(const LabelRule *rule, const StrMap *labels) {
    const char *value = labels ? strmap_get(labels, rule->key) : NULL;
    switch (rule->op) {
    case LABEL_IN: return value && is_among(value, &rule->values);
    case LABEL_NOT_IN: return !value || !is_among(value, &rule->values);
    case LABEL_EXISTS: return value != NULL;
    case LABEL_ABSENT: return value == NULL;
    }
    UNREACHABLE();
}

bool selector_labels_match(const Selector *selector, const StrMap *labels) {
    for (size_t i = 0; i < selector->label_n; i++)
        if (!label_matches(&selector->labels[i], labels))
            return false;
    return true;
}
