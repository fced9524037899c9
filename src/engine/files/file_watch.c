/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches: what is suspected to have changed, the quiet before it is looked at, and the
 * look. */

#include "engine/files/file_watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/files/files_inside.h"

enum { PATIENCE = 10, SUSPECTS_MAX = 100 * 1000, BUSY_MS = 200 };

typedef struct Suspect {
    char *path;
    uint64_t since; /* Tree.seq when it was first heard of */
    int64_t at_ms;
    FileMark mark; /* by the look */
} Suspect;

/* A look at files, on the thread. */
typedef struct Check {
    FileWatch *watch; /* NULL: gone meanwhile */
    char *root;
    VEC(Suspect *) suspects;
} Check;

/* ---- the look ---- */

static void suspect_free(Suspect *suspect) {
    free(suspect->path);
    free(suspect);
}

static void check_free(Check *check) {
    for (size_t i = 0; i < check->suspects.n; i++)
        suspect_free(check->suspects.at[i]);
    VEC_FREE(check->suspects);
    free(check->root);
    free(check);
}

static void check_work(void *arg) {
    Check *check = arg;
    for (size_t i = 0; i < check->suspects.n; i++) {
        Suspect *suspect = check->suspects.at[i];
        AUTO_FREE char *full = path_join(check->root, suspect->path);
        file_mark_read(full, &suspect->mark);
    }
}

/* When nobody suspects anything. */
static void tidy(Tree *tree) {
    const FileWatch *watch;
    LIST_FOREACH (watch, &tree->watches, link)
        if (watch->order.n || watch->check)
            return;
    tree_tidy(tree);
}

static bool has_changed(Tree *tree, const Suspect *suspect) {
    tree_update(tree, suspect->path, &suspect->mark);
    const TreeFile *file = tree_file(tree, suspect->path);
    return file && file->seq > suspect->since;
}

static void look_again(FileWatch *watch);

static void check_done(void *arg) {
    Check *check = arg;
    FileWatch *watch = check->watch;
    FileChange named[MAX_CHANGES_NAMED];
    FileChanges changes = {.at = named};
    for (size_t i = 0; watch && i < check->suspects.n; i++) {
        const Suspect *suspect = check->suspects.at[i];
        if (!has_changed(watch->tree, suspect))
            continue;
        if (changes.n < MAX_CHANGES_NAMED)
            named[changes.n++] =
                (FileChange){suspect->path, suspect->at_ms, suspect->mark.ctime_ns / 1000};
        changes.total++;
    }
    if (watch) {
        watch->check = NULL;
        tidy(watch->tree);
        if (watch->due)
            look_again(watch);
        if (changes.total)
            watch->events->changed(watch->arg, &changes); /* may free it */
    }
    check_free(check);
}

static void look(FileWatch *watch) {
    Check *check = xcalloc(1, sizeof(*check));
    Err err;
    check->watch = watch;
    check->root = xstrdup(watch->tree->root);
    for (size_t i = 0; i < watch->order.n; i++)
        VEC_PUSH(check->suspects, watch->order.at[i]);
    if (worker_run(watch->tree->watcher->worker, check_work, check_done, check, &err) < 0) {
        check->suspects.n = 0; /* it has more to do than it can remember: later */
        check_free(check);
        timer_set(watch->quiet, BUSY_MS);
        return;
    }
    VEC_FREE(watch->order);
    map_deinit(&watch->suspects);
    map_init(&watch->suspects);
    watch->first_ms = 0;
    watch->check = check;
}

static void on_quiet(void *arg) {
    FileWatch *watch = arg;
    watch->due = watch->tree->scan || watch->tree->soon || watch->check;
    if (!watch->due && watch->order.n)
        look(watch);
}

static void look_again(FileWatch *watch) {
    watch->due = false;
    timer_set(watch->quiet, 0);
}

static void wait_for_quiet(FileWatch *watch) {
    int64_t now_ms = loop_now_ms(watch->tree->watcher->loop);
    if (!watch->first_ms)
        watch->first_ms = now_ms;
    int64_t left = watch->first_ms + PATIENCE * watch->debounce_ms - now_ms;
    if (left > watch->debounce_ms)
        left = watch->debounce_ms;
    timer_set(watch->quiet, left > 0 ? left : 0);
}

