/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml gives events; we build the tree from them by recursion, which MAX_YAML_DEPTH bounds. */
#include "data/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/utf8.h"
#include "data/yaml_scalar.h"

/* A node that an alias can name. */
typedef struct Anchor {
    Value *value; /* NULL while it is being read */
    size_t nodes; /* in its expansion */
    size_t depth; /* of its expansion */
} Anchor;

typedef struct Reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    Arena *arena;
    Report *report;
    const YamlText *source;
    Map anchors; /* name → Anchor, in the arena */
    size_t nodes;
    size_t deepest; /* level reached since it was last set */
} Reader;

static Value *read_node(Reader *r, size_t depth);

/* --- problems: the first one ends the reading --- */

PRINTF(5, 6)
static int fail_at(Reader *r, size_t line, size_t column, const char *hint, const char *format,
                   ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    Place place = {
        .file = r->source->file, .line = (uint32_t)line, .column = (uint32_t)column, .path = ""};
    report_add(r->report, &place, hint, "%s", text);
    return -1;
}

#define FAIL(r, hint, ...) \
    fail_at(r, (r)->event.start_mark.line + 1, (r)->event.start_mark.column + 1, hint, __VA_ARGS__)

/* Sentences for what libyaml says most often. */
static const char *explain(const char *problem, char at, const char **ret_hint) {
    *ret_hint = NULL;
    if (strstr(problem, "cannot start any token") && at == '\t') {
        *ret_hint = "indent with spaces";
        return "a tab cannot stand here";
    }
    if (strstr(problem, "cannot start any token")) {
        *ret_hint = "quote the value";
        return "a plain value cannot begin with this character";
    }
    if (strstr(problem, "mapping values are not allowed")) {
        *ret_hint = "check the indentation, and quote a value that contains \": \"";
        return "a `key: value` cannot stand here";
    }
    if (strstr(problem, "did not find expected key") ||
        strstr(problem, "did not find expected '-' indicator")) {
        *ret_hint = "check the indentation of this line and of those before it";
        return strstr(problem, "key") ? "expected a key here" : "expected a \"- \" here";
    }
    if (strstr(problem, "could not find expected ':'")) {
        *ret_hint = "write `key: value`, or indent the line if it continues a text";
        return "expected a \":\" after a key";
    }
    if (strstr(problem, "unexpected end of stream")) {
        *ret_hint = "close the quotes";
        return "the file ends inside a quoted text";
    }
    return problem;
}

/* The byte where the n-th character begins; 0: there are not as many. */
static char char_at(const YamlText *source, size_t n) {
    size_t at = 0;
    for (; n > 0 && at < source->size; n--)
        at += utf8_length(source->text + at, source->size - at); /* it was checked: never 0 */
    return at < source->size ? source->text[at] : 0;
}

static int parser_failed(Reader *r) {
    const yaml_parser_t *p = &r->parser;
    const yaml_mark_t *mark = &p->problem_mark;
    char at = char_at(r->source, mark->index);
    const char *hint;
    const char *text = explain(p->problem ? p->problem : "broken text", at, &hint);
    if (p->context && p->context_mark.line != mark->line)
        return fail_at(r, mark->line + 1, mark->column + 1, hint, "%s (%s that began in line %zu)",
                       text, p->context, p->context_mark.line + 1);
    return fail_at(r, mark->line + 1, mark->column + 1, hint, "%s", text);
}

static int next(Reader *r) {
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return 0;
    memset(&r->event, 0, sizeof(r->event));
    return parser_failed(r);
}

/* --- nodes --- */

static Value *place(const Reader *r, Value *v) {
    v->line = (uint32_t)r->event.start_mark.line + 1;
    v->column = (uint32_t)r->event.start_mark.column + 1;
    return v;
}

static int count(Reader *r, size_t nodes, size_t depth) {
    if (depth > r->deepest)
        r->deepest = depth;
    if (depth > MAX_YAML_DEPTH)
        return FAIL(r, NULL, "nested more than %d deep", MAX_YAML_DEPTH);
    r->nodes += nodes;
    if (r->nodes > MAX_YAML_NODES)
        return FAIL(r, NULL, "with its aliases expanded, the file has more than %d values",
                    MAX_YAML_NODES);
    return 0;
}

