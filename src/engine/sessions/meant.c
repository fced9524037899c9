/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sessions/meant.h"

#include <string.h>

#include "engine/targets/target.h"

bool target_is_meant(const char *name, const char *target, Arena *arena) {
    size_t n = strcspn(target, ":"), hook = strcspn(target, ".");
    if (target[hook] && strncmp(name, target, hook) == 0 && name[hook] == '\0')
        return true; /* a hook of it: "api:serve.before" */
    return strcmp(name, target) == 0 || (strncmp(name, target, n) == 0 && name[n] == '\0') ||
           (strchr(name, '.') && strcmp(name, graph_object_name(target, arena)) == 0);
}

StrList names_without_groups(const Session *session, const StrList *names, Arena *arena) {
    StrList list = {.at = arena_alloc(arena, (names->n * session->graph.n + 1) * sizeof(char *))};
    for (size_t i = 0; i < names->n; i++) {
        size_t before = list.n;
        for (size_t t = 0; t < session->graph.n; t++)
            for (size_t g = 0; g < session->groups[t].n; g++)
                if (strcmp(session->groups[t].at[g], names->at[i]) == 0)
                    list.at[list.n++] = session->graph.targets[t].name;
        if (list.n == before)
            list.at[list.n++] = names->at[i];
    }
    return list;
}
