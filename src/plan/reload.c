/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/reload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "spec/template.h"

enum { SUMMARY_NAMES = 3 }; /* of one kind */

/* ---- what differs between two readings of a service ---- */

static bool one_of(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Is it a matter of this target's processes? `build` is one of the server too: it is replaced by
 * what was built. */
static bool concerns(const Field *field, const TargetSpec *spec) {
    static const char *const of_all[] = {"path", "shell", "env", "secrets"};
    bool own_build = spec->type == TARGET_JOB && spec->service->type == SERVICE_SERVER;
    if (!(field->flags & FIELD_RESTARTS))
        return false;
    if (one_of(field->name, of_all, COUNT(of_all)) || strcmp(field->name, "build") == 0)
        return true;
    return !own_build;
}

static const char *add_key(const char *keys, const char *key, const char *member, Arena *arena) {
    return arena_printf(arena, "%s%s%s%s%s", keys, *keys ? ", " : "", key, *member ? "." : "",
                        member);
}

/* The variable is named, not its value. */
static const char *env_keys(const char *keys, const StrMap *a, const StrMap *b, Arena *arena) {
    size_t i = 0, j = 0;
    while (i < a->n || j < b->n) {
        int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->at[i].name, b->at[j].name);
        const char *name = order <= 0 ? a->at[i].name : b->at[j].name;
        if (order != 0 || !str_same(a->at[i].value, b->at[j].value))
            keys = add_key(keys, "env", name, arena);
        i += order <= 0;
        j += order >= 0;
    }
    return keys;
}

/* Of the hooks only what comes before a run is a part of it. */
static const char *hook_keys(const char *keys, const Hooks *a, const Hooks *b, bool restarts,
                             Arena *arena) {
    for (size_t i = 0; i < type_hooks.field_n; i++) {
        const Field *field = &type_hooks.fields[i];
        if (!(field->flags & FIELD_INTERNAL) && !(field->flags & FIELD_RESTARTS) != restarts &&
            !schema_same_field(&type_hooks, field, a, b))
            keys = add_key(keys, "hooks", field->name, arena);
    }
    return keys;
}

/* Keys that differ, those that concern processes if `restarts`, else the others. "": none. */
static const char *differing(const TargetSpec *now, const TargetSpec *next, bool restarts,
                             Arena *arena) {
    const Service *a = now->service, *b = next->service;
    const char *keys = "";
    for (size_t i = 0; i < type_service.field_n; i++) {
        const Field *field = &type_service.fields[i];
        bool hooks = strcmp(field->name, "hooks") == 0, restarting = concerns(field, next);
        if (field->flags & FIELD_INTERNAL || (restarting != restarts && !(hooks && restarting)) ||
            schema_same_field(&type_service, field, a, b))
            continue;
        if (strcmp(field->name, "env") == 0)
            keys = env_keys(keys, &a->env, &b->env, arena);
        else if (hooks && restarting)
            keys = hook_keys(keys, &a->hooks, &b->hooks, restarts, arena);
        else
            keys = add_key(keys, field->name, "", arena);
    }
    return keys;
}

/* A walk through both, in order of their names. */
typedef struct Walk {
    const Graph *now, *next;
    TemplateValues was, is;
    size_t i, j;
} Walk;

/* What is written the same may mean something else: another variable, another port. */
static void compare_templates(const Walk *w, const TargetSpec *next, Arena *arena,
                              TargetChange *ret) {
    const char *key = template_change(next->service, &w->was, &w->is, arena);
    if (!key)
        return;
    ret->action = RELOAD_RESTART;
    ret->keys = key;
}

static void compare(const TargetSpec *now, const TargetSpec *next, Arena *arena,
                    TargetChange *ret) {
    ret->action = RELOAD_KEEP;
    ret->keys = "";
    if (schema_same(&type_service, now->service, next->service))
        return;
    ret->action = RELOAD_RESTART;
    ret->keys = differing(now, next, true, arena);
    if (*ret->keys)
        return;
    ret->keys = differing(now, next, false, arena);
    ret->action = *ret->keys ? RELOAD_UPDATE : RELOAD_KEEP;
}

/* ---- the plan ---- */

/* Whatever the files look like that say so. */
static bool same_project(const Config *a, const Config *b) {
    Config copy = *a;
    copy.digests = b->digests;
    return schema_same(&type_config, &copy, b);
}

static void add(ReloadPlan *plan, Walk *w, Arena *arena) {
    const TargetSpec *old = w->i < w->now->n ? &w->now->targets[w->i] : NULL;
    const TargetSpec *new = w->j < w->next->n ? &w->next->targets[w->j] : NULL;
    int order = !old ? 1 : !new ? -1 : strcmp(old->name, new->name);
    TargetChange *change = &plan->at[plan->n++];
    *change = (TargetChange){.target = order <= 0 ? old->name : new->name,
                             .action = order < 0 ? RELOAD_STOP : RELOAD_START,
                             .keys = ""};
    w->i += order <= 0;
    w->j += order >= 0;
    if (!(order <= 0 ? old : new)->service)
        plan->n--; /* the file itself */
    else if (order == 0)
        compare(old, new, arena, change);
    if (order == 0 && old->service && change->action != RELOAD_RESTART)
        compare_templates(w, new, arena, change);
}

