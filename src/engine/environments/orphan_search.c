/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/orphan_search.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/worktree_kept.h"
#include "engine/environments/environments_inside.h"
#include "engine/sessions/session_elsewhere.h"
#include "plan/lifecycle.h"
#include "plan/port_block.h"

static int by_kind(const void *a, const void *b) {
    const EnvironmentOrphan *x = a, *y = b;
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->name, y->name);
}

void orphan_found(OrphanSearch *search, const EnvironmentOrphan *orphan) {
    __auto_type list = &search->found;
    list->at = arena_grow(search->arena, list->at, list->n, &search->found_cap, sizeof(*list->at));
    list->at[list->n++] = *orphan;
}

typedef void (*EntryFn)(OrphanSearch *search, const char *name, const char *path);

static void each_entry(OrphanSearch *search, const char *path, EntryFn fn) {
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            fn(search, arena_strdup(search->arena, entry->d_name),
               arena_printf(search->arena, "%s/%s", path, entry->d_name));
    closedir(dir);
}

static bool has_path(const OrphanSearch *search, const char *path) {
    for (size_t i = 0; i < search->own_n; i++)
        if (strcmp(search->own[i].path, path) == 0)
            return true;
    return false;
}

/* One that is being made has no path yet, but will have that of its slug. */
static bool has_slug(const OrphanSearch *search, const char *slug) {
    for (size_t i = 0; i < search->own_n; i++)
        if (strcmp(search->own[i].slug, slug) == 0)
            return true;
    return false;
}

static bool is_found(const OrphanSearch *search, OrphanKind kind, const char *name) {
    for (size_t i = 0; i < search->found.n; i++)
        if (search->found.at[i].kind == kind && strcmp(search->found.at[i].name, name) == 0)
            return true;
    return false;
}

bool orphan_has_tree(const OrphanSearch *search, const char *dir) {
    for (size_t i = 0; i < search->own_n; i++) {
        const OrphanOwner *owner = &search->own[i];
        const char *usual = arena_printf(search->arena, "%s/%s", search->worktrees, owner->slug);
        if ((*owner->path && path_below(dir, owner->path)) || path_below(dir, usual))
            return true;
    }
    return false;
}

void orphan_add_other(OrphanSearch *search, const char *path) {
    StrList *list = &search->others;
    if (!*path)
        return;
    list->at = arena_grow(search->arena, list->at, list->n, &search->others_cap, sizeof(*list->at));
    list->at[list->n++] = arena_strdup(search->arena, path);
}

bool orphan_is_of_others(const OrphanSearch *search, const char *dir) {
    for (size_t i = 0; i < search->others.n; i++)
        if (path_below(dir, search->others.at[i]))
            return true;
    return false;
}

static bool is_empty(const char *path) {
    size_t n = 0;
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n == 2;
}

/* ---- whose they are ---- */

/* A session that runs there; NULL: none does. */
static const char *runs_in(const OrphanSearch *search, const char *path) {
    for (size_t i = 0; i < search->running_n; i++)
        if (path_below(search->running[i].file, path))
            return search->running[i].file;
    return NULL;
}

static const char *other_store(const OrphanSearch *search, const char *slug) {
    AUTO_FREE char *store = environment_other_store(
        arena_printf(search->arena, "%s/%s", search->environments, slug), search->store);
    return store ? arena_strdup(search->arena, store) : NULL;
}

/* Why it is not to go although no environment has it; NULL: nothing is known of that. */
static const char *kept_for(const OrphanSearch *search, const char *slug, const char *tree) {
    const char *store = other_store(search, slug), *file = runs_in(search, tree);
    if (store)
        return arena_printf(search->arena, "it is of an environment in another store, %s", store);
    if (file)
        return arena_printf(search->arena, "services run in it: `thole --file %s down` ends them",
                            file);
    const char *server = session_elsewhere(search->state_dir, tree, search->arena);
    return server ? arena_printf(search->arena,
                                 "services run in it under another server: `%s thole down` there "
                                 "ends them",
                                 session_elsewhere_vars(search->state_dir, server, search->arena))
                  : NULL;
}

/* ---- worktrees ---- */

static ComputeAsk ask_of(const OrphanSearch *search, const char *path) {
    return (ComputeAsk){.project = search->root, .path = path, .managed = true, .env = search->env};
}

/* What keeps a worktree that git knows. owner NULL: nobody has it. */
static const char *loss_of(const OrphanSearch *search, const char *path, const OrphanOwner *owner) {
    ComputeAsk ask = ask_of(search, path);
    const char *loss = NULL;
    Err err;
    const StrList own = orphan_own_files(&ask, search->arena);
    ask.own = &own;
    ask.others = search->others;
    if (owner) {
        ask.brought = owner->brought;
        ask.brought_ns = owner->brought_ns;
    }
    if (compute_loss(&compute_local, &ask, search->arena, &loss, &err) < 0)
        return arena_strdup(search->arena, err.msg);
    return loss ? arena_printf(search->arena, "it has %s, which would be lost", loss) : NULL;
}

