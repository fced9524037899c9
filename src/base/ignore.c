/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/xalloc.h"

enum { RULES_MAX = 20000 };

typedef struct Rule {
    char *pattern; /* for glob_path_match */
    bool kept;     /* it began with "!" */
    bool dirs;     /* it ended with "/" */
    bool anchored; /* it has a slash inside: the whole path below the file counts, else the name */
} Rule;

struct Ignore {
    Ignore *outer;
    char *dir, *above;
    VEC(Rule) rules;
};

/* Blanks at the end go, unless the last one is escaped. */
static size_t trim(const char *line, size_t n) {
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r')) {
        if (n > 1 && line[n - 2] == '\\' && line[n - 1] == ' ')
            break;
        n--;
    }
    return n;
}

static void add_line(Ignore *ignore, const char *line, size_t n) {
    Rule rule = {0};
    n = trim(line, n);
    if (!n || *line == '#' || n > GLOB_MAX || ignore->rules.n >= RULES_MAX)
        return;
    rule.kept = *line == '!';
    line += rule.kept;
    n -= rule.kept;
    while (n && line[n - 1] == '/') {
        rule.dirs = true;
        n--;
    }
    if (!n)
        return;
    rule.anchored = memchr(line, '/', n) != NULL;
    while (n && *line == '/') {
        line++;
        n--;
    }
    if (!n)
        return;
    rule.pattern = xstrndup(line, n);
    VEC_PUSH(ignore->rules, rule);
}

Ignore *ignore_parse(const char *text, size_t size, const IgnoreFrom *from) {
    Ignore *ignore = xcalloc(1, sizeof(*ignore));
    const char *end = text + size;
    ignore->outer = from->outer;
    ignore->dir = xstrdup(from->dir);
    ignore->above = from->above && *from->above ? xstrdup(from->above) : NULL;
    text += utf8_mark(text, size);
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        if (!line_end)
            line_end = end;
        add_line(ignore, text, (size_t)(line_end - text));
        text = line_end + (line_end < end);
    }
    return ignore;
}

Ignore *ignore_free(Ignore *ignore) {
    if (!ignore)
        return NULL;
    ignore_free(ignore->outer);
    for (size_t i = 0; i < ignore->rules.n; i++)
        free(ignore->rules.at[i].pattern);
    VEC_FREE(ignore->rules);
    free(ignore->dir);
    free(ignore->above);
    free(ignore);
    return NULL;
}

/* The path as the rules of this file see it; NULL: it is not below their directory. */
static const char *below(const Ignore *ignore, const char *path) {
    size_t n = strlen(ignore->dir);
    if (!n)
        return path;
    return strncmp(path, ignore->dir, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static Ignored look_here(const Ignore *ignore, const char *path, bool is_dir) {
    const char *name = path_base(path);
    AUTO_FREE char *whole = ignore->above ? xasprintf("%s/%s", ignore->above, path) : NULL;
    for (size_t i = ignore->rules.n; i-- > 0;) {
        const Rule *rule = &ignore->rules.at[i];
        if (rule->dirs && !is_dir)
            continue;
        bool match = rule->anchored
                         ? glob_path_match(rule->pattern, whole ? whole : path, false)
                         : glob_name_match(rule->pattern, rule->pattern + strlen(rule->pattern),
                                           name, name + strlen(name));
        if (match)
            return rule->kept ? IGNORED_KEPT : IGNORED;
    }
    return IGNORED_NO_RULE;
}

Ignored ignore_look(const Ignore *ignore, const char *path, bool is_dir) {
    for (; ignore; ignore = ignore->outer) {
        const char *own = below(ignore, path);
        Ignored answer = own ? look_here(ignore, own, is_dir) : IGNORED_NO_RULE;
        if (answer != IGNORED_NO_RULE)
            return answer;
    }
    return IGNORED_NO_RULE;
}

bool ignore_says(const IgnoreAt *at, const char *path, bool is_dir) {
    Ignored answer = IGNORED_NO_RULE;
    for (; at && answer == IGNORED_NO_RULE; at = at->outer)
        answer = ignore_look(at->ignore, path, is_dir);
    return answer == IGNORED;
}

bool ignore_always(const char *name) {
    static const char *const names[] = {".git", ".hg", ".svn", ".jj", ".bzr", ".thole"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* vim: .x.swp, x~, 4913 (it tries whether it can write); emacs: #x#, .#x, x~, flymake_x; JetBrains:
 * x___jb_tmp___; kate: .x.kate-swp; gedit: .goutputstream-XXXX; gofmt: x-go-tmp-umask. */
bool ignore_dropping(const char *name) {
    size_t n = strlen(name);
    if (n == 0)
        return false;
    if (name[n - 1] == '~' || (n > 1 && name[0] == '#' && name[n - 1] == '#'))
        return true;
    if (strncmp(name, ".#", 2) == 0 || str_starts(name, "flymake_") ||
        str_starts(name, ".goutputstream-") || str_starts(name, ".fuse_hidden") ||
        str_starts(name, ".nfs0"))
        return true;
    if (name[0] == '.' && n > 5 && strncmp(name + n - 4, ".sw", 3) == 0 && name[n - 1] >= 'n' &&
        name[n - 1] <= 'x')
        return true;
    return strcmp(name, "4913") == 0 || str_ends(name, "___jb_tmp___") ||
           str_ends(name, "___jb_old___") || str_ends(name, ".kate-swp") ||
           str_ends(name, "-go-tmp-umask") || strcmp(name, ".idea") == 0 ||
           strcmp(name, ".DS_Store") == 0;
}
