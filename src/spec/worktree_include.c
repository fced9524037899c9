/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/worktree_include.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/ignore.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/xalloc.h"

typedef struct Line {
    size_t number;
    char *text;
    Ignore *rule;
    bool used;
} Line;

struct WorktreeInclude {
    Ignore *rules, *links; /* links: only those lines, and what takes back */
    VEC(Line) lines;       /* that bring something */
};

/* The lines as they are without WORKTREE_LINK; with `only_links` those that had it, and those with
 * '!'. */
static Ignore *parse(const char *text, size_t size, bool only_links) {
    Buf buf;
    buf_init(&buf, size + 1);
    for (const char *at = text, *end = text + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline + 1 : end;
        bool link = (size_t)(stop - at) > strlen(WORKTREE_LINK) &&
                    memcmp(at, WORKTREE_LINK, strlen(WORKTREE_LINK)) == 0;
        if (link || !only_links || *at == '!')
            buf_put(&buf, at + (link ? strlen(WORKTREE_LINK) : 0),
                    (size_t)(stop - at) - (link ? strlen(WORKTREE_LINK) : 0));
        at = stop;
    }
    Ignore *rules = ignore_parse(buf_cstr(&buf), buf.n, &(IgnoreFrom){.dir = ""});
    buf_deinit(&buf);
    return rules;
}

static void take_line(WorktreeInclude *include, const char *text, size_t size, size_t number) {
    AUTO_FREE char *line = xstrndup(text, size);
    const char *pattern = str_starts(line, WORKTREE_LINK) ? line + strlen(WORKTREE_LINK) : line;
    utf8_trim(&text, &size);
    if (!size || *pattern == '#' || *pattern == '!')
        return;
    Line it = {.number = number, .text = xstrndup(text, size)};
    it.rule = ignore_parse(pattern, strlen(pattern), &(IgnoreFrom){.dir = ""});
    VEC_PUSH(include->lines, it);
}

static void take_lines(WorktreeInclude *include, const char *text, size_t size) {
    size_t number = 1;
    for (const char *end = text + size, *stop; text < end; text = stop + 1, number++) {
        stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        take_line(include, text, (size_t)(stop - text), number);
    }
}

WorktreeInclude *worktree_include_parse(const char *text, size_t size) {
    WorktreeInclude *include = xcalloc(1, sizeof(*include));
    size_t mark = utf8_mark(text, size);
    take_lines(include, text + mark, size - mark);
    include->rules = parse(text, size, false);
    include->links = parse(text, size, true);
    return include;
}

WorktreeInclude *worktree_include_free(WorktreeInclude *include) {
    if (!include)
        return NULL;
    ignore_free(include->rules);
    ignore_free(include->links);
    for (size_t i = 0; i < include->lines.n; i++) {
        ignore_free(include->lines.at[i].rule);
        free(include->lines.at[i].text);
    }
    VEC_FREE(include->lines);
    free(include);
    return NULL;
}

/* May a part of a path be called this? */
static bool may_pass(const char *name) {
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !ignore_always(name);
}

/* One that stays below the root, with or without a slash at its end. */
static bool may_come(const char *path) {
    for (const char *at = path;;) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(at, "/");
        str_copy(name, n < sizeof(name) ? n + 1 : sizeof(name), at);
        if (!may_pass(name))
            return false;
        if (!at[n] || !at[n + 1])
            return true;
        at += n + 1;
    }
}

const char *worktree_include_named(const char *text, bool *ret_link) {
    *ret_link = str_starts(text, WORKTREE_LINK);
    const char *path = *ret_link ? text + strlen(WORKTREE_LINK) : text;
    return may_come(path) ? path : NULL;
}

static bool matches(const Ignore *rules, const char *path) {
    AUTO_FREE char *part = xstrdup(path); /* the path up to one of its slashes */
    bool matched = false;
    if (!may_come(path))
        return false;
    for (char *name = part; *name && !matched;) {
        char *end = strchrnul(name, '/');
        bool is_dir = *end == '/';
        *end = '\0';
        matched = ignore_look(rules, part, is_dir) == IGNORED;
        if (!is_dir)
            break;
        *end = '/';
        name = end + 1;
    }
    return matched;
}

bool worktree_include_matches(WorktreeInclude *include, const char *path) {
    for (size_t i = 0; i < include->lines.n; i++) {
        Line *line = &include->lines.at[i];
        line->used = line->used || matches(line->rule, path);
    }
    return matches(include->rules, path);
}

bool worktree_include_links(const WorktreeInclude *include, const char *path) {
    return matches(include->links, path);
}

bool worktree_include_unused(const WorktreeInclude *include, size_t *at, IncludeLine *ret) {
    while (*at < include->lines.n) {
        const Line *line = &include->lines.at[(*at)++];
        *ret = (IncludeLine){line->number, line->text, line->rule};
        if (!line->used)
            return true;
    }
    return false;
}

bool worktree_include_line_matches(const IncludeLine *line, const char *path) {
    return matches(line->rule, path);
}