static bool is_known_to_git(const OrphanSearch *search, const char *path, bool *ret_gone) {
    ComputeAsk ask = ask_of(search, path);
    Worktrees list;
    Err err;
    if (compute_worktrees(&ask, search->arena, &list, &err) < 0)
        return false;
    const Worktree *tree = compute_worktree_at(&list, path);
    *ret_gone = tree && tree->gone;
    return tree != NULL;
}

static void see_worktree(OrphanSearch *search, const char *name, const char *path) {
    EnvironmentOrphan orphan = {ORPHAN_WORKTREE, name, path, "no environment has it", true};
    const char *kept = kept_for(search, name, path);
    bool gone = false;
    if (has_path(search, path) || has_slug(search, name) || is_found(search, ORPHAN_WORKTREE, name))
        return;
    if (kept) {
        orphan.removable = false;
        orphan.why = kept;
    } else if (access(path, F_OK) < 0) {
        orphan.why = "git still lists it, and it is gone";
    } else if (worktree_is_kept(path, search->arena)) {
        orphan.removable = false;
        orphan.why = "`delete --keep-worktree` has kept it; `git worktree remove` removes it";
    } else if (is_known_to_git(search, path, &gone)) {
        const char *loss = loss_of(search, path, NULL);
        orphan.removable = !loss;
        orphan.why = loss ? loss : orphan.why;
    } else if (!is_empty(path)) {
        orphan.removable = false;
        orphan.why = arena_printf(
            search->arena, "it is no worktree of %s: look what it is, and remove it yourself",
            search->root);
    }
    orphan_found(search, &orphan);
}

/* What is listed by git alone: below our directory, never elsewhere. */
static void see_listed(OrphanSearch *search) {
    ComputeAsk ask = ask_of(search, search->worktrees);
    Worktrees list;
    Err err;
    if (compute_worktrees(&ask, search->arena, &list, &err) < 0)
        return;
    for (size_t i = 0; i < list.n; i++) {
        AUTO_FREE char *dir = path_dir(list.at[i].path);
        if (strcmp(dir, search->worktrees) == 0 && access(list.at[i].path, F_OK) < 0)
            see_worktree(search, path_base(list.at[i].path), list.at[i].path);
    }
}

void orphan_search_worktrees(OrphanSearch *search) {
    each_entry(search, search->worktrees, see_worktree);
    see_listed(search);
}

/* ---- directories ---- */

static void see_directory(OrphanSearch *search, const char *name, const char *path) {
    const char *tree = arena_printf(search->arena, "%s/%s", search->worktrees, name);
    const char *kept = kept_for(search, name, tree);
    if (!has_slug(search, name))
        orphan_found(search, &(EnvironmentOrphan){
                                 ORPHAN_DIRECTORY, name, path,
                                 kept ? kept : "logs and events of one that is no more", !kept});
}

/* What `init` has written is of use as long as there is an environment. */
static void see_shared(OrphanSearch *search, const char *name, const char *path) {
    if (search->own_n == 0 && strcmp(name, ENVIRONMENT_SHARED) == 0)
        orphan_found(search, &(EnvironmentOrphan){
                                 ORPHAN_DIRECTORY, name, path,
                                 "logs and events of what all share, and there is none", true});
}

void orphan_search_directories(OrphanSearch *search) {
    each_entry(search, search->environments, see_directory);
    each_entry(search, search->shared, see_shared);
}

/* ---- environments ---- */

/* What its delete would refuse to lose keeps it; that may be just why it is here. */
static void see_owned(OrphanSearch *search, const OrphanOwner *owner, OrphanKind kind,
                      const char *why) {
    const char *loss = owner->managed && access(owner->path, F_OK) == 0
                           ? loss_of(search, owner->path, owner)
                           : NULL;
    orphan_found(search, &(EnvironmentOrphan){
                             .kind = kind,
                             .name = owner->name,
                             .path = owner->path,
                             .why = loss && !strstr(why, loss)
                                        ? arena_printf(search->arena, "%s, but %s", why, loss)
                                        : why,
                             .removable = !loss});
}

static const char *expired(const OrphanSearch *search, const OrphanOwner *owner) {
    char at[TIME_TEXT];
    time_format_seconds(owner->expires_ns / 1000, at);
    return arena_printf(search->arena, "it expired at %s", at);
}

