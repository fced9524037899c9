/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/targets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/labelled.h"
#include "data/json.h"
#include "spec/routes.h"

enum { PATH_BYTES = 4096 };

void targets_init(Targets *targets, Client *client, const char *slug) {
    *targets = (Targets){.client = client, .slug = slug};
    arena_init(&targets->lists);
    map_init(&targets->by_name);
}

void targets_deinit(Targets *targets) {
    for (size_t i = 0; i < targets->all.n; i++) {
        arena_deinit(&targets->all.at[i]->arena);
        free(targets->all.at[i]);
    }
    VEC_FREE(targets->all);
    map_deinit(&targets->by_name);
    arena_deinit(&targets->lists);
    targets->lines = http_lines_close(targets->lines);
}

Seen *targets_find(const Targets *targets, const char *name) {
    return map_get(&targets->by_name, name);
}

bool seen_is(const Seen *seen, const char *word) {
    return strcmp(seen->word, word) == 0;
}

/* Whatever the server knows to be inactive has a reason. */
bool seen_unknown(const Seen *seen) {
    return seen->view.phase == PHASE_NONE && !seen->view.message[0];
}

bool seen_pending(const Seen *seen) {
    const TargetView *view = &seen->view;
    if (seen->deleted || (view->phase == PHASE_WAITING && view->reason &&
                          str_same(view->reason, "waiting-for-connection")))
        return false; /* it can be reached: that is all that a lazy server is to be */
    return seen_unknown(seen) || (view->phase == PHASE_WAITING && !target_scheduled(view)) ||
           (view->phase == PHASE_ACTIVE && (view->job || !view->ready || view->stopping));
}

/* ---- hearing ---- */

static Seen *add(Targets *targets, const char *name) {
    Seen *seen = xcalloc(1, sizeof(*seen));
    arena_init(&seen->arena);
    seen->word = "";
    map_put(&targets->by_name, name, seen);
    size_t at = targets->all.n;
    VEC_PUSH(targets->all, seen);
    for (; at > 0 && strcmp(targets->all.at[at - 1]->view.name, name) > 0; at--)
        targets->all.at[at] = targets->all.at[at - 1];
    targets->all.at[at] = seen;
    targets->alive++;
    return seen;
}

/* Takes what is in `arena` over. */
static void hear_target(Targets *targets, const Value *object, Arena *arena) {
    TargetView view;
    target_view(object, &view);
    if (!view.name || !view.object)
        return;
    Seen *seen = targets_find(targets, view.name);
    if (seen && !str_same(seen->view.uid, view.uid)) {
        targets->gone = true; /* another session of the same name */
        return;
    }
    if (!seen)
        seen = add(targets, view.name);
    seen->reading = targets->reading;
    const char *before = seen->word;
    arena_reset(&seen->arena);
    arena_adopt(&seen->arena, arena);
    seen->view = view;
    seen->word = target_word(&view);
    if (strcmp(before, seen->word) != 0)
        seen->since_ms = clock_mono_ms();
    if (targets->changed)
        targets->changed(targets->arg, seen, before);
}

/* Takes what is in `arena` over: the last that was known of it. */
static void hear_deleted(Targets *targets, const Value *object, Arena *arena) {
    TargetView view;
    target_view(object, &view);
    Seen *seen = view.name ? targets_find(targets, view.name) : NULL;
    if (!seen || seen->deleted)
        return;
    arena_reset(&seen->arena);
    arena_adopt(&seen->arena, arena);
    seen->view = view;
    seen->deleted = true;
    targets->alive--;
    targets->gone = targets->alive == 0;
}

/* False: the stream is of no use any more, and all is to be read again. */
static bool hear(Targets *targets, const char *json, size_t size) {
    Arena arena;
    const Value *event;
    bool good = true;
    arena_init(&arena);
    if (json_parse(json, size, &arena, &event, NULL) == 0) {
        const char *type = value_get_str(event, "type");
        if (str_same(type, "DELETED"))
            hear_deleted(targets, value_get(event, "object"), &arena);
        else if (str_same(type, "ADDED") || str_same(type, "MODIFIED"))
            hear_target(targets, value_get(event, "object"), &arena);
        else if (str_same(type, "ERROR"))
            good = false;
    }
    arena_deinit(&arena);
    return good;
}

/* ---- asking ---- */