static const char *event_tag(const yaml_event_t *event) {
    const yaml_char_t *tag = event->type == YAML_SCALAR_EVENT ? event->data.scalar.tag
                             : event->type == YAML_SEQUENCE_START_EVENT
                                 ? event->data.sequence_start.tag
                                 : event->data.mapping_start.tag;
    return (const char *)tag;
}

static const char *event_anchor(const yaml_event_t *event) {
    const yaml_char_t *anchor = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                                : event->type == YAML_SEQUENCE_START_EVENT
                                    ? event->data.sequence_start.anchor
                                    : event->data.mapping_start.anchor;
    return (const char *)anchor;
}

/* Is the tag one that a node of this kind may have? NULL: there is no tag. */
static bool tag_fits(const char *tag, ValueKind kind) {
    static const char *const tags[] = {
        [VALUE_NULL] = YAML_NULL_TAG,  [VALUE_BOOL] = YAML_BOOL_TAG,  [VALUE_INT] = YAML_INT_TAG,
        [VALUE_REAL] = YAML_FLOAT_TAG, [VALUE_STRING] = YAML_STR_TAG, [VALUE_LIST] = YAML_SEQ_TAG,
        [VALUE_MAP] = YAML_MAP_TAG,
    };
    return !tag || strcmp(tag, tags[kind]) == 0 || strcmp(tag, "!") == 0;
}

static Value *bad_tag(Reader *r, const char *tag, ValueKind kind) {
    const char *core = "tag:yaml.org,2002:";
    bool ours = strncmp(tag, core, strlen(core)) == 0;
    (void)FAIL(r, NULL, "the tag %s%.60s does not fit this %s", ours ? "!!" : "",
               ours ? tag + strlen(core) : tag, value_kind_name(kind));
    return NULL;
}

static Value *read_scalar(Reader *r) {
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    const char *tag = event_tag(&r->event);
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool typed = tag && strcmp(tag, "!") != 0 && strcmp(tag, YAML_STR_TAG) != 0;
    Value *v = (plain && !tag) || typed ? yaml_scalar(r->arena, text, len)
                                        : value_new_bytes(r->arena, text, len);
    if (typed && v->kind == VALUE_INT && strcmp(tag, YAML_FLOAT_TAG) == 0) {
        v->real = (double)v->integer;
        v->kind = VALUE_REAL;
    }
    if (!tag_fits(tag, v->kind))
        return bad_tag(r, tag, v->kind);
    return place(r, v);
}

static Value *read_list(Reader *r, size_t depth) {
    Value *list = place(r, value_new(r->arena, VALUE_LIST));
    if (!tag_fits(event_tag(&r->event), VALUE_LIST))
        return bad_tag(r, event_tag(&r->event), VALUE_LIST);
    for (;;) {
        if (next(r) < 0)
            return NULL;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return list;
        Value *item = read_node(r, depth + 1);
        if (!item)
            return NULL;
        value_add(r->arena, list, item);
    }
}

/* --- maps --- */

static int by_key(const void *a, const void *b) {
    const ValuePair *const *x = a, *const *y = b;
    int order = strcmp((*x)->key, (*y)->key);
    return order ? order : (*x > *y) - (*x < *y);
}

/* The pairs of a map in the order of their keys, in the arena. */
static const ValuePair **sorted(Reader *r, const Value *map) {
    const ValuePair **pairs = arena_alloc(r->arena, (map->map.n + 1) * sizeof(*pairs));
    for (size_t i = 0; i < map->map.n; i++)
        pairs[i] = &map->map.at[i];
    qsort(pairs, map->map.n, sizeof(*pairs), by_key);
    return pairs;
}

