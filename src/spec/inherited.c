/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/inherited.h"

#include <string.h>

#include "base/str.h"
#include "spec/git_variables.h"

static bool is_inherited(const char *name) {
    static const char *const names[] = {
        "HTTPS_PROXY", "HTTP_PROXY",   "LANG",          "LANGUAGE",    "LOGNAME",  "NO_PROXY",
        "PATH",        "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR",      "TZ",       "USER",
        "all_proxy",   "ALL_PROXY",    "http_proxy",    "https_proxy", "no_proxy",
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return str_starts(name, "LC_");
}

StrMap inherited_environment(const StrMap *env, Arena *arena) {
    StrPair path = {"PATH", INHERITED_PATH};
    const StrMap low = {.at = &path, .n = 1};
    StrMap own = {.at = arena_alloc(arena, (env->n + 1) * sizeof(*own.at))};
    for (size_t i = 0; i < env->n; i++)
        if (is_inherited(env->at[i].name))
            own.at[own.n++] = env->at[i];
    return strmap_merge(&low, &own, arena);
}

StrMap inherited_without_git(const StrMap *env, Arena *arena) {
    StrMap kept = {.at = arena_alloc(arena, (env->n + 1) * sizeof(*kept.at))};
    for (size_t i = 0; i < env->n; i++)
        if (!git_variable_is(env->at[i].name))
            kept.at[kept.n++] = env->at[i];
    return kept;
}

/* Is it one of a pair, or named as only what an environment tells is? */
static bool is_told(const StrMap *env, const char *name, Arena *arena) {
    static const char *const prefixes[] = {"THOLE_", "PREVIEWCTL_"};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        const char *rest = name + strlen(prefixes[i]);
        if (!str_starts(name, prefixes[i]))
            continue;
        return str_starts(rest, "STORE_") || str_starts(rest, "PORT_") ||
               strmap_get(env, arena_printf(arena, "%s%s", prefixes[1 - i], rest)) != NULL;
    }
    return false;
}

StrMap inherited_by_environment(const StrMap *env, Arena *arena) {
    StrMap kept = inherited_without_git(env, arena);
    size_t n = 0;
    for (size_t i = 0; i < kept.n; i++)
        if (!is_told(env, kept.at[i].name, arena))
            kept.at[n++] = kept.at[i];
    kept.n = n;
    return kept;
}
