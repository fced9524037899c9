/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/environment_name.h"

#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "spec/digest.h"

enum { SLUG_TEXT = 40, HASH_DIGITS = 6 };

static const char refused[] = "\\:*?\"<>|'`$&;(){}[]!#~^";

/* NULL: every byte of it may stand there. */
static const char *wrong_character(const char *name, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t n = utf8_length(name + i, size - i);
        if (n == 0)
            return "must be UTF-8";
        if (utf8_blank(name + i, n))
            return "cannot contain blanks";
        if (utf8_hidden(name + i, n))
            return "cannot contain characters that nobody sees";
        i += n;
    }
    return NULL;
}

/* Is there an empty, "." or ".." part between slashes? */
static bool wanders(const char *name) {
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return true;
        part += n;
        if (!*part)
            return false;
    }
}

/* ... and NULL: it is a name. */
static const char *wrong_shape(const char *name) {
    if (strchr("-./", *name))
        return "cannot begin with '-', '.' or '/'";
    if (str_ends(name, "/") || str_ends(name, ".") || str_ends(name, ".lock"))
        return "cannot end with '/', '.' or \".lock\"";
    return wanders(name) ? "cannot have an empty, \".\" or \"..\" part between slashes" : NULL;
}

int environment_name_check(const char *name, Err *err) {
    size_t size = strlen(name), bad = strcspn(name, refused);
    if (size == 0)
        return err_set(err, ERR_INVALID, "the name of an environment cannot be empty");
    const char *wrong = wrong_character(name, size);
    if (wrong) /* not shown: a terminal would obey it */
        return err_set(err, ERR_INVALID, "the name of an environment %s", wrong);
    if (size > ENVIRONMENT_NAME_MAX)
        return err_set(err, ERR_INVALID,
                       "the name of an environment cannot be longer than %d bytes; this has %zu",
                       ENVIRONMENT_NAME_MAX, size);
    if (name[bad])
        return err_set(err, ERR_INVALID, "the name of an environment cannot contain %c: \"%s\"",
                       name[bad], name);
    wrong = wrong_shape(name);
    if (wrong)
        return err_set(err, ERR_INVALID, "the name of an environment %s: \"%s\"", wrong, name);
    return 0;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Does it look like what another name was made of? */
static bool ends_like_hash(const char *text) {
    size_t size = strlen(text);
    return size > HASH_DIGITS && text[size - HASH_DIGITS - 1] == '-' &&
           strspn(text + size - HASH_DIGITS, "0123456789abcdef") == HASH_DIGITS;
}

static const char *with_hash(const char *text, const char *name, Arena *arena) {
    char digits[HASH_DIGITS + 1];
    digest_hex(name, digits, HASH_DIGITS);
    return arena_printf(arena, "%s-%s", text, digits);
}

const char *environment_slug(const char *name, Arena *arena) {
    char *text = arena_alloc(arena, SLUG_TEXT + 2);
    size_t n = 0;
    for (const char *p = name; *p && n < SLUG_TEXT; p++) {
        if (plain(lower(*p)))
            text[n++] = lower(*p);
        else if (n > 0 && text[n - 1] != '-')
            text[n++] = '-';
    }
    while (n > 0 && text[n - 1] == '-')
        n--;
    text[n] = '\0';
    if (strcmp(text, name) == 0 && !ends_like_hash(name))
        return text;
    return with_hash(n ? text : "env", name, arena);
}

const char *environment_sanitize(const char *name, Arena *arena) {
    char *text = arena_strdup(arena, name);
    for (char *p = text; *p; p++) {
        *p = lower(*p);
        if (!plain(*p) && *p != '-' && *p != '_')
            *p = '_';
    }
    return text;
}

const char *environment_compose_project(const char *project, const char *name, Arena *arena) {
    const char *text = environment_sanitize(arena_printf(arena, "%s-%s", project, name), arena);
    text += strspn(text, "-_");
    if (!*text)
        text = "env";
    return strcmp(environment_sanitize(name, arena), name) == 0 ? text
                                                                : with_hash(text, name, arena);
}

const char *environment_variable(const char *name, Arena *arena) {
    char *text = arena_strdup(arena, name);
    for (char *p = text; *p; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
        if (!(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9'))
            *p = '_';
    }
    return text;
}