static int check_duplicates(Reader *r, const Value *map) {
    const ValuePair **pairs = sorted(r, map);
    const ValuePair *first = NULL, *again = NULL;
    for (size_t i = 1; i < map->map.n; i++)
        if (strcmp(pairs[i - 1]->key, pairs[i]->key) == 0 && (!again || pairs[i] < again)) {
            first = pairs[i - 1];
            again = pairs[i];
        }
    if (!again)
        return 0;
    return fail_at(r, again->line, again->column, NULL,
                   "the key \"%.60s\" is given twice, first in line %u", again->key, first->line);
}

static bool has_key(const ValuePair **pairs, size_t n, const char *key) {
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        int order = strcmp(pairs[middle]->key, key);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            n = middle;
    }
    return false;
}

/* `<<: *other`: what the map does not say itself. */
static int merge_map(Reader *r, Value *map, const Value *from) {
    if (from->kind != VALUE_MAP)
        return fail_at(r, from->line, from->column, NULL,
                       "\"<<\" takes a map or a list of maps, not this %s",
                       value_kind_name(from->kind));
    const ValuePair **own = sorted(r, map);
    size_t own_n = map->map.n;
    /* `own` points into an array that value_set may leave behind; in an arena it stays readable. */
    r->nodes += own_n + from->map.n;
    if (r->nodes > MAX_YAML_NODES)
        return fail_at(r, map->line, map->column, NULL,
                       "with its aliases expanded, the file has more than %d values",
                       MAX_YAML_NODES);
    for (size_t i = 0; i < from->map.n; i++) {
        const ValuePair *pair = &from->map.at[i];
        if (has_key(own, own_n, pair->key))
            continue;
        ValuePair *copy = value_set(r->arena, map, pair->key, pair->value);
        copy->line = pair->line;
        copy->column = pair->column;
    }
    return 0;
}

static int merge(Reader *r, Value *map, const Value *from) {
    if (!from)
        return 0;
    if (from->kind != VALUE_LIST)
        return merge_map(r, map, from);
    for (size_t i = 0; i < from->list.n; i++)
        if (merge_map(r, map, from->list.at[i]) < 0)
            return -1;
    return 0;
}

/* Current event: the key. */
static int check_key(Reader *r) {
    if (r->event.type != YAML_SCALAR_EVENT)
        return FAIL(r, NULL, "a key must be a plain name");
    const char *text = (const char *)r->event.data.scalar.value;
    if (strlen(text) != r->event.data.scalar.length)
        return FAIL(r, NULL, "a key contains a NUL character");
    if (event_anchor(&r->event))
        return FAIL(r, NULL, "a key cannot have an anchor");
    return 0;
}

/* One `key: value`; those of `<<` are left in `ret_merge`. */
static int read_pair(Reader *r, size_t depth, Value *map, const Value **ret_merge) {
    if (check_key(r) < 0)
        return -1;
    bool merges = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                  strcmp((const char *)r->event.data.scalar.value, "<<") == 0;
    ValuePair pair = {
        .key = arena_strdup(r->arena, (const char *)r->event.data.scalar.value),
        .line = (uint32_t)r->event.start_mark.line + 1,
        .column = (uint32_t)r->event.start_mark.column + 1,
    };
    if (merges && *ret_merge)
        return FAIL(r, "write one `<<: [*a, *b]`", "the key \"<<\" is given twice");
    if (next(r) < 0)
        return -1;
    pair.value = read_node(r, depth + 1);
    if (!pair.value)
        return -1;
    if (merges)
        *ret_merge = pair.value;
    else
        *value_set(r->arena, map, "", NULL) = pair;
    return 0;
}

static Value *read_map(Reader *r, size_t depth) {
    Value *map = place(r, value_new(r->arena, VALUE_MAP));
    const Value *merged = NULL;
    if (!tag_fits(event_tag(&r->event), VALUE_MAP))
        return bad_tag(r, event_tag(&r->event), VALUE_MAP);
    for (;;) {
        if (next(r) < 0)
            return NULL;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (read_pair(r, depth, map, &merged) < 0)
            return NULL;
    }
    return check_duplicates(r, map) < 0 || merge(r, map, merged) < 0 ? NULL : map;
}

/* --- anchors and aliases --- */

