/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: read into a Value tree, and written as a stream. */
#pragma once

#include "base/buf.h"
#include "data/json_parse.h"

/* Writes one JSON value into a Buf, piece by piece; commas come by themselves. Too large: the Buf
 * says `failed`.
 *
 *     JsonWriter w;
 *     json_writer_init(&w, &buf);
 *     json_object_begin(&w);
 *     json_kv_string(&w, "name", "api");
 *     json_key(&w, "ports");
 *     json_array_begin(&w);
 *     json_int(&w, 80);
 *     json_array_end(&w);
 *     json_object_end(&w);
 */
typedef struct JsonHide {
    void (*put)(void *arg, const char *text, Buf *out); /* appends what is to be written instead */
    void *arg;
} JsonHide;

typedef struct JsonWriter {
    Buf *out;
    const JsonHide *hide; /* lent; NULL: strings are written as they are. Keys always are */
    bool pretty;          /* 2 spaces per level; may be set after init, before the first value */
    bool comma;           /* something stands before us on this level */
    bool after_key;       /* the next value follows its key */
    uint32_t depth;
} JsonWriter;

void json_writer_init(JsonWriter *w, Buf *out);

/* jansson exports functions of the names that carry this label, and would call ours instead of its
 * own; ours have another name for the linker. */
#define JSON_LABEL(name) __asm__("json_writer_" name)

void json_object_begin(JsonWriter *w);
void json_object_end(JsonWriter *w);
void json_array_begin(JsonWriter *w);
void json_array_end(JsonWriter *w);
void json_key(JsonWriter *w, const char *key);

/* NULL: null. What is not UTF-8 becomes U+FFFD. */
void json_string(JsonWriter *w, const char *text) JSON_LABEL("string");
void json_stringn(JsonWriter *w, const char *bytes, size_t len) JSON_LABEL("stringn");
void json_stringf(JsonWriter *w, const char *format, ...) PRINTF(2, 3);
void json_int(JsonWriter *w, int64_t n);
/* What JSON cannot say (nan, inf): null. */
void json_real(JsonWriter *w, double n) JSON_LABEL("real");
void json_bool(JsonWriter *w, bool b);
void json_null(JsonWriter *w) JSON_LABEL("null");
/* One complete value, written as it is. */
void json_raw(JsonWriter *w, const char *json, size_t len);
/* The complete value whose `size` bytes stand in the Buf at `from`, once more. */
void json_repeat(JsonWriter *w, size_t from, size_t size);
/* What JSON cannot say otherwise: a string in base64. */
void json_base64(JsonWriter *w, const char *bytes, size_t len);
void json_value(JsonWriter *w, const Value *v); /* NULL: null */

/* A member of an object. */
void json_kv_string(JsonWriter *w, const char *key, const char *text);
void json_kv_int(JsonWriter *w, const char *key, int64_t n);
void json_kv_bool(JsonWriter *w, const char *key, bool b);
void json_kv_object(JsonWriter *w, const char *key); /* key and json_object_begin */
void json_kv_array(JsonWriter *w, const char *key);  /* key and json_array_begin */
