/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/helpers.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

void helpers_deinit(Helpers *helpers) {
    op_forget(helpers->ending); /* what was asked for goes on */
    VEC_FREE(helpers->runs);
    VEC_FREE(helpers->seen);
    *helpers = (Helpers){0};
}

bool helpers_of_run(const Helpers *helpers, uint32_t run) {
    for (size_t i = 0; i < helpers->runs.n; i++)
        if (helpers->runs.at[i] == run)
            return true;
    return false;
}

void helpers_add(Helpers *helpers, uint32_t run) {
    if (!helpers_of_run(helpers, run))
        VEC_PUSH(helpers->runs, run);
}

static bool same(const Helper *a, size_t n, const Helper *b, size_t m) {
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++)
        if (a[i].pid != b[i].pid || strcmp(a[i].command, b[i].command) != 0)
            return false;
    return true;
}

bool helpers_look(Helpers *helpers, Backend *backend, StepId id) {
    Helper some[MAX_HELPERS];
    RunNumbers runs = {0};
    HelperList seen = {0};
    size_t total = 0;
    for (size_t i = 0; i < helpers->runs.n; i++) {
        id.run = helpers->runs.at[i];
        size_t n = backend_helpers(backend, id, some, MAX_HELPERS);
        if (n == 0)
            continue;
        total += n;
        VEC_PUSH(runs, id.run);
        for (size_t j = 0; j < n && seen.n < MAX_HELPERS; j++)
            VEC_PUSH(seen, some[j]);
    }
    VEC_FREE(helpers->runs);
    helpers->runs = runs;
    helpers->n = total;
    bool changed = !same(helpers->seen.at, helpers->seen.n, seen.at, seen.n);
    VEC_FREE(*(changed ? &helpers->seen : &seen));
    helpers->seen = changed ? seen : helpers->seen;
    return changed;
}

void helpers_describe(const Helpers *helpers, char *text, size_t size) {
    enum { LONGEST = PROCESS_COMMAND + 24 }; /* of one */
    size_t used = 0;
    text[0] = '\0';
    if (helpers->n)
        used = (size_t)snprintf(text, size, "%zu helper%s left running:", helpers->n,
                                helpers->n == 1 ? " is" : "s are");
    for (size_t i = 0; i < helpers->seen.n && used + LONGEST < size; i++) {
        const Helper *helper = &helpers->seen.at[i];
        used += (size_t)snprintf(text + used, size - used, "%s %lld (%s)", i ? "," : "",
                                 (long long)helper->pid, helper->command);
        if (i + 1 < helpers->n && used + LONGEST >= size)
            snprintf(text + used, size - used, ", ...");
    }
}
