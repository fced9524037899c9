/* SPDX-License-Identifier: Apache-2.0 */
/* What deploy has left running, whoever's it is: told by the disk, as long as anything is left of
 * the environment there. */
#include <dirent.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "engine/environments/environments_inside.h"
#include "engine/targets/run_files.h"

static const char deploy[] = "runner_deploy";

typedef struct Search {
    Engine *engine;
    const char *space; /* NULL: they are what is looked for */
    EnvironmentLeftFn fn;
    void *arg;
} Search;

static void see(const Search *search, const char *name, const char *dir) {
    Backend *backend = search->engine->backend;
    uint32_t runs[MAX_RUNS_LISTED];
    uint32_t n = run_files_list(dir, deploy, runs, MAX_RUNS_LISTED);
    size_t left = 0;
    Arena arena;
    if (!n)
        return;
    arena_init(&arena);
    const char *task = environment_task(search->space, name, &arena);
    op_forget(backend_setup_workflow(backend, task, dir, NULL, NULL, NULL));
    for (uint32_t i = 0; i < n; i++)
        left += backend_helpers(backend, (StepId){.task = task, .step = deploy, .run = runs[i]},
                                NULL, 0);
    if (left)
        search->fn(search->arg, search->space, name, left);
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
