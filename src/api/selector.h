/* SPDX-License-Identifier: Apache-2.0 */
/* labelSelector and fieldSelector of a list or watch. */
#pragma once

#include "engine/objects.h"

typedef enum LabelOp { LABEL_IN, LABEL_NOT_IN, LABEL_EXISTS, LABEL_ABSENT } LabelOp;
typedef struct LabelRule {
    const char *key;
    LabelOp op;
    StrList values;
} LabelRule;

typedef enum FieldKey { FIELD_OF_NAME, FIELD_OF_SPACE, FIELD_OF_FILE } FieldKey;
typedef struct FieldRule {
    FieldKey key;
    bool unlike; /* != */
    const char *value;
    const char *needle; /* FIELD_OF_FILE: the member as it stands in the object's JSON */
} FieldRule;

typedef struct Selector {
    LabelRule *labels;
    size_t label_n;
    FieldRule *fields;
    size_t field_n;
} Selector;

typedef struct SelectorTexts {
    const char *labels, *fields; /* NULL: none */
    ObjectKind kind;
} SelectorTexts;

/* Values live in `arena`. ERR_INVALID says what is wrong. */
MUST int selector_parse(const SelectorTexts *texts, Arena *arena, Selector *ret, Err *err);

typedef struct SelectorFacts {
    const char *space, *name;
    const char *json; /* only looked at when selector_needs_json() */
    size_t json_size;
} SelectorFacts;

/* Fields never change in the life of an object. */
bool selector_fields_match(const Selector *selector, const SelectorFacts *facts);
bool selector_needs_json(const Selector *selector);
bool selector_labels_match(const Selector *selector, const StrMap *labels);
