/* SPDX-License-Identifier: Apache-2.0 */
/* Key-values of an environment. */
#include "engine/environments/environment_values.h"

#include <string.h>

#include "api/environment_request.h"
#include "base/str.h"

static void reply_values(Request *request, const StrMap *values, bool reveal) {
    bool *hidden = arena_alloc(request->arena, values->n + 1);
    Reply reply;
    memset(hidden, !reveal, values->n + 1);
    JsonWriter *out = reply_begin(&reply);
    reply_put_map(out, "values", values, hidden);
    reply_end(&reply, request);
}

void serve_environment_values(Api *api, Request *request, const RouteMatch *match) {
    const StoredEnvironment *stored = environment_stored(api, request, match, ENVIRONMENT_VALUES);
    if (stored)
        reply_values(request, &stored->entry.values, request_flag(request, "reveal"));
}

/* ---- setting ---- */

static int read_pair(Request *request, const ValuePair *pair, StrMap *set, StrList *unset) {
    const char *text = value_str(pair->value);
    Err err;
    if (environment_value_name_check(pair->key, &err) < 0)
        return environment_bad(request, "values", err.msg);
    if (value_is(pair->value, VALUE_NULL)) {
        unset->at[unset->n++] = pair->key;
        return 0;
    }
    if (!text)
        return environment_bad(request, arena_printf(request->arena, "values.%s", pair->key),
                               "expected a string, or null to unset it");
    if (strlen(text) != pair->value->len)
        return environment_bad(request, arena_printf(request->arena, "values.%s", pair->key),
                               "it has a NUL byte");
    set->at[set->n++] = (StrPair){pair->key, text};
    return 0;
}

static int read_patch(Request *request, StrMap *set, StrList *unset) {
    const Value *body;
    if (request_merge_patch(request, &body) < 0)
        return -1;
    size_t n = body ? body->map.n : 0;
    *set = (StrMap){.at = arena_alloc(request->arena, (n + 1) * sizeof(*set->at))};
    *unset = (StrList){.at = arena_alloc(request->arena, (n + 1) * sizeof(*unset->at))};
    for (size_t i = 0; i < n; i++)
        if (read_pair(request, &body->map.at[i], set, unset) < 0)
            return -1;
    strmap_sort(set);
    return 0;
}

void serve_environment_values_patch(Api *api, Request *request, const RouteMatch *match) {
    const Waiting *waited = waiting_of(request);
    StrMap set;
    StrList unset;
    if (waited->stage == WAITED_FOR_CHANGE) {
        const StoredEnvironment *stored = waited->result;
        reply_values(request, &stored->entry.values, false);
        return;
    }
    Environment *environment = find_environment(api, request, match);
    if (!environment || read_patch(request, &set, &unset) < 0)
        return;
    Err err;
    if (set.n && environment_values_check(environment, &set, &err) < 0) {
        (void)environment_bad(request, "values", err.msg);
        return;
    }
    Waiting *waiting = waiting_new(request, WAITED_FOR_CHANGE, sizeof(StoredEnvironment));
    waiting_begin(waiting, environment_set_values(environment, &(ValuesAsk){&set, &unset},
                                                  waiting_done, waiting));
}