static char *path_to(const Targets *targets, const char *query) {
    Buf path;
    buf_init(&path, PATH_BYTES);
    buf_puts(&path, THOLE_API "/namespaces/");
    client_segment(&path, targets->slug);
    buf_printf(&path, "/targets%s", query);
    char *text = buf_take(&path);
    buf_deinit(&path);
    return text;
}

static void forget_missing(Targets *targets, unsigned reading) {
    for (size_t i = 0; i < targets->all.n; i++) {
        Seen *seen = targets->all.at[i];
        if (seen->reading == reading || seen->deleted)
            continue;
        seen->deleted = true;
        targets->alive--;
    }
}

static void hear_list(Targets *targets, const Value *list) {
    const Value *items = value_get(list, "items");
    const char *version = value_get_str(value_get(list, "metadata"), "resourceVersion");
    targets->reading++;
    for (size_t i = 0; i < value_count(items); i++) {
        Arena none; /* what the views point to lives with the list */
        arena_init(&none);
        hear_target(targets, value_at(items, i), &none);
        arena_deinit(&none);
    }
    forget_missing(targets, targets->reading);
    str_copy(targets->version, sizeof(targets->version), version ? version : "");
    targets->gone |= value_count(items) == 0; /* a session has at least one */
}

int targets_read(Targets *targets, Err *err) {
    Arena arena;
    const Value *list;
    AUTO_FREE char *path = path_to(targets, "");
    arena_init(&arena);
    int r = client_ask(targets->client, "GET", path, NULL, &arena, &list, err);
    if (r == 0)
        hear_list(targets, list);
    arena_adopt(&targets->lists, &arena);
    arena_deinit(&arena);
    return r;
}

static void take(Targets *targets, bool broken) {
    size_t size;
    bool good = true;
    for (const char *line; good && (line = http_lines_next(targets->lines, &size));)
        good = hear(targets, line, size);
    if (!good || broken || http_lines_done(targets->lines))
        targets->lines = http_lines_close(targets->lines);
}

int targets_watch(Targets *targets, Err *err) {
    if (targets->lines || targets->gone)
        return 0;
    if (!targets->version[0] && targets_read(targets, err) < 0)
        return -1;
    if (targets->gone)
        return 0;
    AUTO_FREE char *query = xasprintf("?watch=true&resourceVersion=%s", targets->version);
    AUTO_FREE char *path = path_to(targets, query);
    targets->version[0] = '\0';
    targets->lines = client_lines(targets->client, path, err);
    if (!targets->lines)
        return -1;
    take(targets, false);
    return 0;
}

int targets_fd(const Targets *targets) {
    return targets->lines ? http_lines_fd(targets->lines) : -1;
}

void targets_pump(Targets *targets) {
    take(targets, http_lines_fill(targets->lines, NULL) < 0);
}

int targets_wait(Targets *targets, int64_t deadline_ms, Err *err) {
    bool was_open = targets->lines != NULL;
    if (targets_watch(targets, err) < 0)
        return -1;
    if (!was_open || targets->gone) /* there may be news already */
        return 0;
    struct pollfd p = {.fd = targets_fd(targets), .events = POLLIN};
    int64_t left = deadline_ms ? deadline_ms - clock_mono_ms() : -1;
    if (deadline_ms && left <= 0)
        return err_set(err, ERR_TIMEOUT, "the time is up");
    if (poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left) > 0)
        targets_pump(targets);
    return 0;
}

/* ---- choosing ---- */

/* "api" stands for "api:update" and "api:serve", a group for what it depends on. */
static bool is_meant(const TargetView *view, const char *name) {
    for (size_t i = 0; i < value_count(view->groups); i++)
        if (str_same(value_str(value_at(view->groups, i)), name))
            return true;
    return strcmp(view->name, name) == 0 || str_same(view->resource, name);
}

static int unknown(const Targets *targets, const char *name, Err *err) {
    VEC(const char *) names = {0};
    for (size_t i = 0; i < targets->all.n; i++) {
        const TargetView *view = &targets->all.at[i]->view;
        if (target_is_file(view))
            continue;
        VEC_PUSH(names, view->resource);
        VEC_PUSH(names, view->name);
        for (size_t g = 0; g < value_count(view->groups); g++)
            VEC_PUSH(names, value_str(value_at(view->groups, g)));
    }
    const char *like = str_suggest(name, names.at, names.n);
    err_set(err, ERR_NOT_FOUND, "session %s has no resource or target \"%.80s\"", targets->slug,
            name);
    err_suggest(err, like, "; `thole ps` lists them");
    VEC_FREE(names);
    return -1;
}

