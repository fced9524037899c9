/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that write files into the worktree: the manifest, the env files of services; and take them
 * away. What a file should say follows from the config and the entry, so that one that is missing
 * or was changed by hand is known, and heals. */
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/operations/steps.h"
#include "spec/digest.h"
#include "spec/env_text.h"

const Manifest *operation_manifest(const Operation *operation, Arena *arena, Err *err) {
    if (operation->manifest)
        return operation->manifest;
    Manifest *manifest = arena_alloc(arena, sizeof(*manifest));
    return manifest_build(operation->config, &operation->entry, arena, manifest, err) < 0
               ? NULL
               : manifest;
}

/* A file as it is to be. */
typedef struct Wanted {
    const char *path; /* relative to the worktree */
    const char *text;
    size_t size;
} Wanted;

typedef struct WantedFiles {
    Wanted *at;
    size_t n;
    /* Is a file that is there one like these, which nobody has written by hand? */
    bool (*generated)(const ComputeFile *file, Arena *arena);
    const char *way_out; /* if not */
} WantedFiles;

static void keep(Buf *buf, Arena *arena, Wanted *ret) {
    ret->text = arena_strndup(arena, buf_cstr(buf), buf->n);
    ret->size = buf->n;
    buf_deinit(buf);
}

static bool is_manifest(const ComputeFile *file, Arena *arena) {
    Manifest manifest;
    Err err;
    return manifest_decode(file->bytes, file->size, arena, &manifest, &err) == 0;
}

static bool is_env_text(const ComputeFile *file, Arena *arena) {
    (void)arena;
    return env_text_generated(file->bytes);
}

static int want_manifest(const Operation *operation, Arena *arena, WantedFiles *ret, Err *err) {
    const Manifest *manifest = operation_manifest(operation, arena, err);
    Buf buf;
    if (!manifest)
        return -1;
    buf_init(&buf, MAX_STATE_BYTES);
    manifest_encode(manifest, &buf);
    *ret = (WantedFiles){.at = arena_alloc(arena, sizeof(Wanted)),
                         .n = 1,
                         .generated = is_manifest,
                         .way_out = "move it away"};
    ret->at->path = manifest_name(operation->config);
    keep(&buf, arena, ret->at);
    return 0;
}

static int want_env_files(const Operation *operation, Arena *arena, WantedFiles *ret, Err *err) {
    const Manifest *manifest = operation_manifest(operation, arena, err);
    ManifestFiles files;
    if (!manifest || manifest_files(manifest, arena, &files, err) < 0)
        return -1;
    *ret = (WantedFiles){.at = arena_alloc(arena, (files.n + 1) * sizeof(Wanted)),
                         .generated = is_env_text,
                         .way_out = "move it away, or name another `env_file`"};
    for (size_t i = 0; i < files.n; i++) {
        Buf buf;
        buf_init(&buf, MAX_STATE_BYTES);
        if (env_text_write(&files.at[i].env, &buf, err) < 0) {
            buf_deinit(&buf);
            return err_in(err, "%s", files.at[i].path);
        }
        ret->at[ret->n].path = files.at[i].path;
        keep(&buf, arena, &ret->at[ret->n++]);
    }
    return 0;
}

/* As it is. NULL: err. */
static const ComputeFile *read_now(const Operation *operation, const char *path, Arena *arena,
                                   Err *err) {
    ComputeFile *file = arena_alloc(arena, sizeof(*file));
    file->path = path;
    return compute_read(compute_of(operation->entry.compute), entry_root(&operation->entry), file,
                        arena, err) < 0
               ? NULL
               : file;
}

static bool stands(const Operation *operation, const Wanted *wanted, Arena *arena,
                   const char **ret_why) {
    Err err;
    const ComputeFile *file = read_now(operation, wanted->path, arena, &err);
    if (!file) {
        *ret_why = arena_strdup(arena, err.msg);
        return false;
    }
    bool same = file->size == wanted->size && memcmp(file->bytes, wanted->text, file->size) == 0;
    if (!same)
        *ret_why = arena_printf(arena, "%s is not as it was written", wanted->path);
    return same;
}

static void look_at(const Operation *operation, const WantedFiles *files, Arena *arena,
                    StepFound *ret) {
    Digest *digest = digest_new();
    ret->stands = true;
    for (size_t i = 0; i < files->n; i++) {
        digest_add_text(digest, files->at[i].path);
        digest_add(digest, files->at[i].text, files->at[i].size);
        ret->stands = ret->stands && stands(operation, &files->at[i], arena, &ret->why);
    }
    ret->own = digest_end(digest, arena);
}

static const char *text_now(const Operation *operation, const Wanted *wanted, Arena *arena) {
    Err err;
    if (!*entry_root(&operation->entry))
        return NULL;
    const ComputeFile *file = read_now(operation, wanted->path, arena, &err);
    return file ? file->bytes : NULL;
}