void reload_plan(const Graph *now, const Graph *next, Arena *arena, ReloadPlan *ret) {
    *ret = (ReloadPlan){.at = arena_alloc(arena, (now->n + next->n) * sizeof(*ret->at))};
    Walk w = {.now = now, .next = next};
    if (now->config) {
        w.was = template_values_of(now->config, arena);
        w.is = template_values_of(next->config, arena);
    }
    while (w.i < now->n || w.j < next->n)
        add(ret, &w, arena);
    for (size_t i = 0; i < ret->n && !ret->any; i++)
        ret->any = ret->at[i].action != RELOAD_KEEP;
    ret->any = ret->any || !now->config || !same_project(now->config, next->config);
}

static TargetChange *change_of(const ReloadPlan *plan, const char *target) {
    for (size_t i = 0; i < plan->n; i++)
        if (strcmp(plan->at[i].target, target) == 0)
            return &plan->at[i];
    return NULL;
}

/* The first of those that it follows and that come anew. */
static const TargetChange *leader_of(const Graph *next, const TargetSpec *spec,
                                     const ReloadPlan *plan) {
    for (size_t d = 0; d < spec->dep_n; d++) {
        const TargetChange *on = spec->deps[d].restart
                                     ? change_of(plan, next->targets[spec->deps[d].target].name)
                                     : NULL;
        if (on && (on->action == RELOAD_RESTART || on->action == RELOAD_START))
            return on;
    }
    return NULL;
}

/* In an order in which what others depend on comes first. */
void reload_follow(const Graph *next, const unsigned char *follows, Arena *arena,
                   ReloadPlan *plan) {
    for (size_t i = 0; i < next->n; i++) {
        const TargetSpec *spec = &next->targets[next->order[i]];
        const TargetChange *leader =
            spec->follows && follows[next->order[i]] ? leader_of(next, spec, plan) : NULL;
        TargetChange *change = leader ? change_of(plan, spec->name) : NULL;
        if (!change || change->action > RELOAD_UPDATE)
            continue;
        change->action = RELOAD_RESTART;
        change->because =
            arena_printf(arena, "%s is %sed", leader->target, reload_action_name(leader->action));
        plan->any = true;
    }
}

const char *reload_action_name(ReloadAction action) {
    static const char *const names[] = {[RELOAD_KEEP] = "keep",
                                        [RELOAD_UPDATE] = "update",
                                        [RELOAD_RESTART] = "restart",
                                        [RELOAD_START] = "start",
                                        [RELOAD_STOP] = "stop"};
    return names[action];
}

const char *reload_why(const TargetChange *change, const char *file, Arena *arena) {
    if (change->because)
        return change->because;
    switch (change->action) {
    case RELOAD_KEEP: return "";
    case RELOAD_UPDATE:
    case RELOAD_RESTART: return arena_printf(arena, "%s changed in %s", change->keys, file);
    case RELOAD_START: return arena_printf(arena, "new in %s", file);
    case RELOAD_STOP: return arena_printf(arena, "removed from %s", file);
    }
    UNREACHABLE();
}

/* "restart api:serve, db:serve"; "": nothing is done like that. */
static const char *say_action(const ReloadPlan *plan, ReloadAction action, Arena *arena) {
    const char *text = "";
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->at[i].action == action && n++ < SUMMARY_NAMES)
            text = arena_printf(arena, "%s%s%s", text, n > 1 ? ", " : "", plan->at[i].target);
    if (n > SUMMARY_NAMES)
        text = arena_printf(arena, "%s and %zu more", text, n - SUMMARY_NAMES);
    return n ? arena_printf(arena, "%s %s", reload_action_name(action), text) : "";
}

const char *reload_summary(const ReloadPlan *plan, const char *file, Arena *arena) {
    static const ReloadAction order[] = {RELOAD_RESTART, RELOAD_START, RELOAD_STOP, RELOAD_UPDATE};
    const char *text = "";
    for (size_t i = 0; i < COUNT(order); i++) {
        const char *more = say_action(plan, order[i], arena);
        text = arena_printf(arena, "%s%s%s", text, *text && *more ? "; " : "", more);
    }
    return arena_printf(arena, "%s changed: %s", file, *text ? text : "no target is concerned");
}

/* ---- what goes on for a while ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const Service *)a)->name, ((const Service *)b)->name);
}

static void leave(Service *service) {
    service->leaving = true;
    service->auto_start = false;
    service->depends_on.n = 0;
}

/* The services with a target that stays although `next` has no such target. */
static bool stays(const Graph *now, const Graph *next, const unsigned char *stay, size_t s) {
    uint32_t of[] = {now->of[s].update, now->of[s].serve};
    for (size_t i = 0; i < COUNT(of); i++)
        if (of[i] != TARGET_NONE && stay[of[i]] && graph_find(next, now->targets[of[i]].name) < 0)
            return true;
    return false;
}

const Config *reload_merge(const Graph *now, const Graph *next, const unsigned char *stay,
                           Arena *arena, bool *ret_again) {
    Config *merged = arena_dup(arena, next->config, sizeof(*merged));
    size_t n = next->config->services.n, room = n + now->config->services.n + 1;
    merged->services.at = arena_alloc(arena, room * sizeof(Service));
    if (n)
        memcpy(merged->services.at, next->config->services.at, n * sizeof(Service));
    *ret_again = false;
    for (size_t s = 0; s < now->config->services.n; s++) {
        const Service *old = &now->config->services.at[s];
        if (!stays(now, next, stay, s))
            continue;
        const Service *new = config_service(next->config, old->name);
        size_t at = new ? (size_t)(new - next->config->services.at) : merged->services.n++;
        merged->services.at[at] = *old;
        leave(&merged->services.at[at]);
        *ret_again |= new != NULL;
    }
    qsort(merged->services.at, merged->services.n, sizeof(Service), by_name);
    return merged;
}
