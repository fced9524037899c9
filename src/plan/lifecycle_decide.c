/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "plan/lifecycle.h"
#include "spec/digest.h"

/* ---- what is to be done ---- */

static bool same_inputs(const StepLook *look) {
    if (look->kept)
        return true;
    if (look->record->inputs && !look->record->inputs[0])
        return false; /* lifecycle_invalidate() */
    return !look->inputs || !look->record->inputs ||
           strcmp(look->inputs, look->record->inputs) == 0;
}

/* Such a hook is run again without a reason. What needs it is stale only if it was made from
 * something else then; if other outputs come of it now, the inputs of those who use them tell. */
static bool runs_as_ever(const LifecycleStep *step, const StepLook *look) {
    return step->hook && !step->hook->allow_cache && look->record && !look->forced &&
           look->record->status != CHECKPOINT_INVALIDATED && same_inputs(look);
}

static StepDecision run(const LifecycleStep *step, const StepLook *look, const char *action,
                        const char *message) {
    return (StepDecision){.verdict = VERDICT_RUN,
                          .invalidates = !runs_as_ever(step, look),
                          .action = action,
                          .message = message};
}

static StepDecision skip(const char *action) {
    return (StepDecision){.verdict = VERDICT_SKIP, .action = action};
}

StepDecision lifecycle_decide(const LifecycleStep *step, const StepLook *look, Arena *arena) {
    const Checkpoint *record = look->record;
    if (record && record->status == CHECKPOINT_STARTED && record->run > 0)
        return (StepDecision){.verdict = VERDICT_RESUME, .invalidates = !runs_as_ever(step, look)};
    if (!record || record->status != CHECKPOINT_COMPLETED)
        return run(step, look, NULL, NULL);
    if (look->forced)
        return run(step, look, "invalidated",
                   look->why ? arena_printf(arena, "Invalidated: %s", look->why) : "Invalidated");
    if (!same_inputs(look))
        return run(step, look, "invalidated", "Invalidated: what it is made from has changed");
    if (step->hook && !step->hook->allow_cache)
        return run(step, look, NULL, NULL);
    if (!step->verified)
        return skip("skipped");
    if (look->stands)
        return skip("verified");
    return run(
        step, look, "verify_failed",
        arena_printf(arena, "Re-executing: %s", look->why ? look->why : "its effect is gone"));
}

bool lifecycle_invalidate(Checkpoint *record) {
    if (record->status == CHECKPOINT_STARTED)
        record->inputs = "";
    else if (record->status == CHECKPOINT_COMPLETED)
        record->status = CHECKPOINT_INVALIDATED;
    else
        return false;
    return true;
}

/* ---- inputs ---- */

static int compare_pairs(const void *a, const void *b) {
    return strcmp((*(const ValuePair *const *)a)->key, (*(const ValuePair *const *)b)->key);
}

static void add_value(Digest *digest, const Value *v, Arena *arena);

static void add_map(Digest *digest, const Value *map, Arena *arena) {
    size_t n = map->map.n;
    const ValuePair **pairs = arena_alloc(arena, n * sizeof(*pairs));
    for (size_t i = 0; i < n; i++)
        pairs[i] = &map->map.at[i];
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    for (size_t i = 0; i < n; i++) {
        digest_add_text(digest, pairs[i]->key);
        add_value(digest, pairs[i]->value, arena);
    }
}

/* So that what value_equal() calls the same gives the same; every value tells where it ends. */
static void add_value(Digest *digest, const Value *v, Arena *arena) {
    size_t n = !v ? 0 : v->kind == VALUE_STRING ? v->len : value_count(v);
    digest_add_text(digest, v ? arena_printf(arena, "%s %zu", value_kind_name(v->kind), n) : NULL);
    if (!v)
        return;
    switch (v->kind) {
    case VALUE_NULL: break;
    case VALUE_BOOL: digest_add_text(digest, v->boolean ? "true" : "false"); break;
    case VALUE_INT:
        digest_add_text(digest, arena_printf(arena, "%lld", (long long)v->integer));
        break;
    case VALUE_REAL: digest_add_text(digest, arena_printf(arena, "%a", v->real)); break;
    case VALUE_STRING: digest_add(digest, v->text, v->len); break;
    case VALUE_LIST:
        for (size_t i = 0; i < n; i++)
            add_value(digest, value_at(v, i), arena);
        break;
    case VALUE_MAP: add_map(digest, v, arena); break;
    }
}

static const Checkpoint *record_of(const EnvironmentEntry *entry, const char *name) {
    for (size_t i = 0; i < entry->steps.n; i++)
        if (strcmp(entry->steps.at[i].name, name) == 0)
            return &entry->steps.at[i];
    return NULL;
}

/* What a step has become: when it was begun, what it was made from, what came of it. When does not
 * count where it is run each time anyway. */
static void add_result(Digest *digest, const LifecycleStep *step, const EnvironmentEntry *entry,
                       Arena *arena) {
    const Checkpoint *record = record_of(entry, step->name);
    bool each_time = step->hook && !step->hook->allow_cache;
    digest_add_text(digest, step->name);
    if (!record || record->status != CHECKPOINT_COMPLETED) {
        digest_add_text(digest, "not done");
        return;
    }
    long long begun = each_time ? 0 : (long long)record->started_ns;
    digest_add_text(digest, arena_printf(arena, "done %lld", begun));
    digest_add_text(digest, record->inputs);
    add_value(digest, record->outputs, arena);
}

const char *lifecycle_inputs(const Lifecycle *lifecycle, uint32_t step, const char *own,
                             const EnvironmentEntry *entry, Arena *arena) {
    const LifecycleStep *s = &lifecycle->at[step];
    Digest *digest = digest_new();
    digest_add_text(digest, s->name);
    digest_add_text(digest, own);
    for (uint32_t i = 0; i < s->need_n; i++)
        add_result(digest, &lifecycle->at[s->needs[i]], entry, arena);
    return digest_end(digest, arena);
}

/* ---- dependants ---- */

uint32_t lifecycle_dependants(const Lifecycle *lifecycle, uint32_t step, uint32_t *ret) {
    uint32_t n = 0;
    for (uint32_t i = step + 1; i < lifecycle->n; i++) {
        const LifecycleStep *s = &lifecycle->at[i];
        bool stale = false;
        for (uint32_t k = 0; k < s->need_n && !stale; k++) {
            stale = s->needs[k] == step;
            for (uint32_t d = 0; d < n && !stale; d++)
                stale = s->needs[k] == ret[d];
        }
        if (stale)
            ret[n++] = i;
    }
    return n;
}
