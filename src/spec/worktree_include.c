/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/worktree_include.h"

#include <string.h>

#include "base/ignore.h"
#include "base/xalloc.h"

struct WorktreeInclude {
    Ignore *rules;
};

WorktreeInclude *worktree_include_parse(const char *text, size_t size) {
    WorktreeInclude *include = xcalloc(1, sizeof(*include));
    include->rules = ignore_parse(text, size, &(IgnoreFrom){.dir = ""});
    return include;
}

WorktreeInclude *worktree_include_free(WorktreeInclude *include) {
    if (include)
        ignore_free(include->rules);
    free(include);
    return NULL;
}

/* May a part of a path be called this? */
static bool may_pass(const char *name) {
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !ignore_always(name);
}

bool worktree_include_matches(const WorktreeInclude *include, const char *path) {
    AUTO_FREE char *part = xstrdup(path); /* the path up to one of its slashes */
    bool matched = false;
    for (char *name = part; *name || name == part;) {
        char *end = strchrnul(name, '/');
        bool is_dir = *end == '/';
        *end = '\0';
        if (!may_pass(name))
            return false;
        matched = matched || ignore_look(include->rules, part, is_dir) == IGNORED;
        if (!is_dir)
            break;
        *end = '/';
        name = end + 1;
    }
    return matched;
}
