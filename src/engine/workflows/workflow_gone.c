/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of workflows that are over. One goes in one step: its directory is renamed to a name
 * that no workflow has, then removed by a worker, because there may be many files in it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/workflows/workflow_inside.h"

#define GONE ".gone-"

/* ---- files ---- */

static void remove_tree(void *path) {
    Err err;
    if (path_remove_tree(path, &err) < 0)
        log_warn("%s", err.msg);
}

/* Takes `path`. */
static void remove_later(Engine *engine, char *path) {
    Err err;
    if (engine->worker && worker_run(engine->worker, remove_tree, free, path, &err) == 0)
        return;
    remove_tree(path);
    free(path);
}

void workflows_sweep(Engine *engine) {
    AUTO_FREE char *path = path_join(engine->state_dir, "workflows");
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strncmp(entry->d_name, GONE, strlen(GONE)) == 0)
            remove_later(engine, path_join(path, entry->d_name));
    if (dir)
        closedir(dir);
}

int workflow_directory_remove(Engine *engine, const char *dir, Err *err) {
    char uid[37];
    random_uuid(uid);
    char *gone = xasprintf("%s/workflows/" GONE "%s", engine->state_dir, uid);
    if (sys_renameat(AT_FDCWD, dir, AT_FDCWD, gone) < 0) {
        int error = errno;
        free(gone);
        return error == ENOENT ? 0 : err_sys(err, error, "rename %s", dir);
    }
    sys_point("wf-gone");
    remove_later(engine, gone);
    return 0;
}

/* ---- one ---- */

void workflow_forget(Workflow *workflow) {
    Engine *engine = workflow->engine;
    Err err;
    object_remove(engine->objects, &workflow->object);
    if (workflow_directory_remove(engine, workflow->dir, &err) < 0)
        log_warn("workflow %s: %s", workflow->name, err.msg);
    workflow_free(workflow);
}

/* ---- those that are kept ---- */

static bool may_go(const Workflow *workflow, const Workflow *newest) {
    return workflow != newest && workflow_over(workflow) && workflow->ended_us &&
           !workflow->deleting && !workflow->facts.keep;
}

static Workflow *oldest(Engine *engine, const Workflow *newest, size_t *ret_n) {
    Workflow *workflow, *found = NULL;
    size_t n = 0;
    LIST_FOREACH (workflow, &engine->workflows, link) {
        n += workflow->ended_us != 0;
        if (may_go(workflow, newest) && (!found || workflow->ended_us < found->ended_us))
            found = workflow;
    }
    *ret_n = n;
    return found;
}

void workflows_retain(Engine *engine, const Workflow *newest) {
    size_t n;
    for (Workflow *workflow; (workflow = oldest(engine, newest, &n)) && n > MAX_WORKFLOWS_OVER;) {
        log_info("workflow %s is over for long and goes with its files", workflow->name);
        workflow_forget(workflow);
    }
}
