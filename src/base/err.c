/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *reason;
    int http, exit_code;
} kinds[] = {
    [ERR_NONE] = {"", 200, 0},
    [ERR_INVALID] = {"Invalid", 422, 2},
    [ERR_NOT_FOUND] = {"NotFound", 404, 2},
    [ERR_CONFLICT] = {"Conflict", 409, 3},
    [ERR_DENIED] = {"Forbidden", 403, 3},
    [ERR_UNAVAILABLE] = {"ServiceUnavailable", 503, 3},
    [ERR_TIMEOUT] = {"Timeout", 504, 4},
    [ERR_CANCELLED] = {"Cancelled", 499, 130},
    [ERR_LIMIT] = {"RequestEntityTooLarge", 413, 3},
    [ERR_INTERNAL] = {"InternalError", 500, 3},
    [ERR_FAILED] = {"Failed", 500, 1},
};

const char *err_reason(ErrKind kind) {
    return kinds[kind].reason;
}

ErrKind err_kind_of_reason(const char *reason) {
    for (size_t i = ERR_NONE + 1; reason && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].reason, reason) == 0)
            return (ErrKind)i;
    return ERR_NONE;
}

int err_http(ErrKind kind) {
    return kinds[kind].http;
}

int err_exit_code(ErrKind kind) {
    return kinds[kind].exit_code;
}

int err_set(Err *err, ErrKind kind, const char *format, ...) {
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->kind = kind;
    vsnprintf(err->msg, sizeof(err->msg), format, args);
    va_end(args);
    return -1;
}

ErrKind err_kind_of(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH: return ERR_NOT_FOUND;
    case EEXIST:
    case EBUSY:
    case EADDRINUSE: return ERR_CONFLICT;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR: return ERR_INVALID;
    case ETIMEDOUT: return ERR_TIMEOUT;
    case ECANCELED: return ERR_CANCELLED;
    case E2BIG:
    case EFBIG:
    case EMSGSIZE: return ERR_LIMIT;
    default: return ERR_UNAVAILABLE;
    }
}

/* strerror begins with a capital; a sentence goes on in lower case. */
static void append_errno(char *text, size_t size, int number) {
    size_t at = strlen(text);
    const char *why = strerror(number);
    if (at + 3 >= size)
        return;
    snprintf(text + at, size - at, ": %s", why);
    if (why[0] >= 'A' && why[0] <= 'Z' && !(why[1] >= 'A' && why[1] <= 'Z'))
        text[at + 2] = (char)(why[0] - 'A' + 'a');
}

int err_sys(Err *err, int number, const char *format, ...) {
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->kind = err_kind_of(number);
    vsnprintf(err->msg, sizeof(err->msg), format, args);
    va_end(args);
    append_errno(err->msg, sizeof(err->msg), number);
    return -1;
}

int err_in(Err *err, const char *format, ...) {
    if (!err)
        return -1;
    char old[sizeof(err->msg)];
    memcpy(old, err->msg, sizeof(old));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->msg, sizeof(err->msg), format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(err->msg))
        snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %.*s",
                 (int)(sizeof(err->msg) - (size_t)n), old);
    return -1;
}

int err_suggest(Err *err, const char *like, const char *otherwise) {
    size_t n = err ? strlen(err->msg) : 0;
    if (err && like)
        snprintf(err->msg + n, sizeof(err->msg) - n, "; did you mean %s?", like);
    else if (err)
        snprintf(err->msg + n, sizeof(err->msg) - n, "%s", otherwise);
    return -1;
}
