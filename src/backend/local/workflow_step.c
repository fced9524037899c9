/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/workflow_step.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "spec/foreign/shell_quote.h"

#define WORKSPACE "workspace"
#define HOME_DIR  "home"

enum { SCRIPT_MAX = 4 << 20, UMASK = 022, END_GRACE_MS = 10 * 1000 };

/* ---- what is refused ---- */

static int refuse(const Step *step, const char *key, Err *err) {
    return err_set(err, ERR_INVALID,
                   "step %s: the local backend runs processes of this machine and cannot honour "
                   "`%s`",
                   step->name, key);
}

/* The workflow's own volume is its workspace. */
static bool is_own_volume(const WorkflowConfig *config, const char *volume) {
    size_t n = config->volume ? strlen(config->volume) : 0;
    return n && strncmp(volume, config->volume, n) == 0 && (!volume[n] || volume[n] == ':');
}

static int check_step(const WorkflowConfig *config, const Step *step, Err *err) {
    if (step->type == STEP_CLONE)
        return refuse(step, "type: clone", err);
    if (step->tmpfs.n)
        return refuse(step, "tmpfs", err);
    if (step->devices.n)
        return refuse(step, "devices", err);
    if (step->extra_hosts.n)
        return refuse(step, "extra_hosts", err);
    for (size_t i = 0; i < step->volumes.n; i++)
        if (!is_own_volume(config, step->volumes.at[i]))
            return refuse(step, "volumes", err);
    return 0;
}

int workflow_refuse(const WorkflowConfig *config, Err *err) {
    for (size_t i = 0; i < config->stages.n; i++)
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++)
            if (check_step(config, &config->stages.at[i].steps.at[k], err) < 0)
                return -1;
    return 0;
}

/* ---- places ---- */

int workflow_places_make(const char *task_dir, Err *err) {
    AUTO_FREE char *workspace = path_join(task_dir, WORKSPACE);
    AUTO_FREE char *home = path_join(task_dir, HOME_DIR);
    return path_mkdirs(workspace, 0700, err) < 0 ? -1 : path_mkdirs(home, 0700, err);
}

int workflow_places_remove(const char *task_dir, Err *err) {
    AUTO_FREE char *workspace = path_join(task_dir, WORKSPACE);
    AUTO_FREE char *home = path_join(task_dir, HOME_DIR);
    return path_remove_tree(workspace, err) < 0 ? -1 : path_remove_tree(home, err);
}

static bool climbs(const char *path) {
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
            return true;
    return false;
}

/* What `path` is below `base`, without slashes before it; NULL: it is not. */
static const char *below(const char *path, const char *base) {
    size_t n = base ? strlen(base) : 0;
    while (n && base[n - 1] == '/')
        n--;
    if (!n || strncmp(path, base, n) != 0 || (path[n] && path[n] != '/'))
        return NULL;
    return path + n + strspn(path + n, "/");
}

static const char *directory(const Step *step, const char *workspace, Arena *arena, Err *err) {
    const char *wanted = step->working_dir ? step->working_dir : "";
    const char *rest = below(wanted, strmap_get(&step->environment, "CI_WORKSPACE"));
    if (!rest)
        rest = below(wanted, step->workspace_base);
    if (!rest && *wanted != '/')
        rest = wanted;
    if (!rest || climbs(rest)) {
        err_set(err, ERR_INVALID, "step %s: its working_dir %s is not below the workspace",
                step->name, wanted);
        return NULL;
    }
    const char *path = *rest ? arena_printf(arena, "%s/%s", workspace, rest) : workspace;
    return path_mkdirs(path, 0700, err) < 0 ? NULL : path;
}

/* ---- environment ---- */

/* Of our own; all that begin with LC_ as well. */
static const char *const inherited[] = {
    "LANG", "LOGNAME", "NO_PROXY",   "PATH",        "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR",
    "TZ",   "USER",    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy",   "https_proxy",   "no_proxy",
};

static bool is_inherited(const char *name) {
    for (size_t i = 0; i < COUNT(inherited); i++)
        if (strcmp(inherited[i], name) == 0)
            return true;
    return str_starts(name, "LC_");
}

/* These we say ourselves, or nobody is to see them. */
static bool is_ours(const char *name) {
    static const char *const names[] = {"CI_NETRC_MACHINE",
                                        "CI_NETRC_PASSWORD",
                                        "CI_NETRC_USERNAME",
                                        "CI_SCRIPT",
                                        "CI_WORKSPACE",
                                        "HOME",
                                        "SHELL"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const StrPair *)a)->name, ((const StrPair *)b)->name);
}

