/* SPDX-License-Identifier: Apache-2.0 */
/* copy_files: what git ignores and people need all the same, brought from the project into a new
 * worktree: what `.worktreeinclude` names (at the top of the repository, and beside the config file
 * if that is elsewhere), and what was asked for by name (--copy). What is there stays as it is,
 * also when the step is done again. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/ignore.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/git_tree.h"
#include "engine/compute/tree_copy.h"
#include "engine/operations/steps.h"
#include "spec/digest.h"
#include "spec/worktree_include.h"

#define COPY_STEP  "copy_files"
#define NAME_BYTES "base64"

enum {
    NOTED_MOST = 1000, /* names that a record keeps */
    UNUSED_MOST = 3    /* lines that are named */
};

/* ---- what there is to do ---- */

static GitTree tree_at(const char *path, Arena *arena) {
    GitTree tree;
    return git_tree_of(path, arena, &tree, NULL) == 0 ? tree : (GitTree){.top = path, .prefix = ""};
}

/* Where files come from: the tree of git that the project is in, and the project's place there. */
static GitTree source_of(const Operation *operation, Arena *arena) {
    return tree_at(operation->config->root, arena);
}

static const char *include_in(const GitTree *source, const char *below, Arena *arena) {
    return *below ? arena_printf(arena, "%s/%s/%s", source->top, below, WORKTREE_INCLUDE)
                  : arena_printf(arena, "%s/%s", source->top, WORKTREE_INCLUDE);
}

static bool has_include(const Operation *operation) {
    Arena arena;
    arena_init(&arena);
    const GitTree source = source_of(operation, &arena);
    bool has = access(include_in(&source, "", &arena), F_OK) == 0 ||
               access(include_in(&source, source.prefix, &arena), F_OK) == 0;
    arena_deinit(&arena);
    return has;
}

bool operation_copies(const Operation *operation) {
    const ComputeAccess *compute = operation->entry.compute;
    bool made = !operation->ask.worktree && (!compute || compute->managed);
    if (operation->manifest || lifecycle_is_remote(operation->config, compute))
        return false;
    return operation->ask.copy.n > 0 || (made && has_include(operation));
}

static const Value *noted(const EnvironmentEntry *entry, const char *key) {
    const Checkpoint *record = entry_checkpoint(entry, COPY_STEP);
    return record && record->outputs ? value_get(record->outputs, key) : NULL;
}

/* A name as the record keeps it: what is no UTF-8 as its bytes. */
static Value *name_value(const char *name, Arena *arena) {
    if (utf8_valid(name, strlen(name)))
        return value_new_string(arena, name);
    Value *bytes = value_new(arena, VALUE_MAP);
    Buf text;
    buf_init(&text, 2 * strlen(name) + 8);
    base64_put(&text, name, strlen(name));
    value_set(arena, bytes, NAME_BYTES,
              value_new_string(arena, arena_strdup(arena, buf_cstr(&text))));
    buf_deinit(&text);
    return bytes;
}

/* NULL: it is none. */
static const char *name_of(const Value *value, Arena *arena) {
    const char *bytes = value_get_str(value, NAME_BYTES);
    return bytes ? base64_text(bytes, arena) : value_str(value);
}

/* When it was done for the first time: what was brought then nobody but people has touched later.
 * Of one that was interrupted that is not known: all that is not as the project has it counts. */
static int64_t first_ns(const EnvironmentEntry *entry) {
    const Checkpoint *record = entry_checkpoint(entry, COPY_STEP);
    if (!record)
        return 0;
    return record->outputs ? value_get_int(record->outputs, "firstNs", record->finished_ns) : 1;
}

void operation_recall_copies(Operation *operation) {
    const Value *asked = noted(&operation->entry, "asked");
    operation->copied_ns = first_ns(&operation->entry);
    StrList *copy = &operation->ask.copy;
    size_t n = value_count(asked);
    const char **all = arena_alloc(&operation->arena, (copy->n + n + 1) * sizeof(*all));
    StrList now = {all, 0};
    for (size_t i = 0; i < n; i++)
        if (value_str(value_at(asked, i)) && !strlist_has(&now, value_str(value_at(asked, i))))
            now.at[now.n++] = value_str(value_at(asked, i));
    for (size_t i = 0; i < copy->n; i++)
        if (!strlist_has(&now, copy->at[i]))
            now.at[now.n++] = copy->at[i];
    *copy = now;
}

