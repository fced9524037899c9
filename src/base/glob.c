/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "base/xalloc.h"

enum { BRACES_MAX = 32 }; /* in one glob: each is copied for every way it can be read */

typedef struct Way {
    char *pattern; /* braces resolved, normal; "": everything */
    char *base;    /* unescaped */
} Way;

struct GlobSet {
    VEC(Way) ways, taken_away;
};

/* ---- one name ---- */

/* Bytes of the character at `at`: a broken one counts as one byte. */
static size_t char_size(const char *at, const char *end) {
    unsigned char c = (unsigned char)*at;
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, i = 1;
    while (i < n && at + i < end && ((unsigned char)at[i] & 0xc0) == 0x80)
        i++;
    return i == n ? n : 1;
}

/* The end of a [class] that begins at `at`, behind its bracket; NULL: it is not closed. */
static const char *class_end(const char *at, const char *end) {
    at++;
    if (at < end && (*at == '!' || *at == '^'))
        at++;
    if (at < end && *at == ']')
        at++;
    for (; at < end && *at != ']'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : NULL;
}

static int compare_chars(const char *a, size_t a_n, const char *b, size_t b_n) {
    int order = memcmp(a, b, a_n < b_n ? a_n : b_n);
    return order ? order : (a_n > b_n) - (a_n < b_n);
}

/* `a-z`, or one character as both its ends. */
typedef struct Range {
    const char *low, *high;
    size_t low_n, high_n;
} Range;

/* The range at `at`, which ends before `end`; returns what is behind it. */
static const char *range(const char *at, const char *end, Range *ret) {
    at += *at == '\\' && at + 1 < end;
    size_t n = char_size(at, end);
    *ret = (Range){at, at, n, n};
    at += n;
    if (at + 1 < end && *at == '-') {
        ret->high = at + 1 + (at[1] == '\\' && at + 2 < end);
        ret->high_n = char_size(ret->high, end);
        at = ret->high + ret->high_n;
    }
    return at;
}

/* UTF-8 sorts as its code points do, so ranges can be compared as bytes. */
static bool class_has(const char *at, const char *end, const char *c, size_t c_n) {
    bool negated = *++at == '!' || *at == '^', has = false;
    Range r;
    at += negated;
    for (end--; at < end;) {
        at = range(at, end, &r);
        has |= compare_chars(r.low, r.low_n, c, c_n) <= 0 &&
               compare_chars(c, c_n, r.high, r.high_n) <= 0;
    }
    return has != negated;
}

/* A range of it that no character is in, such as z-a; false: there is none. */
static bool class_backward(const char *at, const char *end, Range *ret) {
    at++;
    at += *at == '!' || *at == '^';
    for (end--; at < end;) {
        at = range(at, end, ret);
        if (compare_chars(ret->low, ret->low_n, ret->high, ret->high_n) > 0)
            return true;
    }
    return false;
}

/* The pattern's next element against the name's next character: how far both go; false: it does not
 * match. */
static bool element(const char **pattern, const char *pattern_end, const char **name,
                    const char *name_end) {
    const char *p = *pattern, *close = *p == '[' ? class_end(p, pattern_end) : NULL;
    size_t n = char_size(*name, name_end);
    if (close) {
        if (!class_has(p, close, *name, n))
            return false;
        p = close;
    } else if (*p == '?') {
        p++;
    } else {
        p += *p == '\\' && p + 1 < pattern_end;
        n = 1;
        if (*p++ != **name)
            return false;
    }
    *pattern = p;
    *name += n;
    return true;
}

bool glob_name_match(const char *p, const char *p_end, const char *s, const char *s_end) {
    const char *star = NULL, *star_s = NULL; /* the last star, and where it ends for now */
    while (s < s_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_s = s;
        } else if (p == p_end || !element(&p, p_end, &s, s_end)) {
            if (!star)
                return false;
            p = star;
            s = ++star_s;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

/* ---- a path ---- */

static const char *name_end(const char *at) {
    return at + strcspn(at, "/");
}

/* A slash in a [class] is no separator, so classes never reach beyond a name: glob_check sees to
 * it. */
static const char *next(const char *end) {
    return *end ? end + 1 : end;
}

static bool is_deep(const char *p, const char *p_end) {
    return p_end - p == 2 && p[0] == '*' && p[1] == '*';
}

/* As with one name, only the last ** ever needs to be tried at another place. */
bool glob_path_match(const char *p, const char *s, bool prefix) {
    const char *deep = NULL, *deep_s = NULL;
    while (*s) {
        const char *p_end = name_end(p), *s_end = name_end(s);
        if (*p && is_deep(p, p_end)) {
            deep = p = next(p_end);
            deep_s = s;
            if (!*p)
                return true;
        } else if (*p && glob_name_match(p, p_end, s, s_end)) {
            p = next(p_end);
            s = next(s_end);
            if (!*p && prefix)
                return true;
        } else if (!deep || !*deep_s) {
            return !*p && prefix;
        } else {
            p = deep;
            s = deep_s = next(name_end(deep_s));
        }
    }
    return !*p;
}

/* Does the pattern lead into this directory, or is the directory below what it matches? */
static bool enters(const char *p, const char *dir) {
    for (; *p && *dir; p = next(name_end(p)), dir = next(name_end(dir))) {
        if (is_deep(p, name_end(p)))
            return true;
        if (!glob_name_match(p, name_end(p), dir, name_end(dir)))
            return false;
    }
    return true;
}

/* ---- from text to patterns ---- */

/* The comma or brace that ends the alternative at `at`; NULL: it does not end. */
static const char *alternative_end(const char *at) {
    for (int depth = 0; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '{')
            depth++;
        else if ((*at == '}' && depth-- == 0) || (*at == ',' && depth == 0))
            return at;
    }
    return NULL;
}

static const char *first_brace(const char *at) {
    for (; *at && *at != '{'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at : NULL;
}

static const char *brace_end(const char *brace) {
    const char *at = brace;
    while (at && *at != '}')
        at = alternative_end(at + 1);
    return at;
}

typedef VEC(char *) Texts;

/* Every way to read the braces, each owned. */
static int expand(const char *text, Texts *ret, Err *err) {
    const char *brace = first_brace(text), *close = brace ? brace_end(brace) : NULL;
    if (ret->n >= GLOB_WAYS_MAX || strlen(text) > GLOB_MAX)
        return err_set(err, ERR_LIMIT, "its braces come to more than %d globs", GLOB_WAYS_MAX);
    if (!brace) {
        VEC_PUSH(*ret, xstrdup(text));
        return 0;
    }
    if (!close)
        return err_set(err, ERR_INVALID, "a { is not closed; \\{ is a plain one");
    for (const char *at = brace; at != close;) {
        const char *from = at + 1;
        Buf buf;
        at = alternative_end(from);
        buf_init(&buf, 2 * GLOB_MAX + 2);
        buf_printf(&buf, "%.*s%.*s%s", (int)(brace - text), text, (int)(at - from), from,
                   close + 1);
        int r = expand(buf_cstr(&buf), ret, err);
        buf_deinit(&buf);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* Without "./", "//" and a slash at the end. */
static void normalize(char *text) {
    char *to = text;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "/");
        if (n && !(n == 1 && *at == '.')) {
            if (to != text)
                *to++ = '/';
            memmove(to, at, n);
            to += n;
        }
        at += n;
        at += strspn(at, "/");
    }
    *to = '\0';
}

static int check_name(const char *name, const char *end, Err *err) {
    if (end - name == 2 && name[0] == '.' && name[1] == '.')
        return err_set(err, ERR_INVALID, "it leads out of the project; link to what is outside");
    for (const char *at = name; at < end; at++) {
        if (*at == '\\' && ++at == end)
            return err_set(err, ERR_INVALID, "nothing follows its last \\");
        const char *close = *at == '[' ? class_end(at, end) : at + 1;
        if (!close)
            return err_set(err, ERR_INVALID, "a [ is not closed; \\[ is a plain one");
        Range r;
        if (*at == '[' && class_backward(at, close, &r))
            return err_set(err, ERR_INVALID,
                           "the range %.*s is empty: its ends are the wrong way "
                           "round",
                           (int)(r.high + r.high_n - r.low), r.low);
        at = close - 1;
    }
    return 0;
}

static int check_way(const char *way, Err *err) {
    for (const char *at = way; *at; at = next(name_end(at)))
        if (check_name(at, name_end(at), err) < 0)
            return -1;
    return 0;
}

static size_t count_braces(const char *glob) {
    size_t n = 0;
    for (const char *at = glob; *at; at++)
        n += *at == '{';
    return n;
}

/* `glob` without its "!", as ways that are each checked. */
static int resolve(const char *glob, Texts *ret, Err *err) {
    if (!*glob)
        return err_set(err, ERR_INVALID, "it is empty; \".\" is everything");
    if (*glob == '/')
        return err_set(err, ERR_INVALID, "it is absolute; globs are relative to the project");
    if (strlen(glob) > GLOB_MAX)
        return err_set(err, ERR_LIMIT, "it has more than %d bytes", GLOB_MAX);
    if (count_braces(glob) > BRACES_MAX)
        return err_set(err, ERR_LIMIT, "it has more than %d braces", BRACES_MAX);
    if (expand(glob, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < ret->n; i++) {
        if (ret->at[i][0] == '/')
            return err_set(err, ERR_INVALID, "it is absolute; globs are relative to the project");
        normalize(ret->at[i]);
        if (check_way(ret->at[i], err) < 0)
            return -1;
    }
    return 0;
}

static void texts_deinit(Texts *texts) {
    for (size_t i = 0; i < texts->n; i++)
        free(texts->at[i]);
    VEC_FREE(*texts);
}

int glob_check(const char *glob, Err *err) {
    Texts texts = {0};
    int r = resolve(glob + (*glob == '!'), &texts, err);
    texts_deinit(&texts);
    return r;
}

static char *make_base(const char *pattern) {
    char *base = xstrdup(pattern), *to = base;
    for (const char *at = pattern; *at; at = next(name_end(at))) {
        const char *end = name_end(at);
        char *name = to;
        if (to != base)
            *to++ = '/';
        for (; at < end && !strchr("*?[", *at); at++) {
            at += *at == '\\' && at + 1 < end;
            *to++ = *at;
        }
        if (at < end) { /* a wildcard: the base is what was before */
            to = name;
            break;
        }
    }
    *to = '\0';
    return base;
}

static int add(GlobSet *set, const char *glob, Err *err) {
    Texts texts = {0};
    bool away = *glob == '!';
    if (resolve(glob + away, &texts, err) < 0) {
        texts_deinit(&texts);
        return err_in(err, "\"%s\"", glob);
    }
    for (size_t i = 0; i < texts.n; i++) {
        Way way = {.pattern = texts.at[i], .base = make_base(texts.at[i])};
        if (away)
            VEC_PUSH(set->taken_away, way);
        else
            VEC_PUSH(set->ways, way);
    }
    VEC_FREE(texts);
    return 0;
}

GlobSet *glob_set_new(const char *const *globs, size_t n, Err *err) {
    GlobSet *set = xcalloc(1, sizeof(*set));
    for (size_t i = 0; i < n; i++)
        if (add(set, globs[i], err) < 0)
            return glob_set_free(set);
    return set;
}

GlobSet *glob_set_free(GlobSet *set) {
    if (!set)
        return NULL;
    for (size_t i = 0; i < set->ways.n; i++) {
        free(set->ways.at[i].pattern);
        free(set->ways.at[i].base);
    }
    for (size_t i = 0; i < set->taken_away.n; i++) {
        free(set->taken_away.at[i].pattern);
        free(set->taken_away.at[i].base);
    }
    VEC_FREE(set->ways);
    VEC_FREE(set->taken_away);
    free(set);
    return NULL;
}

static bool taken_away(const GlobSet *set, const char *path) {
    for (size_t i = 0; i < set->taken_away.n; i++)
        if (glob_path_match(set->taken_away.at[i].pattern, path, true))
            return true;
    return false;
}

static bool match_one(const GlobSet *set, size_t i, const char *path) {
    const char *pattern = set->ways.at[i].pattern;
    return (!*pattern || glob_path_match(pattern, path, true)) && !taken_away(set, path);
}

bool glob_set_match(const GlobSet *set, const char *path) {
    for (size_t i = 0; i < set->ways.n; i++)
        if (match_one(set, i, path))
            return true;
    return false;
}

bool glob_set_enters(const GlobSet *set, const char *dir) {
    for (size_t i = 0; i < set->ways.n; i++)
        if (enters(set->ways.at[i].pattern, dir))
            return !*dir || !taken_away(set, dir);
    return false;
}

bool glob_set_names(const GlobSet *set, const char *path) {
    size_t n = strlen(path);
    for (size_t i = 0; i < set->ways.n; i++) {
        const char *base = set->ways.at[i].base;
        if (!n || (strncmp(base, path, n) == 0 && (!base[n] || base[n] == '/')))
            return true;
    }
    return false;
}