void file_watch_suspect(FileWatch *watch, const char *path) {
    Suspect *suspect = map_get(&watch->suspects, path);
    if (!suspect && watch->order.n >= SUSPECTS_MAX) {
        tree_want(watch->tree, ""); /* what is left out is found by a walk */
        return;
    }
    if (!suspect) {
        suspect = xcalloc(1, sizeof(*suspect));
        suspect->path = xstrdup(path);
        suspect->since = watch->tree->seq;
        map_put(&watch->suspects, path, suspect);
        VEC_PUSH(watch->order, suspect);
    }
    suspect->at_ms = loop_now_ms(watch->tree->watcher->loop);
    wait_for_quiet(watch);
}

void file_watch_merged(FileWatch *watch) {
    if (watch->due && !watch->check)
        look_again(watch);
    if (watch->begun)
        return;
    watch->begun = true;
    if (watch->tree->trouble && watch->events->troubled)
        watch->events->troubled(watch->arg, watch->tree->trouble);
    watch->events->begun(watch->arg);
}

/* ---- life ---- */

static Ignore *parse_ignore(const StrList *lines) {
    Buf buf;
    buf_init(&buf, MAX_CONFIG_BYTES);
    for (size_t i = 0; lines && i < lines->n; i++)
        buf_printf(&buf, "%s\n", lines->at[i]);
    IgnoreFrom from = {.dir = ""};
    Ignore *ignore = buf.n ? ignore_parse(buf_cstr(&buf), buf.n, &from) : NULL;
    buf_deinit(&buf);
    return ignore;
}

FileWatch *file_watch_new(FileWatcher *watcher, const FileWatchAsk *ask,
                          const FileWatchEvents *events, void *arg, Err *err) {
    GlobSet *globs = glob_set_new(ask->globs->at, ask->globs->n, err);
    if (!globs)
        return NULL;
    FileWatch *watch = xcalloc(1, sizeof(*watch));
    watch->selection = xcalloc(1, sizeof(*watch->selection));
    Ignore *ignore = parse_ignore(ask->ignore);
    *watch->selection =
        (Selection){.refs = 1, .globs = globs, .ignore = ignore, .set = {globs, ignore, ask->all}};
    watch->tree = tree_of(watcher, ask->root);
    watch->debounce_ms = ask->debounce_ms;
    watch->events = events;
    watch->arg = arg;
    watch->quiet = timer_idle(watcher->loop, on_quiet, watch);
    map_init(&watch->suspects);
    list_append(&watch->tree->watches, &watch->link);
    tree_want(watch->tree, "");
    return watch;
}

FileWatch *file_watch_free(FileWatch *watch) {
    if (!watch)
        return NULL;
    Tree *tree = watch->tree;
    if (watch->check)
        watch->check->watch = NULL;
    list_remove(&watch->link);
    tree_forget_watch(tree, watch);
    timer_free(watch->quiet);
    for (size_t i = 0; i < watch->order.n; i++)
        suspect_free(watch->order.at[i]);
    VEC_FREE(watch->order);
    map_deinit(&watch->suspects);
    selection_unref(watch->selection);
    if (list_empty(&tree->watches))
        tree_drop(tree);
    free(watch);
    return NULL;
}

const char *file_watch_trouble(const FileWatch *watch) {
    return watch->tree->trouble;
}

FileWatcher *file_watcher_new(Loop *loop) {
    FileWatcher *watcher = xcalloc(1, sizeof(*watcher));
    watcher->loop = loop;
    watcher->worker = worker_new(loop, 1);
    map_init(&watcher->wds);
    list_init(&watcher->trees);
    return watcher;
}

FileWatcher *file_watcher_free(FileWatcher *watcher) {
    if (!watcher)
        return NULL;
    assert(list_empty(&watcher->trees));
    worker_free(watcher->worker);
    watcher->inotify = inotify_free(watcher->inotify);
    tree_replay(watcher);
    map_deinit(&watcher->wds);
    free(watcher);
    return NULL;
}

size_t file_watcher_dirs(const FileWatcher *watcher) {
    return watcher->wd_n;
}
