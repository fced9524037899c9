/* SPDX-License-Identifier: Apache-2.0 */
/* What deploy has left running, of one environment, or whoever's it is: told by the disk, as long
 * as anything is left of the environment there. */
#include <dirent.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/environments/environments_inside.h"
#include "engine/targets/run_files.h"

const char deploy_step[] = "runner_deploy";

/* ---- of one ---- */

StepId deploy_runs_id(const DeployRuns *runs, uint32_t run) {
    return (StepId){.task = runs->task, .step = deploy_step, .run = run};
}

uint32_t deploy_runs_next(const DeployRuns *runs, uint32_t run, size_t *ret_processes) {
    uint32_t at[MAX_RUNS_LISTED];
    uint32_t n = run_files_list(runs->dir, deploy_step, at, MAX_RUNS_LISTED);
    for (uint32_t i = 0; i < n; i++) {
        size_t processes =
            at[i] > run ? backend_helpers(runs->backend, deploy_runs_id(runs, at[i]), NULL, 0) : 0;
        if (processes) {
            *ret_processes = processes;
            return at[i];
        }
    }
    return 0;
}

size_t deploy_runs_count(const DeployRuns *runs) {
    size_t all = 0, some;
    if (run_files_newest(runs->dir, deploy_step) == 0)
        return 0;
    op_forget(backend_setup_workflow(runs->backend, runs->task, runs->dir, NULL, NULL, NULL));
    for (uint32_t run = 0; (run = deploy_runs_next(runs, run, &some));)
        all += some;
    return all;
}

void environment_look_left(Environment *environment) {
    Engine *engine = environment->engine;
    const DeployRuns runs = {engine->backend, environment->task, environment->dir};
    bool ours = !environment->apart && environment_is_served_here(environment);
    bool left = ours && deploy_runs_count(&runs) > 0;
    if (left == environment->left_running)
        return;
    environment->left_running = left;
    environment_touch(environment);
}

/* ---- of all ---- */

typedef struct Search {
    Engine *engine;
    const char *space; /* NULL: they are what is looked for */
    EnvironmentLeftFn fn;
    void *arg;
} Search;

static void see(const Search *search, const char *slug, const char *dir) {
    Arena arena;
    arena_init(&arena);
    const char *task = environment_task(search->space, slug, &arena);
    size_t processes = deploy_runs_count(&(DeployRuns){search->engine->backend, task, dir});
    Object *object = object_find(search->engine->objects, OBJECT_ENVIRONMENT, search->space, slug);
    if (processes)
        search->fn(search->arg, search->space, object ? environment_of(object)->entry.name : slug,
                   processes);
    arena_deinit(&arena);
}

static void look_below(const Search *search, const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        AUTO_FREE char *below = path_join(path, entry->d_name);
        Search inner = *search;
        inner.space = entry->d_name;
        if (entry->d_name[0] == '.')
            continue;
        if (search->space)
            see(search, entry->d_name, below);
        else
            look_below(&inner, below);
    }
    if (dir)
        closedir(dir);
}

void environments_left_running(Engine *engine, EnvironmentLeftFn fn, void *arg) {
    AUTO_FREE char *path = path_join(engine->state_dir, "environments");
    look_below(&(Search){.engine = engine, .fn = fn, .arg = arg}, path);
}
