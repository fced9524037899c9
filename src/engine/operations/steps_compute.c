/* SPDX-License-Identifier: Apache-2.0 */
/* create_compute and destroy_compute where no hook does it: the worktree. And what a hook has said
 * of the machine that it made. */
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/compute/worktree_kept.h"
#include "engine/operations/steps.h"
#include "engine/sessions/session.h"
#include "spec/digest.h"
#include "spec/environment_name.h"

/* Where worktrees are made: beside nothing of the project. */
static const char *default_path(const Operation *operation, Arena *arena) {
    const Environment *environment = operation->environment;
    AUTO_FREE char *dir = path_resolve(operation->engine->state_dir);
    return arena_printf(arena, "%s/worktrees/%s/%s", dir, environment->space, environment->slug);
}

static const char *root_of_tree(Operation *operation) {
    Arena *arena = &operation->arena;
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ComputeLook look = {0};
    Err err;
    return compute_look(&compute_local, &ask, arena, &look, &err) < 0 ? NULL : look.root;
}

/* Directories above it may have been moved, with links where they were: sessions go by where files
 * are. Those that run still go by where they were. A tree of ours that is a link itself is none
 * (operation_check_link). */
static void follow(Operation *operation) {
    Arena *arena = &operation->arena;
    const ComputeAccess *was = operation->entry.compute;
    const Session *session = environment_session(operation->environment);
    if (!was->path || !was->path[0] || strcmp(was->type, "local") != 0 ||
        (session && session_standing(session) == SESSION_UP))
        return;
    AUTO_FREE char *path = was->managed ? path_resolve_above(was->path) : path_resolve(was->path);
    if (strcmp(path, was->path) == 0)
        return;
    ComputeAccess *now = arena_dup(arena, was, sizeof(*was));
    now->path = arena_strdup(arena, path);
    if (was->root && path_below(was->root, was->path))
        now->root = arena_printf(arena, "%s%s", path, was->root + strlen(was->path));
    operation->entry.compute = now;
    operation->unwritten.entry = true;
}

/* Known from the beginning: what is made half is found again. */
void operation_place(Operation *operation) {
    const OperationAsk *ask = &operation->ask;
    EnvironmentEntry *entry = &operation->entry;
    ComputeAccess *compute = arena_alloc(&operation->arena, sizeof(*compute));
    bool by_hook = hook_given(&operation->config->provisioner.compute.create);
    if (entry->compute)
        follow(operation);
    if (entry->compute || (by_hook && !ask->worktree))
        return;
    const char *path = ask->worktree ? ask->worktree
                       : ask->path   ? ask->path
                                     : default_path(operation, &operation->arena);
    *compute = (ComputeAccess){.type = "local", .path = path, .managed = !ask->worktree};
    entry->compute = compute;
    if (ask->worktree) /* no step makes it, and finds out */
        compute->root = root_of_tree(operation);
    operation->unwritten.entry = true;
}

/* The compose file as the worktree has it. */
static const char *compose_file(const Operation *operation, Arena *arena) {
    const Config *config = operation->config;
    const char *file = config->infrastructure.compose_file;
    const char *root = entry_root(&operation->entry);
    size_t n = strlen(config->root);
    if (!file || !*root || strncmp(file, config->root, n) != 0)
        return file;
    return arena_printf(arena, "%s%s", root, file + n);
}

ComputeAsk operation_compute_ask(const Operation *operation, Arena *arena) {
    const EnvironmentEntry *entry = &operation->entry;
    return (ComputeAsk){
        .project = operation->config->root,
        .path = entry_path(entry),
        .branch = entry->branch,
        .base = entry->base,
        .managed = entry->compute && entry->compute->managed,
        .removing = arena_printf(arena, "%s/removing", operation->environment->dir),
        .compose_file = compose_file(operation, arena),
        .composed = entry_checkpoint(entry, "start_infra") != NULL,
        .compose_project = environment_compose_project(operation->config->name, entry->name, arena),
        .ports = &entry->ports,
        .env = &operation->ask.client->env};
}

/* ---- create_compute ---- */

