/* SPDX-License-Identifier: Apache-2.0 */
/* One description per struct. A struct is plain C; a table beside it names each field once:
 *
 *     typedef struct Stop { uint64_t set; int64_t signal; int64_t grace_ms; } Stop;
 *
 *     static const Field stop_fields[] = {
 *         FIELD_SET(Stop),
 *         FIELD(Stop, signal, "signal", t_signal, .dflt = "TERM", .doc = "what is sent first"),
 *         FIELD(Stop, grace_ms, "grace", t_duration, .dflt = "10s", .doc = "time before KILL"),
 *     };
 *     SCHEMA_STRUCT(t_stop, Stop, "Stop", stop_fields);
 *
 * From the table come decoding with positions, defaults, bounds, encoding, the JSON Schema and the
 * reference page. A member whose C type is not the descriptor's is a compile error; a member that
 * no field describes is found by schema_uncovered().
 *
 * C type per descriptor:
 *     t_bool                              bool
 *     t_int, t_duration (ms), t_size      int64_t
 *     t_string                            const char *
 *     t_strings                           StrList
 *     t_env                               StrMap
 *     enums, structs                      the enum, the struct
 *     lists of T, maps of T by name       struct { T *at; size_t n; } */
#pragma once

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/report.h"
#include "data/json.h"
#include "data/strmap.h"
#include "data/value.h"

typedef struct StrList {
    const char **at;
    size_t n;
} StrList;

typedef struct Type Type;
typedef struct Field Field;
typedef struct Decoder Decoder;

typedef enum TypeKind {
    TYPE_BOOL,
    TYPE_INT,
    TYPE_DURATION,
    TYPE_SIZE,
    TYPE_STRING,
    TYPE_STRINGS,
    TYPE_STRING_MAP,
    TYPE_ENUM,
    TYPE_STRUCT,
    TYPE_LIST,   /* of `of` */
    TYPE_MAP,    /* of `of`, a struct one of whose fields is its KEY; in byte order of the keys */
    TYPE_CUSTOM, /* `decode` and `encode` */
} TypeKind;

typedef enum FieldFlag {
    FIELD_REQUIRED = 1 << 0,
    FIELD_SECRET = 1 << 1,   /* masked when shown */
    FIELD_TEMPLATE = 1 << 2, /* {{ … }} is expanded in it */
    FIELD_RESTARTS = 1 << 3, /* change impact: what runs must be started anew */
    /* merge rule of a list: an overlay's items are added; default: they replace */
    FIELD_APPEND = 1 << 4,
    FIELD_KEY = 1 << 5,      /* the member holds the key of the map it is in; not written inside */
    FIELD_INTERNAL = 1 << 6, /* no key of the file: only in what we store ourselves */
    FIELD_SET_BITS = 1 << 7, /* uint64_t: bit i is on if field i was given */
    FIELD_OPTIONAL = 1 << 8, /* not shown unless given; the struct has presence bits */
    FIELD_LINE = 1 << 9,     /* int64_t: the line where the struct begins */
} FieldFlag;

struct Field {
    const char *name; /* the key */
    const Type *type;
    const char *doc;
    const char *dflt; /* a scalar as it would be written, or JSON of a list; NULL: zero */
    size_t offset, size;
    unsigned flags;
    /* Of a number (ms, bytes), of each number of a list, of the length of a string. Both 0: none,
     * but times and sizes are never negative. */
    int64_t min, max;
    /* A further rule for a string or for each string of a list or name of a map. NULL: fine, else
     * what is wrong with it. */
    const char *(*check)(const char *text);
    const char *aka; /* what other tools call it, separated by spaces: for hints only */
};

typedef struct EnumName {
    int value;
    const char *name;
    const char *doc;
} EnumName;

