/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yaml_scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(*words, text) == 0)
            return true;
    return false;
}

static bool all_digits(const char *text, int base) {
    if (!*text)
        return false;
    for (; *text; text++) {
        int c = (unsigned char)*text;
        int digit = isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : 99;
        if (digit >= base)
            return false;
    }
    return true;
}

static const char *unsigned_part(const char *text) {
    return *text == '+' || *text == '-' ? text + 1 : text;
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ */
static bool is_int(const char *text, int *ret_base, const char **ret_digits) {
    *ret_digits = text;
    *ret_base = 10;
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
        *ret_base = text[1] == 'o' ? 8 : 16;
        *ret_digits = text + 2;
        return all_digits(text + 2, *ret_base);
    }
    return all_digits(unsigned_part(text), 10);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_real(const char *text) {
    const char *p = unsigned_part(text);
    size_t whole = strspn(p, "0123456789");
    p += whole;
    if (*p == '.') {
        size_t part = strspn(++p, "0123456789");
        if (whole + part == 0)
            return false;
        p += part;
    } else if (whole == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E')
        return all_digits(unsigned_part(p + 1), 10);
    return *p == 0;
}

static bool special_real(const char *text, double *ret) {
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    if (one_of(text, nans))
        *ret = NAN;
    else if (one_of(unsigned_part(text), infinities))
        *ret = *text == '-' ? -INFINITY : INFINITY;
    else
        return false;
    return true;
}

static void number(Value *v, const char *text) {
    int base;
    const char *digits;
    if (is_int(text, &base, &digits)) {
        errno = 0;
        v->integer = strtoll(digits, NULL, base);
        v->kind = VALUE_INT;
        if (errno != ERANGE)
            return;
        v->kind = VALUE_REAL; /* beyond 64 bits */
        v->real = strtod(text, NULL);
    } else if (is_real(text)) {
        v->kind = VALUE_REAL;
        v->real = strtod(text, NULL);
    } else if (special_real(text, &v->real)) {
        v->kind = VALUE_REAL;
    }
}

Value *yaml_scalar(Arena *arena, const char *text, size_t len) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    Value *v = value_new_bytes(arena, text, len);
    if (strlen(v->text) != len)
        return v;
    if (one_of(v->text, nulls)) {
        v->kind = VALUE_NULL;
    } else if (one_of(v->text, trues) || one_of(v->text, falses)) {
        v->kind = VALUE_BOOL;
        v->boolean = tolower((unsigned char)*text) == 't';
    } else {
        number(v, v->text);
    }
    return v;
}
