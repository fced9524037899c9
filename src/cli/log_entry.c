/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_entry.h"

#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "data/json.h"

static LogStreamKind stream_of(const char *name) {
    static const char *const names[] = {
        [LOG_GAP] = "gap", [LOG_OUT] = "out", [LOG_ERR] = "err", [LOG_END] = "end"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_same(names[i], name))
            return (LogStreamKind)i;
    return LOG_OUT;
}

/* ---- scanned ---- */

typedef struct Scan {
    const char *at, *end;
    Arena *arena;
} Scan;

static bool take(Scan *scan, const char *text) {
    size_t n = strlen(text);
    if ((size_t)(scan->end - scan->at) < n || memcmp(scan->at, text, n) != 0)
        return false;
    scan->at += n;
    return true;
}

static bool take_number(Scan *scan, int64_t *ret) {
    const char *begin = scan->at;
    int64_t n = 0;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++) {
        if (scan->at - begin > 17)
            return false;
        n = n * 10 + (*scan->at - '0');
    }
    *ret = n;
    return scan->at > begin;
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands behind a backslash, as our server writes it. */
static bool take_escape(Scan *scan, char *ret) {
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *name = scan->at < scan->end ? strchr(names, *scan->at) : NULL;
    if (name && *name) {
        *ret = bytes[name - names];
        scan->at++;
        return true;
    }
    if (!take(scan, "u00") || scan->end - scan->at < 2)
        return false;
    int high = hex(scan->at[0]), low = hex(scan->at[1]);
    *ret = (char)(high * 16 + low);
    scan->at += 2;
    return high >= 0 && high < 8 && low >= 0;
}

/* A string, from behind its quote to behind the next. */
static bool take_string(Scan *scan, const char **ret, size_t *ret_n) {
    const char *begin = scan->at, *end = memchr(begin, '"', (size_t)(scan->end - begin));
    if (!end)
        return false;
    if (!memchr(begin, '\\', (size_t)(end - begin))) {
        *ret = begin;
        *ret_n = (size_t)(end - begin);
        scan->at = end + 1;
        return true;
    }
    char *text = arena_alloc(scan->arena, (size_t)(scan->end - begin));
    size_t n = 0;
    while (scan->at < scan->end && *scan->at != '"') {
        char c = *scan->at++;
        if (c == '\\' && !take_escape(scan, &c))
            return false;
        text[n++] = c;
    }
    *ret = text;
    *ret_n = n;
    return take(scan, "\"");
}

static bool take_name(Scan *scan, const char **ret) {
    size_t n;
    if (!take_string(scan, ret, &n) || memchr(*ret, '\0', n))
        return false;
    *ret = arena_strndup(scan->arena, *ret, n);
    return true;
}

static bool scan_entry(Scan *scan, LogEntry *ret) {
    const char *stream;
    if (!take(scan, "{\"target\":\"") || !take_name(scan, &ret->target) ||
        !take(scan, ",\"object\":\"") || !take_name(scan, &ret->object) ||
        !take(scan, ",\"run\":") || !take_number(scan, &ret->run) || !take(scan, ",\"offset\":") ||
        !take_number(scan, &ret->offset))
        return false;
    ret->from = ret->offset;
    if (take(scan, ",\"from\":") && !take_number(scan, &ret->from))
        return false;
    if (!take(scan, ",\"time\":\"") || !take_name(scan, &ret->time) ||
        !take(scan, ",\"stream\":\"") || !take_name(scan, &stream) || !take(scan, ",\"text\":\"") ||
        !take_string(scan, &ret->bytes, &ret->size))
        return false;
    ret->stream = stream_of(stream);
    ret->partial = take(scan, ",\"partial\":true");
    return take(scan, "}") && scan->at == scan->end;
}

/* ---- as any JSON ---- */

static bool parse_entry(Arena *arena, LogEntry *ret) {
    const Value *line;
    if (json_parse(ret->json, ret->json_size, arena, &line, NULL) < 0)
        return false;
    const char *coded = value_get_str(line, "base64");
    const Value *text = value_get(line, "text");
    ret->target = value_get_str(line, "target");
    ret->object = value_get_str(line, "object");
    ret->time = value_get_str(line, "time");
    ret->run = value_get_int(line, "run", 0);
    ret->offset = value_get_int(line, "offset", 0);
    ret->from = value_get_int(line, "from", ret->offset);
    ret->stream = stream_of(value_get_str(line, "stream"));
    ret->partial = value_get_bool(line, "partial", false);
    ret->bytes = value_str(text);
    ret->size = value_str(text) ? text->len : 0;
    if (coded)
        ret->bytes = base64_decode(coded, arena, &ret->size);
    return ret->target && ret->object && ret->time && ret->bytes;
}

bool log_entry_read(const char *json, size_t size, Arena *arena, LogEntry *ret) {
    Scan scan = {.at = json, .end = json + size, .arena = arena};
    *ret = (LogEntry){.json = json, .json_size = size};
    return scan_entry(&scan, ret) || parse_entry(arena, ret);
}
