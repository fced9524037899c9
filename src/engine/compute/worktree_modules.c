/* SPDX-License-Identifier: Apache-2.0 */
/* The submodules of a worktree that stands: which are missing, or were not made to the end. In the
 * others people may have gone on, and an update would take them back to the commit that is
 * recorded. */
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/compute/worktree_add.h"

/* Again and again: a worktree, the path of a submodule in it, and what git keeps of one that was
 * not made to the end, or "". Without its .git such a one is missing: git goes on with the clone
 * and checks out all of it. */
static const char script[] =
    "while [ $# -gt 0 ]; do\n"
    "    [ -z \"$3\" ] || rm -f -- \"$1/$2/.git\" \"$3/index.lock\" || exit 1\n"
    "    git -C \"$1\" submodule update --init --recursive -- \"$2\" || exit 1\n"
    "    shift 3\n"
    "done\n";

typedef struct Modules {
    const WorktreeAdd *a;
    const char **words; /* of the script */
    size_t n, cap;
} Modules;

static void add(Modules *m, const char *word) {
    m->words = arena_grow(m->a->arena, m->words, m->n, &m->cap, sizeof(*m->words));
    m->words[m->n++] = word;
}

/* "-78f2fb… vendor/library" is missing; " 78f2fb… vendor/library (v1)" is there, or seems so. */
static const char *path_in(char *line) {
    char *path = line + strcspn(line + 1, " ") + 1, *end = NULL;
    path += *path == ' ';
    for (char *at = path; *line != '-' && (at = strstr(at, " (")); at++)
        end = at;
    if (end)
        *end = '\0';
    return path;
}

/* A checkout writes the index when all files are there, so that one without was never ended. */
static bool is_half_made(const Modules *m, const char *path, GitTree *tree) {
    return git_tree_of(path, m->a->arena, tree, NULL) == 0 && tree->prefix[0] == '\0' &&
           !path_below(tree->dir, tree->top) &&
           access(arena_printf(m->a->arena, "%s/index", tree->dir), F_OK) < 0;
}

static int look(Modules *m, const char *top, Err *err) {
    static const char *const status[] = {"submodule", "status", NULL};
    ToolDone done;
    if (access(arena_printf(m->a->arena, "%s/.gitmodules", top), F_OK) < 0)
        return 0;
    if (compute_git(&(GitAsk){top, m->a->ask->env, status, NULL}, m->a->arena, &done, err) < 0)
        return -1;
    char *rest, *text = arena_strdup(m->a->arena, done.out);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool missing = *line == '-';
        const char *sub = path_in(line), *path = arena_printf(m->a->arena, "%s/%s", top, sub);
        GitTree tree = {.dir = ""};
        if (!missing && !is_half_made(m, path, &tree)) {
            if (look(m, path, err) < 0)
                return -1;
            continue;
        }
        add(m, top);
        add(m, sub);
        add(m, tree.dir);
    }
    return 0;
}

int worktree_modules(const WorktreeAdd *a, ComputeCommand *ret, Err *err) {
    Modules m = {.a = a};
    if (look(&m, a->ask->path, err) < 0)
        return -1;
    add(&m, NULL);
    *ret = m.n > 1 ? compute_script(script, m.words, a->arena) : (ComputeCommand){.cwd = "/"};
    return 0;
}
