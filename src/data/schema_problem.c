/* SPDX-License-Identifier: Apache-2.0 */
/* Where the decoder is, and what it says there. */
#include <stdarg.h>
#include <stdio.h>

#include "data/schema_decode.h"

/* --- the path --- */

size_t decode_enter(Decoder *d, const char *key) {
    size_t before = d->path_len;
    size_t room = sizeof(d->path) - before;
    int n = snprintf(d->path + before, room, before ? ".%s" : "%s", key);
    d->path_len = n < 0 ? before : before + ((size_t)n < room ? (size_t)n : room - 1);
    return before;
}

size_t decode_enter_item(Decoder *d, size_t i) {
    size_t before = d->path_len;
    size_t room = sizeof(d->path) - before;
    int n = snprintf(d->path + before, room, "[%zu]", i);
    d->path_len = n < 0 ? before : before + ((size_t)n < room ? (size_t)n : room - 1);
    return before;
}

void decode_leave(Decoder *d, size_t before) {
    d->path_len = before;
    d->path[before] = 0;
}

/* --- problems --- */

Place decode_place(const Decoder *d, uint32_t line, uint32_t column) {
    return (Place){.file = line & VALUE_OVERLAY ? d->overlay : d->file,
                   .line = line & ~VALUE_OVERLAY,
                   .column = column,
                   .path = d->path};
}

PRINTF(5, 0)
static void vproblem(Decoder *d, uint32_t line, uint32_t column, const char *hint,
                     const char *format, va_list args) {
    char text[512];
    vsnprintf(text, sizeof(text), format, args);
    d->problems++;
    Place place = decode_place(d, line, column);
    report_add(d->report, &place, hint, "%s", text);
}

int decode_problem(Decoder *d, const Value *v, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (v && v->line)
        vproblem(d, v->line, v->column, hint, format, args);
    else
        vproblem(d, d->line, d->column, hint, format, args);
    va_end(args);
    return -1;
}

void decode_problem_at(Decoder *d, uint32_t line, uint32_t column, const char *hint,
                       const char *format, ...) {
    va_list args;
    va_start(args, format);
    vproblem(d, line, column, hint, format, args);
    va_end(args);
}

const char *decode_found(Decoder *d, const Value *v) {
    switch (v->kind) {
    case VALUE_NULL: return "nothing";
    case VALUE_BOOL: return arena_printf(d->arena, "the boolean %s", v->text);
    case VALUE_INT:
    case VALUE_REAL: return arena_printf(d->arena, "the number %.40s", v->text);
    case VALUE_STRING: return arena_printf(d->arena, "\"%.60s\"", v->text);
    case VALUE_LIST: return "a list";
    case VALUE_MAP: return "a map";
    }
    UNREACHABLE();
}

void decode_expected(Decoder *d, const char *what, const Value *v) {
    if (value_is(v, VALUE_NULL))
        decode_problem(d, v, "give it one, or remove the key", "has no value; expected %s", what);
    else
        decode_problem(d, v, NULL, "expected %s, got %s", what, decode_found(d, v));
}