struct Type {
    TypeKind kind;
    const char *name; /* structs: in the JSON Schema and the reference page; others: "duration" */
    size_t size;
    size_t align;
    const Field *fields; /* struct */
    size_t field_n;
    const EnumName *names; /* enum, ends with name NULL */
    const Type *of;        /* list, map */
    /* Shorthands: a scalar (a list) where a struct is expected is the value of this one field; a
     * list where a map is expected is its keys. */
    const char *scalar, *list;
    bool keys;
    bool only_short;      /* the struct has no map form */
    const char *expected; /* "a duration such as 300ms, 10s or 1h30m" */
    /* custom */
    int (*decode)(Decoder *d, const Value *v, void *ret);
    void (*encode)(const void *member, JsonWriter *out);
    const char *json_schema; /* raw JSON for custom types */
};

extern const Type t_bool, t_int, t_duration, t_size, t_string, t_strings, t_env;
typedef bool t_bool_is;
typedef int64_t t_int_is, t_duration_is, t_size_is;
typedef const char *t_string_is;
typedef StrList t_strings_is;
typedef StrMap t_env_is;

/* sizeof of a struct that cannot be compiled if `cond` is false; 0 otherwise. */
#define SCHEMA_ASSERT(cond, text)    \
    (sizeof(struct {                 \
         int x;                      \
         _Static_assert(cond, text); \
     }) *                            \
     0)
#define SCHEMA_SAME(A, B)   __builtin_types_compatible_p(A, B)
#define SCHEMA_MEMBER(S, m) __typeof__(((S *)0)->m)