static int choose_name(Targets *targets, const char *name, Err *err) {
    size_t n = 0;
    for (size_t i = 0; i < targets->all.n; i++)
        if (is_meant(&targets->all.at[i]->view, name)) {
            targets->all.at[i]->chosen = true;
            n++;
        }
    return n ? 0 : unknown(targets, name, err);
}

static bool has_label(const TargetView *view, const char *label) {
    size_t n = strcspn(label, "=");
    for (size_t i = 0; view->labels && i < view->labels->map.n; i++) {
        const char *key = view->labels->map.at[i].key;
        if (strlen(key) == n && strncmp(key, label, n) == 0)
            return !label[n] || str_same(value_str(view->labels->map.at[i].value), label + n + 1);
    }
    return false;
}

static bool has_labels(const TargetView *view, const TextList *labels) {
    for (size_t i = 0; i < labels->n; i++)
        if (!has_label(view, labels->at[i]))
            return false;
    return true;
}

int targets_choose(Targets *targets, const TextList *names, const TextList *labels, Err *err) {
    size_t label_n = labels ? labels->n : 0, labelled = 0;
    targets->restricted = names->n + label_n > 0;
    for (size_t i = 0; i < targets->all.n; i++) {
        Seen *seen = targets->all.at[i];
        bool has = label_n > 0 && has_labels(&seen->view, labels);
        seen->chosen = !targets->restricted || has;
        labelled += has;
    }
    for (size_t i = 0; i < names->n; i++)
        if (choose_name(targets, names->at[i], err) < 0)
            return -1;
    if (label_n == 0 || labelled > 0)
        return 0;
    char where[sizeof(err->msg)];
    snprintf(where, sizeof(where), " in session %s", targets->slug);
    return labelled_none(where, labels, err);
}

/* On one that is chosen. */
static bool depends_on_chosen(const Targets *targets, const Seen *seen) {
    const Value *deps = seen->view.depends_on;
    for (size_t d = 0; d < value_count(deps); d++) {
        const Seen *dep = targets_find(targets, value_str(value_at(deps, d)));
        if (dep && dep->chosen)
            return true;
    }
    return false;
}

void targets_add_dependents(Targets *targets) {
    for (bool grown = true; grown;) {
        grown = false;
        for (size_t i = 0; i < targets->all.n; i++) {
            Seen *seen = targets->all.at[i];
            if (seen->chosen || !depends_on_chosen(targets, seen))
                continue;
            seen->chosen = grown = true;
        }
    }
}

void targets_add_dependencies(Targets *targets) {
    VEC(Seen *) open = {0};
    for (size_t i = 0; i < targets->all.n; i++)
        if (targets->all.at[i]->chosen)
            VEC_PUSH(open, targets->all.at[i]);
    for (size_t i = 0; i < open.n; i++) {
        const Value *deps = open.at[i]->view.depends_on;
        for (size_t d = 0; d < value_count(deps); d++) {
            Seen *dep = targets_find(targets, value_str(value_at(deps, d)));
            if (!dep || dep->chosen)
                continue;
            dep->chosen = true;
            VEC_PUSH(open, dep);
        }
    }
    VEC_FREE(open);
}

/* ---- the outcome ---- */

static bool is_earlier(const Seen *a, const Seen *b) {
    const char *at = a->view.finish, *bt = b->view.finish;
    return at && bt && strcmp(at, bt) < 0; /* names are in order already */
}

static void count(const Targets *targets, const Seen *seen, Outcome *ret) {
    const TargetView *view = &seen->view;
    if (view->stop_failed && !ret->survivor)
        ret->survivor = seen;
    if (seen_pending(seen))
        ret->pending++;
    else if (view->phase == PHASE_ACTIVE)
        ret->ready++;
    else if (view->phase == PHASE_TERMINATED && !view->error)
        ret->done++;
    else if (view->phase == PHASE_TERMINATED && (!ret->failed || is_earlier(seen, ret->failed)))
        ret->failed = seen;
    else if (view->phase == PHASE_NONE && targets->restricted)
        ret->pending++;
}

void targets_outcome(const Targets *targets, Outcome *ret) {
    *ret = (Outcome){0};
    for (size_t i = 0; i < targets->all.n; i++)
        if (targets->all.at[i]->chosen && !targets->all.at[i]->deleted)
            count(targets, targets->all.at[i], ret);
}
