/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http_uri.h"

#include "base/limits.h"

#include <stdbool.h>
#include <string.h>

static int hex(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes `n` bytes. In a query '+' is a space. NULL: refused. */
static const char *decode(const char *text, size_t n, bool query, Arena *arena, Err *err) {
    char *out = arena_alloc(arena, n + 1), *to = out;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '+' && query) {
            *to++ = ' ';
        } else if (text[i] != '%') {
            *to++ = text[i];
        } else {
            int high = i + 2 < n ? hex(text[i + 1]) : -1;
            int low = i + 2 < n ? hex(text[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                err_set(err, ERR_INVALID,
                        "the path has a percent sign that does not begin a character");
                return NULL;
            }
            *to++ = (char)(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

static int check_bytes(const char *text, Err *err) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p <= ' ' || *p == 0x7f || *p == '#')
            return err_set(err, ERR_INVALID,
                           "the path has a character that must be percent-encoded (%02x)", *p);
    return 0;
}

static int parse_path(const char *text, size_t n, Arena *arena, StrList *ret, Err *err) {
    const char **at = arena_alloc(arena, MAX_URI_SEGMENTS * sizeof(*at));
    size_t count = 0, i = 0;
    while (i < n) {
        const char *start = text + ++i; /* behind the slash */
        while (i < n && text[i] != '/')
            i++;
        size_t len = (size_t)(text + i - start);
        if (!len && i == n)
            break;
        if (count == MAX_URI_SEGMENTS)
            return err_set(err, ERR_LIMIT, "the path has more than %d segments", MAX_URI_SEGMENTS);
        at[count] = decode(start, len, false, arena, err);
        if (!at[count++])
            return -1;
    }
    *ret = (StrList){at, count};
    return 0;
}

static int parse_query(const char *text, Arena *arena, Uri *ret, Err *err) {
    StrPair *at = arena_alloc(arena, MAX_URI_PARAMS * sizeof(*at));
    size_t count = 0;
    while (*text) {
        size_t n = strcspn(text, "&"), name = strcspn(text, "=&");
        if (count == MAX_URI_PARAMS)
            return err_set(err, ERR_LIMIT, "more than %d query parameters", MAX_URI_PARAMS);
        at[count].name = decode(text, name, true, arena, err);
        at[count].value = name < n ? decode(text + name + 1, n - name - 1, true, arena, err) : "";
        if (!at[count].name || !at[count].value)
            return -1;
        count += n > 0;
        text += n + (text[n] == '&');
    }
    ret->query = at;
    ret->query_n = count;
    return 0;
}

int uri_parse(const char *text, Arena *arena, Uri *ret, Err *err) {
    Uri uri = {.query_n = 0};
    if (text[0] != '/')
        return err_set(err, ERR_INVALID, "the request line must name a path that begins with /");
    if (check_bytes(text, err) < 0)
        return -1;
    size_t n = strcspn(text, "?");
    if (parse_path(text, n, arena, &uri.path, err) < 0)
        return -1;
    if (text[n] && parse_query(text + n + 1, arena, &uri, err) < 0)
        return -1;
    *ret = uri;
    return 0;
}

const char *uri_param(const Uri *uri, const char *name) {
    for (size_t i = 0; i < uri->query_n; i++)
        if (strcmp(uri->query[i].name, name) == 0)
            return uri->query[i].value;
    return NULL;
}