int steps_see_files(const Operation *operation, LifecycleKind kind, SeenEnvironment *seen,
                    Arena *arena, Err *err) {
    WantedFiles files = {0};
    int r = kind == STEP_GENERATE_ENV ? want_env_files(operation, arena, &files, err)
            : kind == STEP_WRITE_MANIFEST || kind == STEP_BUILD_MANIFEST
                ? want_manifest(operation, arena, &files, err)
                : 0;
    seen->files = arena_alloc(arena, (files.n + 1) * sizeof(*seen->files));
    for (size_t i = 0; i < files.n; i++)
        seen->files[seen->file_n++] = (SeenFile){files.at[i].path, files.at[i].text,
                                                 text_now(operation, &files.at[i], arena)};
    return r;
}

static int put(const Operation *operation, const ComputeFile *file, Err *err) {
    return compute_write(compute_of(operation->entry.compute), entry_root(&operation->entry), file,
                         err);
}

/* In a tree that people have, what they have written stays. */
static int check_theirs(const Operation *operation, const WantedFiles *files, Arena *arena,
                        Err *err) {
    for (size_t i = 0; i < files->n && !operation->entry.compute->managed; i++) {
        const ComputeFile *file = read_now(operation, files->at[i].path, arena, err);
        if (!file && err->kind == ERR_NOT_FOUND)
            continue;
        if (!file)
            return -1;
        if (!files->generated(file, arena))
            return err_set(err, ERR_CONFLICT,
                           "%s is in %s already, and was not generated: it is left as it is; %s",
                           file->path, entry_root(&operation->entry), files->way_out);
    }
    return 0;
}

/* As `about` says of those in `dir`. Nothing is known where git is not. */
static StrList ask_git(const Operation *operation, const char *dir, const StrList *paths,
                       int (*about)(const ComputeAsk *, Arena *, StrList *, Err *), Arena *arena) {
    StrList found = {0};
    Err err;
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ask.path = dir;
    ask.own = paths;
    return about(&ask, arena, &found, &err) < 0 ? (StrList){0} : found;
}

/* What is committed is for everybody, and would be shown as changed in each worktree. */
static int check_tracked(const Operation *operation, const char *dir, const StrList *paths,
                         Arena *arena, Err *err) {
    const StrList tracked = ask_git(operation, dir, paths, compute_local_tracked, arena);
    return tracked.n == 0
               ? 0
               : err_set(err, ERR_CONFLICT,
                         "git tracks %s, which would be written with values that nobody else is to "
                         "see: take it out of git (git rm --cached)%s",
                         tracked.at[0],
                         strcmp(tracked.at[0], manifest_name(operation->config)) == 0
                             ? ""
                             : ", or name another `env_file`");
}

static bool all_ignored(const Operation *operation, const StrList *paths, Arena *arena) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ask.path = entry_root(&operation->entry);
    ask.own = paths;
    return compute_local_ignored(&ask, arena);
}

static StrList paths_of(const WantedFiles *files, Arena *arena) {
    StrList paths = {.at = arena_alloc(arena, (files->n + 1) * sizeof(*paths.at))};
    for (size_t i = 0; i < files->n; i++)
        paths.at[paths.n++] = files->at[i].path;
    return paths;
}

/* They hold what nobody else is to see. */
static const char *note_exposed(const Operation *operation, const StrList *paths, Arena *arena) {
    const StrList exposed =
        ask_git(operation, entry_root(&operation->entry), paths, compute_local_exposed, arena);
    const char *names = "", *lines = "";
    if (exposed.n == 0)
        return NULL;
    for (size_t i = 0; i < exposed.n; i++) {
        names = arena_printf(arena, "%s%s%s", names, i ? ", " : "", exposed.at[i]);
        lines = arena_printf(arena, "%s /%s", lines, exposed.at[i]);
    }
    return arena_printf(arena,
                        "git does not ignore %s: `git add -A` would commit what nobody else is to "
                        "see; for .gitignore:%s",
                        names, lines);
}