#define FIELD_RAW(S, m, key, T, cond, ...)                                                    \
    {                                                                                         \
        .name = key, .type = &T,                                                              \
        .offset =                                                                             \
            offsetof(S, m) + SCHEMA_ASSERT(cond, #S "." #m " does not have the type of " #T), \
        .size = sizeof(SCHEMA_MEMBER(S, m)), __VA_ARGS__                                      \
    }
/* A member of the type that T describes. */
#define FIELD(S, m, key, T, ...) \
    FIELD_RAW(S, m, key, T, SCHEMA_SAME(SCHEMA_MEMBER(S, m), T##_is), __VA_ARGS__)
/* A member struct { E *at; size_t n; } for a list or map whose items are of type E. */
#define FIELD_LIST(S, m, key, T, ...) \
    FIELD_RAW(S, m, key, T, SCHEMA_SAME(SCHEMA_MEMBER(S, m.at), T##_is *), __VA_ARGS__)
/* The presence bits of a struct, and the line where it begins. */
#define FIELD_SET(S)                                                              \
    FIELD_RAW(S, set, "set", t_int, SCHEMA_SAME(SCHEMA_MEMBER(S, set), uint64_t), \
              .flags = FIELD_INTERNAL | FIELD_SET_BITS)
#define FIELD_AT(S) FIELD(S, line, "line", t_int, .flags = FIELD_INTERNAL | FIELD_LINE)

/* Defines the Type T of struct S. Also write `typedef S T##_is;`, before a table uses it
 * (SCHEMA_DECLARE). */
#define SCHEMA_DECLARE(T, C) \
    extern const Type T;     \
    typedef C T##_is
#define SCHEMA_STRUCT(T, S, title, table, ...)                     \
    const Type T = {.kind = TYPE_STRUCT,                           \
                    .name = title,                                 \
                    .size = sizeof(S),                             \
                    .align = _Alignof(S),                          \
                    .fields = table,                               \
                    .field_n = sizeof(table) / sizeof((table)[0]), \
                    __VA_ARGS__}
#define SCHEMA_ENUM(T, E, title, table) \
    const Type T = {                    \
        .kind = TYPE_ENUM, .name = title, .size = sizeof(E), .align = _Alignof(E), .names = table}
/* Lists and maps of the struct or scalar `item`; T##_is is the item's C type. */
#define SCHEMA_LIST(T, item)                    \
    const Type T = {.kind = TYPE_LIST,          \
                    .name = "list",             \
                    .size = sizeof(StrList),    \
                    .align = _Alignof(StrList), \
                    .of = &item}
#define SCHEMA_MAP(T, item, ...)                \
    const Type T = {.kind = TYPE_MAP,           \
                    .name = "map",              \
                    .size = sizeof(StrList),    \
                    .align = _Alignof(StrList), \
                    .of = &item,                \
                    __VA_ARGS__}

/* --- decoding --- */

typedef enum UnknownKeys {
    UNKNOWN_ERROR,  /* our own file: an error with a did-you-mean; keys that begin with "x-" pass */
    UNKNOWN_WARN,   /* foreign files: one warning each */
    UNKNOWN_SILENT, /* state files: the caller keeps the Value */
} UnknownKeys;

enum { SCHEMA_PATH_MAX = 512 };

/* Bytes of a struct of `type` of which nothing was given. */
typedef struct StructDefaults {
    const Type *type;
    const void *bytes;
} StructDefaults;

struct Decoder {
    Arena *arena;
    Report *report;
    const char *file;
    const char *overlay; /* the file of what is marked VALUE_OVERLAY; NULL: there is none */
    UnknownKeys unknown;
    bool internal; /* reading what we stored: INTERNAL fields are accepted */
    bool copy;     /* strings are copied: the result outlives the Value */
    /* private */
    char path[SCHEMA_PATH_MAX];
    size_t path_len;
    size_t problems;       /* errors reported so far */
    uint32_t line, column; /* of the innermost value that has a position */
    StructDefaults defaults[32];
    size_t default_n;
};

/* Decodes `v` (NULL: absent) as `type` into `ret` (type->size bytes, made zero first), with
 * defaults, also of what is absent. All problems go to the report; -1 if there was an error.
 * Strings point into `v` (unless d->copy) or the arena, which must outlive the result. */
MUST int schema_decode(Decoder *d, const Type *type, const Value *v, void *ret);

/* For custom decoders: a problem at `v`, under the current path. Returns -1. */
int decode_problem(Decoder *d, const Value *v, const char *hint, const char *format, ...)
    PRINTF(4, 5);

/* Was this key of the struct written? Asserts that the struct has presence bits and such a key. */
bool schema_has(const Type *type, const void *object, const char *key);
/* From now on it counts as written. */
void schema_mark(const Type *type, void *object, const char *key);
void schema_forget(const Type *type, void *object, const char *key); /* ... as not written */

/* --- comparing --- */

bool strlist_same(const StrList *a, const StrList *b);
bool strlist_has(const StrList *list, const char *text);

/* Do both say the same? Where they stand in their files does not count. */
bool schema_same(const Type *type, const void *a, const void *b);
/* ... of one member of the structs `a` and `b` of `type`. */
bool schema_same_field(const Type *type, const Field *field, const void *a, const void *b);

/* --- overlays --- */

/* `low` overlaid with `high`: structs and maps by key, lists replaced or (FIELD_APPEND) appended,
 * the rest replaced; null takes a key away. */
const Value *schema_merge(const Type *type, const Value *low, const Value *high, Arena *arena);

/* --- encoding --- */

/* What stands for the value of a secret, in logs too. */
#define SCHEMA_MASKED "********"

typedef struct EncodeOptions {
    bool camel;    /* camelCase names, as our API has them; else as in the file */
    bool mask;     /* SECRET fields that are set become "********"; of maps and lists the values */
    bool internal; /* with INTERNAL fields: what we store ourselves and read back */
    /* Says whether a key has a meaning for this object; NULL: all have. */
    bool (*applies)(const Type *type, const Field *field, const void *object);
    /* Texts become what this makes of them: strings, and the values of lists, maps and trees; not
     * keys, and not the words of enums. NULL: they stay. */
    const JsonHide *hide;
} EncodeOptions;

void schema_encode(const Type *type, const void *object, const EncodeOptions *options,
                   JsonWriter *out);
/* max_delay → maxDelay. */
const char *schema_camel(const char *name, Arena *arena);

/* --- what else comes from the tables --- */

/* JSON Schema (draft 2020-12) of `type`, with $defs for the structs in it. */
void schema_json_schema(const Type *type, const char *title, JsonWriter *out);
/* A Markdown section with a table per struct, `type` first. */
void schema_markdown(const Type *type, Buf *out);
/* The offset of the first byte that no field describes although it is no padding; -1: all are
 * covered. Recursive. A small member in what would otherwise be padding is not found. `ret_type`
 * is the struct. */
int64_t schema_uncovered(const Type *type, const Type **ret_type);