static StrMap inherited_map(Arena *arena) {
    StrMap map = {0};
    size_t cap = 0;
    for (char **at = environ; *at; at++) {
        size_t n = strcspn(*at, "=");
        char *name = arena_strndup(arena, *at, n);
        if (!(*at)[n] || !is_inherited(name) || strmap_get(&map, name))
            continue;
        map.at = arena_grow(arena, map.at, map.n, &cap, sizeof(*map.at));
        map.at[map.n++] = (StrPair){name, *at + n + 1};
        qsort(map.at, map.n, sizeof(*map.at), by_name);
    }
    return map;
}

static StrMap without_ours(const StrMap *map, Arena *arena) {
    StrMap copy = {.at = arena_alloc(arena, (map->n + 1) * sizeof(*copy.at))};
    for (size_t i = 0; i < map->n; i++)
        if (!is_ours(map->at[i].name))
            copy.at[copy.n++] = map->at[i];
    return copy;
}

/* `script` NULL: it has none. */
static StrMap environment(const Step *step, const char *task_dir, const char *script,
                          Arena *arena) {
    StrMap low = inherited_map(arena), own = without_ours(&step->environment, arena), high = {0};
    StrPair *pairs = arena_alloc(arena, 4 * sizeof(*pairs));
    high.at = pairs;
    if (script)
        pairs[high.n++] = (StrPair){"CI_SCRIPT", script};
    pairs[high.n++] = (StrPair){"CI_WORKSPACE", arena_printf(arena, "%s/" WORKSPACE, task_dir)};
    pairs[high.n++] = (StrPair){"HOME", arena_printf(arena, "%s/" HOME_DIR, task_dir)};
    if (script)
        pairs[high.n++] = (StrPair){"SHELL", "/bin/sh"};
    StrMap map = strmap_merge(&low, &own, arena);
    return strmap_merge(&map, &high, arena);
}

/* ---- what is run ---- */

/* Each command is shown before it runs. */
static const char *script_of(const Step *step, bool fish, Arena *arena) {
    Buf text;
    buf_init(&text, SCRIPT_MAX);
    for (size_t i = 0; i < step->commands.n; i++) {
        const char *shown = arena_printf(arena, "+ %s", step->commands.at[i]);
        buf_printf(&text, "printf '%%s\\n' %s\n%s%s\n", shell_quote(shown, arena),
                   step->commands.at[i], fish ? " || exit $status" : "");
    }
    const char *script = arena_strdup(arena, buf_cstr(&text));
    buf_deinit(&text);
    return script;
}

static const char *encoded(const char *script, Arena *arena) {
    Buf text;
    buf_init(&text, SCRIPT_MAX * 2);
    base64_put(&text, script, strlen(script));
    const char *copy = arena_strdup(arena, buf_cstr(&text));
    buf_deinit(&text);
    return copy;
}

static bool is_shell(const char *name) {
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish"};
    for (size_t i = 0; i < COUNT(shells); i++)
        if (strcasecmp(shells[i], name) == 0)
            return true;
    return false;
}

static int shell_argv(const Step *step, Arena *arena, StrList *ret, Err *err) {
    const char *name = path_base(step->image);
    bool fish = strcasecmp(name, "fish") == 0;
    if (!is_shell(name))
        return err_set(err, ERR_INVALID,
                       "step %s: on the local backend `image` is the shell of its commands, such "
                       "as sh or bash; %s is none that we know",
                       step->name, step->image);
    const char **argv = arena_alloc(arena, 4 * sizeof(*argv));
    size_t n = 0;
    argv[n++] = step->image;
    if (!fish)
        argv[n++] = "-e";
    argv[n++] = "-c";
    argv[n++] = script_of(step, fish, arena);
    *ret = (StrList){argv, n};
    return 0;
}

static int argv_of(const Step *step, Arena *arena, StrList *ret, Err *err) {
    if (step->entrypoint.n)
        return 0;
    if (step->commands.n)
        return shell_argv(step, arena, ret, err);
    const char **argv = arena_alloc(arena, sizeof(*argv));
    argv[0] = step->image;
    *ret = (StrList){argv, 1};
    return 0;
}

int workflow_process(const Step *step, const char *task_dir, Arena *arena, Step *ret, Err *err) {
    const char *workspace = arena_printf(arena, "%s/" WORKSPACE, task_dir);
    const char *script = step->entrypoint.n && step->commands.n
                             ? encoded(script_of(step, false, arena), arena)
                             : NULL;
    Step process = *step;
    process.working_dir = directory(step, workspace, arena, err);
    if (!process.working_dir || argv_of(step, arena, &process.entrypoint, err) < 0)
        return -1;
    process.type = STEP_PROCESS;
    process.environment = environment(step, task_dir, script, arena);
    process.process.umask = UMASK;
    process.end_signal = SIGTERM;
    process.end_grace_ms = END_GRACE_MS;
    *ret = process;
    return 0;
}