static int write_files(const Operation *operation, const WantedFiles *files, Arena *arena,
                       StepActed *ret, Err *err) {
    const StrList paths = paths_of(files, arena);
    bool ignored = all_ignored(operation, &paths, arena); /* as it should be: git is asked once */
    if (check_theirs(operation, files, arena, err) < 0)
        return -1;
    if (!ignored && check_tracked(operation, entry_root(&operation->entry), &paths, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < files->n; i++)
        if (put(operation,
                &(ComputeFile){.path = files->at[i].path,
                               .bytes = files->at[i].text,
                               .size = files->at[i].size,
                               .mode = 0600},
                err) < 0)
            return -1;
    ret->note = ignored ? NULL : note_exposed(operation, &paths, arena);
    return 0;
}

/* ---- build_manifest, write_manifest ---- */

static int look_manifest(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    WantedFiles files;
    if (want_manifest(operation, arena, &files, err) < 0)
        return -1;
    look_at(operation, &files, arena, ret);
    return 0;
}

static int build_manifest(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    return 0; /* that it could be looked at says that it can be built */
}

static int write_manifest(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    WantedFiles files;
    int r = want_manifest(operation, arena, &files, err);
    return r < 0 ? r : write_files(operation, &files, arena, ret, err);
}

const StepDoer build_manifest_doer = {.look = look_manifest, .act = build_manifest};
const StepDoer write_manifest_doer = {.look = look_manifest, .act = write_manifest};

/* ---- generate_env ---- */

static int look_env(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    WantedFiles files;
    if (want_env_files(operation, arena, &files, err) < 0)
        return -1;
    look_at(operation, &files, arena, ret);
    return 0;
}

static int write_env(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    WantedFiles files;
    int r = want_env_files(operation, arena, &files, err);
    return r < 0 ? r : write_files(operation, &files, arena, ret, err);
}

/* Relative to the root of the environment, which is that of the config's directory. */
static const char *env_file_of(const Config *config, const Service *service, Arena *arena) {
    const char *below = service->path + strlen(config->root);
    AUTO_FREE char *path = path_join(*below == '/' ? below + 1 : "", service->env_file);
    return arena_strdup(arena, path);
}

int steps_check_files(const Operation *operation, Arena *arena, Err *err) {
    const Config *config = operation->config;
    StrList paths = {.at = arena_alloc(arena, (config->services.n + 1) * sizeof(*paths.at))};
    paths.at[paths.n++] = manifest_name(config);
    for (size_t i = 0; i < config->services.n; i++)
        if (config->services.at[i].env.n > 0)
            paths.at[paths.n++] = env_file_of(config, &config->services.at[i], arena);
    return check_tracked(operation, config->root, &paths, arena, err);
}

const StepDoer generate_env_doer = {.look = look_env, .act = write_env};

/* ---- cleanup_env: of a tree that is not ours ---- */

/* Only what we have written: that is, what begins as such a file does. */
static bool is_ours(const Operation *operation, const char *path, Arena *arena) {
    Err err;
    const ComputeFile *file = read_now(operation, path, arena, &err);
    return file && is_env_text(file, arena);
}

/* Not that of another environment, which lies there because somebody has committed it. */
static bool is_our_manifest(const Operation *operation, Arena *arena) {
    Manifest manifest;
    Err err;
    const ComputeFile *file = read_now(operation, manifest_name(operation->config), arena, &err);
    return file && manifest_decode(file->bytes, file->size, arena, &manifest, &err) == 0 &&
           strcmp(manifest.env_name, operation->entry.name) == 0;
}

StrList operation_own_files(const Operation *operation, Arena *arena) {
    const Config *config = operation->config;
    StrList files = {.at = arena_alloc(arena, (config->services.n + 3) * sizeof(*files.at))};
    if (is_our_manifest(operation, arena)) {
        files.at[files.n++] = manifest_name(config);
        files.at[files.n++] = MANIFEST_STEPS;
    }
    for (size_t i = 0; i < config->services.n; i++) {
        const char *path = env_file_of(config, &config->services.at[i], arena);
        if (!strlist_has(&files, path) &&
            is_ours(operation, path, arena)) /* services may share one */
            files.at[files.n++] = path;
    }
    return files;
}

/* A tree that was attached, or is kept; where one of ours was there may be somebody's by now. */
static bool has_files(const Operation *operation, Arena *arena) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ComputeLook look = {0};
    Err unused;
    return *entry_root(&operation->entry) && access(entry_root(&operation->entry), F_OK) == 0 &&
           (!ask.managed ||
            (compute_look(&compute_local, &ask, arena, &look, &unused) == 0 && look.stands));
}

/* Of all services that share the file. */
static StrMap variables_in(const Config *config, const char *path, Arena *arena) {
    StrMap all = {0};
    for (size_t i = 0; i < config->services.n; i++)
        if (strcmp(env_file_of(config, &config->services.at[i], arena), path) == 0)
            all = strmap_merge(&all, &config->services.at[i].env, arena);
    return all;
}

/* What people have added to an env file below its head is nowhere else. */
static bool has_added(const Operation *operation, const char *path, Arena *arena) {
    Err err;
    const StrMap own = variables_in(operation->config, path, arena);
    const ComputeFile *file = read_now(operation, path, arena, &err);
    return file && own.n && env_text_added(file->bytes, &own);
}

static int cleanup(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    StrList files = {0};
    const char *left = NULL;
    int r = 0;
    if (has_files(operation, arena))
        files = operation_own_files(operation, arena);
    for (size_t i = 0; i < files.n && r == 0; i++)
        if (has_added(operation, files.at[i], arena))
            left = left ? arena_printf(arena, "%s, %s", left, files.at[i]) : files.at[i];
        else
            r = put(operation, &(ComputeFile){.path = files.at[i]}, err);
    if (left)
        ret->note =
            arena_printf(arena, "%s: lines that %s says nothing of were added, so it is left", left,
                         path_base(operation->config->file));
    return r < 0 ? r : steps_purge_sessions(operation, err);
}

const StepDoer cleanup_env_doer = {.act = cleanup};