/* Its deletion has begun to undo things, and did not come to its end. */
static bool is_half_gone(const OrphanOwner *owner) {
    return owner->status == ENVIRONMENT_DELETING ||
           (owner->status == ENVIRONMENT_ERROR && lifecycle_destroys(owner->failed_step));
}

void orphan_search_environments(OrphanSearch *search) {
    for (size_t i = 0; i < search->own_n; i++) {
        const OrphanOwner *owner = &search->own[i];
        if (owner->busy)
            continue;
        if (is_half_gone(owner))
            see_owned(search, owner, ORPHAN_LEFTOVER,
                      owner->error ? owner->error : "its deletion was interrupted");
        else if (owner->expires_ns && owner->expires_ns < search->now_ns)
            see_owned(search, owner, ORPHAN_EXPIRED, expired(search, owner));
    }
}

/* ---- judging ---- */

static bool is_owned(const OrphanSearch *search, const EnvironmentOrphan *orphan) {
    switch (orphan->kind) {
    case ORPHAN_WORKTREE: return has_path(search, orphan->path) || has_slug(search, orphan->name);
    case ORPHAN_DIRECTORY:
        return path_below(orphan->path, search->shared) ? search->own_n > 0
                                                        : has_slug(search, orphan->name);
    case ORPHAN_SESSION:
        return orphan_has_tree(search, orphan->path) || orphan_is_of_others(search, orphan->path);
    case ORPHAN_COMPOSE: return orphan_has_tree(search, orphan->path);
    case ORPHAN_PORTS:
    case ORPHAN_EXPIRED:
    case ORPHAN_LEFTOVER:
    case ORPHAN_KINDS: break;
    }
    return false;
}

static void judge(OrphanSearch *search, const EnvironmentOrphan *orphan) {
    __auto_type list = &search->judged;
    list->at = arena_grow(search->arena, list->at, list->n, &search->judged_cap, sizeof(*list->at));
    list->at[list->n++] = *orphan;
}

static void sort_judged(OrphanSearch *search) {
    if (search->judged.n > 0)
        qsort(search->judged.at, search->judged.n, sizeof(*search->judged.at), by_kind);
}

void orphan_search_judge(OrphanSearch *search) {
    for (size_t i = 0; i < search->found.n; i++)
        if (!is_owned(search, &search->found.at[i]))
            judge(search, &search->found.at[i]);
    sort_judged(search);
}

static bool has_name(const OrphanSearch *search, const char *name) {
    for (size_t i = 0; i < search->own_n; i++)
        if (strcmp(search->own[i].name, name) == 0)
            return true;
    return false;
}

/* A newer version, with which the store is shared, may have more blocks. */
static const char *ports_of(const OrphanSearch *search, uint32_t block) {
    if (block >= PORT_BLOCKS)
        return "ports that this version does not know";
    unsigned first = port_block_start(block);
    return arena_printf(search->arena, "ports %u to %u", first, first + PORT_BLOCK_SIZE - 1);
}

void orphan_search_ports(OrphanSearch *search, const PortBlocksTaken *blocks) {
    for (size_t i = 0; i < blocks->n; i++) {
        const PortBlock *block = &blocks->at[i];
        if (strcmp(block->key.project, search->project) == 0 && !has_name(search, block->key.name))
            judge(search,
                  &(EnvironmentOrphan){.kind = ORPHAN_PORTS,
                                       .name = block->key.name,
                                       .path = "",
                                       .why = arena_printf(search->arena,
                                                           "%s are kept for one that is no more",
                                                           ports_of(search, block->block)),
                                       .removable = true});
    }
    sort_judged(search);
}

/* ---- removing ---- */

static int remove_worktree(const OrphanSearch *search, const EnvironmentOrphan *orphan, Err *err) {
    if (rmdir(orphan->path) == 0)
        return 0;
    const char *words[] = {"worktree", "remove", "-f", "-f", "--", orphan->path, NULL};
    ToolDone done;
    return compute_git(&(GitAsk){search->root, search->env, words, NULL}, search->arena, &done,
                       err);
}

int orphan_search_remove(const OrphanSearch *search, const EnvironmentOrphan *orphan, Err *err) {
    switch (orphan->kind) {
    case ORPHAN_WORKTREE: return remove_worktree(search, orphan, err);
    case ORPHAN_DIRECTORY: return path_remove_tree(orphan->path, err);
    case ORPHAN_SESSION: return orphan_remove_session(search, orphan, err);
    case ORPHAN_COMPOSE: return orphan_remove_compose(search, orphan, err);
    case ORPHAN_PORTS:
    case ORPHAN_EXPIRED:
    case ORPHAN_LEFTOVER:
    case ORPHAN_KINDS: break;
    }
    UNREACHABLE();
}