/* In `arena`; "": there is none, or it is not meant: a tree that was attached is its owner's. */
static int read_include(const Operation *operation, const char *path, Arena *arena,
                        const char **ret, Err *err) {
    AUTO_FREE char *text = NULL;
    *ret = "";
    if (operation->entry.compute && !operation->entry.compute->managed)
        return 0;
    if (file_read(path, MAX_CONFIG_BYTES, &text, NULL, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    *ret = arena_strdup(arena, text);
    return 0;
}

static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    const GitTree source = source_of(operation, arena);
    const char *top, *beside = "";
    if (read_include(operation, include_in(&source, "", arena), arena, &top, err) < 0 ||
        (*source.prefix && read_include(operation, include_in(&source, source.prefix, arena), arena,
                                        &beside, err) < 0))
        return -1;
    Digest *digest = digest_new();
    digest_add_text(digest, top);
    digest_add_text(digest, beside);
    for (size_t i = 0; i < operation->ask.copy.n; i++)
        digest_add_text(digest, operation->ask.copy.at[i]);
    ret->own = digest_end(digest, arena);
    return 0;
}

/* ---- doing it ---- */

typedef struct Copying {
    const Operation *operation;
    TreeCopy copy;     /* of the whole trees */
    const char *below; /* the directory in them that paths are relative to: "" or "apps/shop" */
    WorktreeInclude *include;
    Arena *arena;
    Value *files;     /* that were asked for, or match: not what is in them */
    const char *note; /* what has brought nothing; NULL */
} Copying;

static int bring(Copying *c, const char *path, bool link, Err *err) {
    size_t n = strlen(path);
    const char *plain = arena_printf(c->arena, "%s%s%.*s", c->below, *c->below ? "/" : "",
                                     (int)(n - (path[n - 1] == '/')), path);
    c->copy.link = link;
    if (value_count(c->files) < NOTED_MOST)
        value_add(c->arena, c->files, name_value(plain, c->arena));
    return tree_copy(&c->copy, plain, err);
}

/* A directory that is ignored whole may have a file in it that is meant. */
static int bring_matching(Copying *c, const char *path, Err *err);

static int search(Copying *c, const char *path, Err *err) {
    AUTO_FREE char *above = path_join(c->copy.from, c->below), *place = path_join(above, path);
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
    if (tree_copy_stopped(&c->copy))
        return err_set(err, ERR_CANCELLED, "canceled");
    if (worktree_include_matches(c->include, path))
        return bring(c, path, worktree_include_links(c->include, path), err);
    return str_ends(path, "/") ? search(c, path, err) : 0;
}

/* Only what git ignores: the rest is in the new worktree, or is nobody's. */
static int bring_ignored(Copying *c, Err *err) {
    static const char *const words[] = {
        "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", NULL};
    const StrMap *env = &c->operation->ask.client->env;
    AUTO_FREE char *dir = path_join(c->copy.from, c->below);
    ToolDone done;
    if (compute_git(&(GitAsk){dir, env, words, NULL}, c->arena, &done, err) < 0)
        return -1;
    if (done.cut)
        return err_set(err, ERR_LIMIT, "git ignores too many files in %s", dir);
    const char *end = done.out + done.out_n;
    for (const char *at = done.out; at < end; at += strlen(at) + 1)
        if (bring_matching(c, at, err) < 0)
            return -1;
    return 0;
}

/* What git lists; nothing if it cannot say. */
static ToolDone list(const Copying *c, const char *option) {
    const char *words[] = {"ls-files", "-z", option, "--exclude-standard", NULL};
    AUTO_FREE char *dir = path_join(c->copy.from, c->below);
    const GitAsk ask = {dir, &c->operation->ask.client->env, words, NULL};
    ToolDone done = {0};
    Err ignored;
    return compute_git(&ask, c->arena, &done, &ignored) < 0 ? (ToolDone){0} : done;
}

/* NULL: the line matches none of them. */
static const char *first_of(const ToolDone *files, const IncludeLine *line) {
    for (const char *at = files->out, *end = at + files->out_n; at < end; at += strlen(at) + 1)
        if (worktree_include_line_matches(line, at))
            return at;
    return NULL;
}

/* It may be mistyped, or name what comes by git, or nobody has kept from git. */
static void note_unused(Copying *c) {
    const char *place =
        arena_printf(c->arena, "%s%s%s", c->below, *c->below ? "/" : "", WORKTREE_INCLUDE);
    ToolDone tracked = {0}, others = {0};
    IncludeLine line;
    size_t n = 0;
    for (size_t at = 0; worktree_include_unused(c->include, &at, &line) && n <= UNUSED_MOST; n++) {
        if (n == UNUSED_MOST) {
            c->note = arena_printf(c->arena, "%s; …", c->note);
            break;
        }
        if (n == 0) {
            tracked = list(c, "--cached");
            others = list(c, "--others");
        }
        const char *comes = first_of(&tracked, &line);
        const char *plain = comes ? NULL : first_of(&others, &line);
        c->note =
            arena_printf(c->arena, "%s%s%s:%zu: `%s` brings nothing%s%s", c->note ? c->note : "",
                         c->note ? "; " : "", place, line.number, line.text,
                         comes   ? ": git tracks "
                         : plain ? ": git does not ignore "
                                 : "",
                         comes   ? comes
                         : plain ? plain
                                 : "");
    }
}

static int bring_included(Copying *c, const GitTree *source, const char *below, Err *err) {
    const char *text;
    c->below = below;
    if (read_include(c->operation, include_in(source, below, c->arena), c->arena, &text, err) < 0)
        return -1;
    if (!*text)
        return 0;
    c->include = worktree_include_parse(text, strlen(text));
    int r = bring_ignored(c, err);
    if (r == 0)
        note_unused(c);
    c->include = worktree_include_free(c->include);
    return r;
}

static int bring_asked(Copying *c, const char *asked, Err *err) {
    bool link;
    const char *path = worktree_include_named(asked, &link);
    if (!path)
        return err_set(err, ERR_INVALID, "it is no path below the root of the project");
    return bring(c, path, link, err);
}

static int bring_all(Copying *c, const GitTree *source, Err *err) {
    const StrList *asked = &c->operation->ask.copy;
    c->below = source->prefix;
    for (size_t i = 0; i < asked->n; i++)
        if (bring_asked(c, asked->at[i], err) < 0)
            return err_in(err, "--copy %s", asked->at[i]);
    if (bring_included(c, source, "", err) < 0)
        return -1;
    return *source->prefix ? bring_included(c, source, source->prefix, err) : 0;
}

static int act(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    Value *kept = value_new(arena, VALUE_MAP), *asked = value_new(arena, VALUE_LIST);
    const GitTree source = source_of(operation, arena);
    Copying c = {.operation = operation,
                 .copy = {.from = source.top,
                          .to = tree_at(entry_path(&operation->entry), arena).top,
                          .stop = &operation->canceled},
                 .arena = arena,
                 .files = value_new(arena, VALUE_LIST)};
    int r = bring_all(&c, &source, err);
    for (size_t i = 0; i < operation->ask.copy.n; i++)
        value_add(arena, asked, value_new_string(arena, operation->ask.copy.at[i]));
    value_set(arena, kept, "files", c.files);
    value_set(arena, kept, "asked", asked);
    value_set(arena, kept, "copied", value_new_int(arena, (int64_t)c.copy.files));
    if (operation->copied_ns)
        value_set(arena, kept, "firstNs", value_new_int(arena, operation->copied_ns));
    ret->produced = kept;
    ret->note = c.note;
    return r;
}

const StepDoer copy_files_doer = {.look = look, .act = act};

/* ---- what would be lost ---- */

void steps_brought(const EnvironmentEntry *entry, Arena *arena, ComputeAsk *ask) {
    const Value *files = noted(entry, "files");
    ask->brought = (StrList){.at = arena_alloc(arena, (value_count(files) + 1) * sizeof(char *))};
    ask->brought_ns = first_ns(entry);
    for (size_t i = 0; i < value_count(files); i++) {
        const char *name = name_of(value_at(files, i), arena);
        if (name)
            ask->brought.at[ask->brought.n++] = name;
    }
}