static Value *read_alias(Reader *r, size_t depth) {
    const char *name = (const char *)r->event.data.alias.anchor;
    const Anchor *anchor = map_get(&r->anchors, name);
    if (!anchor) {
        (void)FAIL(r, NULL, "the alias *%.60s names no anchor before it", name);
        return NULL;
    }
    if (!anchor->value) {
        (void)FAIL(r, NULL, "the alias *%.60s stands inside what it names", name);
        return NULL;
    }
    return count(r, anchor->nodes, depth + anchor->depth) < 0 ? NULL : anchor->value;
}

static Value *read_plain_node(Reader *r, size_t depth) {
    switch ((int)r->event.type) {
    case YAML_SCALAR_EVENT: return read_scalar(r);
    case YAML_SEQUENCE_START_EVENT: return read_list(r, depth);
    case YAML_MAPPING_START_EVENT: return read_map(r, depth);
    default: (void)FAIL(r, NULL, "expected a value"); return NULL;
    }
}

static Value *read_node(Reader *r, size_t depth) {
    if (r->event.type == YAML_ALIAS_EVENT)
        return read_alias(r, depth);
    if (count(r, 1, depth) < 0)
        return NULL;
    const char *name = event_anchor(&r->event);
    if (!name)
        return read_plain_node(r, depth);
    Anchor *anchor = arena_alloc(r->arena, sizeof(*anchor));
    (void)map_put(&r->anchors, name, anchor);
    size_t nodes = r->nodes - 1, outer = r->deepest;
    r->deepest = depth;
    Value *v = read_plain_node(r, depth);
    anchor->nodes = r->nodes - nodes;
    anchor->depth = r->deepest - depth;
    anchor->value = v;
    if (outer > r->deepest)
        r->deepest = outer;
    return v;
}

/* --- the document --- */

/* Characters that YAML allows in a text; the rest would be refused by libyaml without a
 * position. */
static bool allowed(const unsigned char *p, size_t n) {
    if (n == 1)
        return *p == '\t' || *p == '\n' || *p == '\r' || (*p >= 0x20 && *p < 0x7f);
    if (n == 2)
        return p[0] != 0xc2 || p[1] >= 0xa0 || p[1] == 0x85;
    return n != 3 || p[0] != 0xef || p[1] != 0xbf || p[2] < 0xbe;
}

static int check_text(Reader *r) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < r->source->size;) {
        const unsigned char *p = (const unsigned char *)r->source->text + i;
        size_t n = utf8_length(r->source->text + i, r->source->size - i);
        if (n == 0)
            return fail_at(r, line, column, "save the file as UTF-8",
                           "the byte 0x%02x here is not UTF-8", *p);
        if (!allowed(p, n) && !(i == 0 && n == 3))
            return fail_at(r, line, column, "in a double-quoted text, write it as \\x..",
                           "the control character 0x%02x cannot stand in YAML", p[n - 1]);
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
        i += n;
    }
    return 0;
}

/* Stream start, one document (or none), stream end. */
static const Value *read_stream(Reader *r) {
    if (next(r) < 0 || next(r) < 0)
        return NULL;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return value_new(r->arena, VALUE_NULL);
    if (next(r) < 0)
        return NULL;
    const Value *v = read_node(r, 1);
    if (!v || next(r) < 0 || next(r) < 0)
        return NULL;
    if (r->event.type != YAML_STREAM_END_EVENT) {
        (void)FAIL(r, "remove the `---`", "a second document begins here; one is expected");
        return NULL;
    }
    return v;
}

int yaml_parse(const YamlText *source, Arena *arena, Report *report, const Value **ret) {
    size_t size = source->size;
    Reader r = {.arena = arena, .report = report, .source = source};
    if (size > MAX_CONFIG_BYTES)
        return fail_at(&r, 1, 1, NULL, "%zu bytes are more than the limit of %d", size,
                       MAX_CONFIG_BYTES);
    if (check_text(&r) < 0)
        return -1;
    if (!yaml_parser_initialize(&r.parser))
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)source->text, size);
    map_init(&r.anchors);
    const Value *v = read_stream(&r);
    map_deinit(&r.anchors);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    if (!v)
        return -1;
    *ret = v;
    return 0;
}