static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ComputeLook look = {0};
    Digest *digest = digest_new();
    digest_add_text(digest, ask.path);
    digest_add_text(digest, ask.branch);
    ret->own = digest_end(digest, arena);
    if (compute_look(&compute_local, &ask, arena, &look, err) < 0)
        return -1;
    ret->stands = look.stands;
    ret->why = look.why;
    return 0;
}

static int command(const Operation *operation, Arena *arena, StepCommand *ret, Err *err) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    if (compute_create(&compute_local, &ask, arena, &ret->run, err) < 0)
        return -1;
    const char *shown = ret->run.argv.n ? compute_local_shown(&ask, arena) : NULL;
    if (shown)
        ret->note = arena_printf(arena,
                                 "git does not ignore %s, which the status of the project shows as "
                                 "untracked; for .gitignore: /%s",
                                 shown, shown);
    return 0;
}

static int take(Operation *operation, Err *err) {
    Arena *arena = &operation->arena;
    ComputeAsk ask = operation_compute_ask(operation, arena);
    ComputeAccess *compute = operation->entry.compute;
    ComputeLook look = {0};
    if (compute_look(&compute_local, &ask, arena, &look, err) < 0)
        return -1;
    if (!look.stands)
        return err_set(err, ERR_INTERNAL, "there is no worktree at %s after it was made: %s",
                       ask.path, look.why ? look.why : "?");
    compute->root = look.root;
    Value *kept = value_new(arena, VALUE_MAP);
    value_set(arena, kept, "worktreePath", value_new_string(arena, compute->path));
    operation->doing.produced = kept;
    return 0;
}

const StepDoer create_compute_doer = {
    .look = look,
    .command = command,
    .but = {COMPUTE_HOOK_FAILED,
            "the worktree is made, but the post-checkout hook of the repository has failed"},
    .take = take};

int operation_take_compute(Operation *operation, Err *err) {
    ComputeAccess *compute = arena_alloc(&operation->arena, sizeof(*compute));
    if (compute_hooks_access(&operation->doing.outputs, compute, err) < 0)
        return -1;
    operation->entry.compute = compute;
    return 0;
}

void operation_keep_compute(Operation *operation) {
    Err ignored; /* why it has failed is known */
    if (strmap_get(&operation->doing.outputs, "VM_IP"))
        (void)!operation_take_compute(operation, &ignored);
}

/* ---- check_loss: refuses what nobody could bring back, before anything is undone ---- */

static void find_others(Operation *operation, StepFound *ret) {
    const Environment *environment;
    StrList *others = &operation->others;
    size_t cap = 0;
    *others = (StrList){0};
    LIST_FOREACH (environment, &operation->engine->environments, link) {
        const char *path = entry_path(&environment->entry);
        if (environment == operation->environment || environment->apart || !*path)
            continue;
        others->at =
            arena_grow(&operation->arena, others->at, others->n, &cap, sizeof(*others->at));
        others->at[others->n++] = arena_strdup(&operation->arena, path);
    }
}

static int check_loss(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    const char *loss = NULL;
    ComputeAsk ask = operation_compute_ask(operation, arena);
    if (operation->ask.keep_worktree)
        return 0;
    if (operation->ask.force) /* that is nobody's to lose here */
        return compute_local_mounted(&ask, arena, err);
    const StrList files = operation_own_files(operation, arena);
    StrList own = compute_own(ask.path, entry_root(&operation->entry), &files, arena);
    steps_brought(&operation->entry, arena, &ask);
    ask.own = &own;
    ask.others = operation->others;
    if (compute_loss(&compute_local, &ask, arena, &loss, err) < 0)
        return -1;
    if (!loss)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "%s has %s, which would be lost; keep it, or delete with --force", ask.path,
                   loss);
}

const StepDoer check_loss_doer = {.look_on_loop = find_others, .act = check_loss};

/* ---- destroy_compute ---- */

static int command_destroy(const Operation *operation, Arena *arena, StepCommand *ret, Err *err) {
    ComputeAsk ask = operation_compute_ask(operation, arena);
    if (ask.managed && operation->ask.keep_worktree) {
        ask.managed = false;
        if (worktree_keep(ask.path, arena, err) < 0)
            return -1;
    }
    return compute_destroy(&compute_local, &ask, arena, &ret->run, err);
}

const StepDoer destroy_compute_doer = {.command = command_destroy};
