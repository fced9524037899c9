/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/worktree_include.h"

#include <string.h>

#include "base/buf.h"
#include "base/ignore.h"
#include "base/xalloc.h"

#define LINK "link:"

struct WorktreeInclude {
    Ignore *rules, *links; /* links: only those lines, and what takes back */
};

/* The lines as they are without LINK; with `only_links` those that had it, and those with '!'. */
static Ignore *parse(const char *text, size_t size, bool only_links) {
    Buf buf;
    buf_init(&buf, size + 1);
    for (const char *at = text, *end = text + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline + 1 : end;
        bool link = (size_t)(stop - at) > strlen(LINK) && memcmp(at, LINK, strlen(LINK)) == 0;
        if (link || !only_links || *at == '!')
            buf_put(&buf, at + (link ? strlen(LINK) : 0),
                    (size_t)(stop - at) - (link ? strlen(LINK) : 0));
        at = stop;
    }
    Ignore *rules = ignore_parse(buf_cstr(&buf), buf.n, &(IgnoreFrom){.dir = ""});
    buf_deinit(&buf);
    return rules;
}

WorktreeInclude *worktree_include_parse(const char *text, size_t size) {
    WorktreeInclude *include = xcalloc(1, sizeof(*include));
    include->rules = parse(text, size, false);
    include->links = parse(text, size, true);
    return include;
}

WorktreeInclude *worktree_include_free(WorktreeInclude *include) {
    if (include) {
        ignore_free(include->rules);
        ignore_free(include->links);
    }
    free(include);
    return NULL;
}

/* May a part of a path be called this? */
static bool may_pass(const char *name) {
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !ignore_always(name);
}

static bool matches(const Ignore *rules, const char *path) {
    AUTO_FREE char *part = xstrdup(path); /* the path up to one of its slashes */
    bool matched = false;
    for (char *name = part; *name || name == part;) {
        char *end = strchrnul(name, '/');
        bool is_dir = *end == '/';
        *end = '\0';
        if (!may_pass(name))
            return false;
        matched = matched || ignore_look(rules, part, is_dir) == IGNORED;
        if (!is_dir)
            break;
        *end = '/';
        name = end + 1;
    }
    return matched;
}

bool worktree_include_matches(const WorktreeInclude *include, const char *path) {
    return matches(include->rules, path);
}

bool worktree_include_links(const WorktreeInclude *include, const char *path) {
    return matches(include->links, path);
}
