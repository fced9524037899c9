/* SPDX-License-Identifier: Apache-2.0 */
/* All environments of a project at once, as previewctl's State. */
#include "engine/environments/environment_state.h"

#include <string.h>
#include <unistd.h>

#include "api/environment_request.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/compute/git_tree.h"
#include "spec/compute_access.h"
#include "spec/config_modes.h"

#define STATE_PLACE "the state" /* where problems of it are */

/* ---- export ---- */

/* The store does not know which of them run just now. */
static EnvironmentState as_it_is(const Api *api, const char *project,
                                 const EnvironmentState *stored, Arena *arena) {
    EnvironmentState state = *stored;
    size_t n = stored->environments.n;
    state.environments.at = arena_dup(arena, stored->environments.at, n * sizeof(EnvironmentEntry));
    for (size_t i = 0; i < n; i++) {
        EnvironmentEntry *entry = &state.environments.at[i];
        const Environment *environment =
            environment_find(api->options.engine, project, entry->name);
        if (environment)
            entry->status = environment_phase(environment);
    }
    return state;
}

void serve_environment_state(Api *api, Request *request, const RouteMatch *match) {
    const Waiting *waited = waiting_of(request);
    const char *project;
    Reply reply;
    if (environment_project_param(api, request, request_param(request, "project"), &project) < 0)
        return;
    if (waited->stage == WAITED_FOR_ENTRY) {
        EnvironmentState state = as_it_is(api, project, waited->result, request->arena);
        JsonWriter *out = reply_begin(&reply);
        state_encode(&state, request_flag(request, "reveal") ? ENTRY_SEED : ENTRY_SHOWN, out);
        reply_end(&reply, request);
        return;
    }
    Waiting *waiting = waiting_new(request, WAITED_FOR_ENTRY, sizeof(EnvironmentState));
    waiting_begin(waiting,
                  environments_export(api->options.engine, project, request_flag(request, "audit"),
                                      waiting_done, waiting));
}

/* ---- import ---- */

/* Whose worktree that of state->environments.at[i] is already, here or before it in the state: what
 * is done to one of them would be done to both. NULL: nobody's. */
static const char *owner_of(const Api *api, const char *project, const EnvironmentState *state,
                            size_t i) {
    const EnvironmentEntry *entry = &state->environments.at[i];
    const char *path = entry_path(entry);
    if (!*path)
        return NULL;
    for (size_t k = 0; k < i; k++)
        if (strcmp(entry_path(&state->environments.at[k]), path) == 0)
            return state->environments.at[k].name;
    AUTO_FREE char *real = path_resolve(path);
    const Environment *there = environment_at(api->options.engine, real);
    bool same = there && strcmp(environment_entry(there)->name, entry->name) == 0 &&
                strcmp(environment_project(there), project) == 0;
    return there && !same && strcmp(entry_path(environment_entry(there)), real) == 0
               ? environment_entry(there)->name
               : NULL;
}

/* A tree that is not ours to remove is one of the project's all the same: what runs in it is ended
 * with the environment. */
static bool is_of_others(const ComputeAccess *compute, const char *project, Arena *arena) {
    AUTO_FREE char *dir = path_dir(project);
    GitTree own, tree;
    return !compute->managed && access(compute->path, F_OK) == 0 &&
           (git_tree_of(compute->path, arena, &tree, NULL) < 0 ||
            git_tree_of(dir, arena, &own, NULL) < 0 || strcmp(own.common, tree.common) != 0);
}

static int check_compute(const Api *api, const ComputeAccess *compute, const char *project,
                         Arena *arena, Err *err) {
    if (compute_access_check(compute, err) < 0 ||
        compute_tree_check(compute, project, api->options.state_dir, err) < 0)
        return -1;
    return compute->path && strcmp(compute->type, "local") == 0 &&
                   is_of_others(compute, project, arena)
               ? err_set(err, ERR_INVALID, "path: %s is no worktree of the repository of %s",
                         compute->path, project)
               : 0;
}

/* Without a branch, in a mode that cannot be, or where nothing can be: nothing could ever go on
 * with it. */
static int check_entries(const Api *api, const EnvironmentState *state, const char *project,
                         Arena *arena, Report *report) {
    static const Place place = {.file = STATE_PLACE};
    Err err;
    for (size_t i = 0; i < state->environments.n; i++) {
        const EnvironmentEntry *entry = &state->environments.at[i];
        if (!*entry->branch)
            report_add(report, &place, NULL, "environments.%s.branch: it is missing", entry->name);
        if (*entry->mode && !config_mode_named(entry->mode, strlen(entry->mode)))
            report_add(report, &place, NULL,
                       "environments.%s.mode: \"%.80s\" cannot be the name of a mode: use letters, "
                       "digits, '-', '_' and '.', at most %d characters",
                       entry->name, entry->mode, MODE_MAX);
        if (entry->compute && check_compute(api, entry->compute, project, arena, &err) < 0)
            report_add(report, &place, NULL, "environments.%s.compute.%s", entry->name, err.msg);
        const char *owner = owner_of(api, project, state, i);
        if (owner)
            report_add(
                report, &place, NULL,
                "environments.%s.compute.path: %s is the worktree of environment '%s' already",
                entry->name, entry_path(entry), owner);
    }
    return report->errors ? -1 : 0;
}

static int read_state(const Api *api, Request *request, const char *project, const Value *v,
                      EnvironmentState *ret) {
    Report report;
    Err err;
    report_init(&report, request->arena);
    if (state_decode(v, STATE_PLACE, request->arena, &report, ret) == 0 &&
        check_entries(api, ret, project, request->arena, &report) == 0)
        return 0;
    err_set(&err, ERR_INVALID, "nothing was imported: %s",
            report_line(&report.at[0], request->arena));
    environment_refuse(request, "", &report, &err);
    return -1;
}

static void reply_imported(Request *request, const EnvironmentState *state) {
    Reply reply;
    JsonWriter *out = reply_begin(&reply);
    json_kv_array(out, "imported");
    for (size_t i = 0; i < state->environments.n; i++)
        json_string(out, state->environments.at[i].name);
    json_array_end(out);
    reply_end(&reply, request);
}

void serve_environment_import(Api *api, Request *request, const RouteMatch *match) {
    const Value *body;
    const char *project;
    EnvironmentState *state = arena_alloc(request->arena, sizeof(*state));
    if (waiting_of(request)->stage == WAITED_FOR_CHANGE) {
        reply_imported(request, waiting_of(request)->result);
        return;
    }
    if (request_json(request, &body) < 0 ||
        environment_project_param(api, request, value_get_str(body, "project"), &project) < 0 ||
        read_state(api, request, project, value_get(body, "state"), state) < 0)
        return;
    Waiting *waiting = waiting_new(request, WAITED_FOR_CHANGE, 0);
    waiting->result = state;
    waiting_begin(waiting,
                  environments_import(api->options.engine, project, state, waiting_done, waiting));
}
