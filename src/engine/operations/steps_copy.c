/* SPDX-License-Identifier: Apache-2.0 */
/* copy_files: what git ignores and people need all the same, brought from the project into a new
 * worktree: what `.worktreeinclude` names, and what was asked for by name (--copy). What is there
 * stays as it is, also when the step is done again. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ignore.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/compute/compute_inside.h"
#include "engine/operations/steps.h"
#include "engine/compute/tree_copy.h"
#include "spec/digest.h"
#include "spec/worktree_include.h"

#define COPY_STEP "copy_files"

enum { NOTED_MOST = 1000 }; /* names that a record keeps */

/* ---- what there is to do ---- */

bool operation_copies(const Operation *operation) {
    const ComputeAccess *compute = operation->entry.compute;
    AUTO_FREE char *include = path_join(operation->config->root, WORKTREE_INCLUDE);
    bool made = !operation->ask.worktree && (!compute || compute->managed);
    if (operation->manifest || hook_given(&operation->config->provisioner.compute.create))
        return false;
    return operation->ask.copy.n > 0 || (made && access(include, F_OK) == 0);
}

static const Value *noted(const Operation *operation, const char *key) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, COPY_STEP);
    return record && record->outputs ? value_get(record->outputs, key) : NULL;
}

static bool has(const StrList *list, const char *text) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

void operation_recall_copies(Operation *operation) {
    const Value *asked = noted(operation, "asked");
    StrList *copy = &operation->ask.copy;
    size_t n = value_count(asked);
    const char **all = arena_alloc(&operation->arena, (copy->n + n + 1) * sizeof(*all));
    StrList now = {all, 0};
    for (size_t i = 0; i < n; i++)
        if (value_str(value_at(asked, i)) && !has(&now, value_str(value_at(asked, i))))
            now.at[now.n++] = value_str(value_at(asked, i));
    for (size_t i = 0; i < copy->n; i++)
        if (!has(&now, copy->at[i]))
            now.at[now.n++] = copy->at[i];
    *copy = now;
}

/* In `arena`; "": there is none. */
static int read_include(const Operation *operation, Arena *arena, const char **ret, Err *err) {
    AUTO_FREE char *path = path_join(operation->config->root, WORKTREE_INCLUDE), *text = NULL;
    *ret = "";
    if (operation->entry.compute && !operation->entry.compute->managed)
        return 0;
    if (file_read(path, MAX_CONFIG_BYTES, &text, NULL, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    *ret = arena_strdup(arena, text);
    return 0;
}

static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    const char *text;
    if (read_include(operation, arena, &text, err) < 0)
        return -1;
    Digest *digest = digest_new();
    digest_add_text(digest, text);
    for (size_t i = 0; i < operation->ask.copy.n; i++)
        digest_add_text(digest, operation->ask.copy.at[i]);
    ret->own = digest_end(digest, arena);
    return 0;
}

/* ---- doing it ---- */

typedef struct Copying {
    const Operation *operation;
    WorktreeInclude *include;
    TreeCopy copy;
    Arena *arena;
    Value *files; /* that were asked for, or match: not what is in them */
} Copying;

static int bring(Copying *c, const char *path, bool link, Err *err) {
    size_t n = strlen(path);
    const char *plain = arena_strndup(c->arena, path, n - (path[n - 1] == '/'));
    c->copy.link = link;
    if (value_count(c->files) < NOTED_MOST)
        value_add(c->arena, c->files, value_new_string(c->arena, plain));
    return tree_copy(&c->copy, plain, err);
}

/* A directory that is ignored whole may have a file in it that is meant. */
static int bring_matching(Copying *c, const char *path, Err *err);

static int search(Copying *c, const char *path, Err *err) {
    AUTO_FREE char *place = path_join(c->copy.from, path);
    DIR *dir = opendir(place);
    int r = 0;
    for (struct dirent *entry; r == 0 && dir && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || ignore_always(name))
            continue;
        AUTO_FREE char *below = xasprintf("%s%s%s", path, name, entry->d_type == DT_DIR ? "/" : "");
        r = bring_matching(c, below, err);
    }
    if (dir)
        closedir(dir);
    return r;
}

static int bring_matching(Copying *c, const char *path, Err *err) {
    if (worktree_include_matches(c->include, path))
        return bring(c, path, worktree_include_links(c->include, path), err);
    return str_ends(path, "/") ? search(c, path, err) : 0;
}

/* Only what git ignores: the rest is in the new worktree, or is nobody's. */
static int bring_included(Copying *c, Err *err) {
    static const char *const words[] = {
        "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", NULL};
    const StrMap *env = &c->operation->ask.client->env;
    ToolDone done;
    if (compute_git(&(GitAsk){c->copy.from, env, words, NULL}, c->arena, &done, err) < 0)
        return -1;
    if (done.cut)
        return err_set(err, ERR_LIMIT, "git ignores too many files in %s", c->copy.from);
    const char *end = done.out + done.out_n;
    for (const char *at = done.out; at < end; at += strlen(at) + 1)
        if (bring_matching(c, at, err) < 0)
            return -1;
    return 0;
}

static int bring_all(Copying *c, Err *err) {
    const StrList *asked = &c->operation->ask.copy;
    const char *text;
    for (size_t i = 0; i < asked->n; i++)
        if (bring(c, asked->at[i], false, err) < 0)
            return err_in(err, "--copy %s", asked->at[i]);
    if (read_include(c->operation, c->arena, &text, err) < 0)
        return -1;
    c->include = worktree_include_parse(text, strlen(text));
    return *text ? bring_included(c, err) : 0;
}

static int act(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    Value *kept = value_new(arena, VALUE_MAP), *asked = value_new(arena, VALUE_LIST);
    Copying c = {
        .operation = operation,
        .arena = arena,
        .copy = {.from = operation->config->root, .to = entry_root(&operation->entry)},
        .files = value_new(arena, VALUE_LIST),
    };
    int r = bring_all(&c, err);
    worktree_include_free(c.include);
    for (size_t i = 0; i < operation->ask.copy.n; i++)
        value_add(arena, asked, value_new_string(arena, operation->ask.copy.at[i]));
    value_set(arena, kept, "files", c.files);
    value_set(arena, kept, "asked", asked);
    value_set(arena, kept, "copied", value_new_int(arena, (int64_t)c.copy.files));
    ret->produced = kept;
    return r;
}

const StepDoer copy_files_doer = {.look = look, .act = act};

/* ---- what would be lost ---- */

void steps_copied_files(const Operation *operation, Arena *arena, StrList *ret) {
    const Value *files = noted(operation, "files");
    TreeCopy copy = {.from = operation->config->root, .to = entry_root(&operation->entry)};
    StrList all = {0};
    for (size_t i = 0; i < value_count(files); i++)
        if (value_str(value_at(files, i)))
            tree_copy_unchanged(&copy, value_str(value_at(files, i)), arena, &all);
    const char **at = arena_alloc(arena, (ret->n + all.n + 1) * sizeof(*at));
    if (ret->n)
        memcpy(at, ret->at, ret->n * sizeof(*at));
    if (all.n)
        memcpy(at + ret->n, all.at, all.n * sizeof(*at));
    *ret = (StrList){at, ret->n + all.n};
}
