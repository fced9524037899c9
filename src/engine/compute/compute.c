/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/compute.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"

static int later(const Compute *compute, const char *what, Err *err) {
    return err_set(err, ERR_UNAVAILABLE,
                   "%s of an environment whose compute is %s comes later: so far it is created, "
                   "listed and destroyed by its hooks",
                   what, compute->name);
}

static void check(const ComputeAsk *ask) {
    assert(ask->project && ask->path && ask->env);
    assert(!ask->compose_file || (ask->compose_file[0] == '/' && ask->compose_project));
}

int compute_look(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                 Err *err) {
    check(ask);
    return compute->ops->look(compute, ask, arena, ret, err);
}

int compute_create(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                   Err *err) {
    check(ask);
    assert(ask->path[0] == '/' && ask->branch);
    return compute->ops->create(compute, ask, arena, ret, err);
}

int compute_destroy(const Compute *compute, const ComputeAsk *ask, Arena *arena,
                    ComputeCommand *ret, Err *err) {
    check(ask);
    return compute->ops->destroy(compute, ask, arena, ret, err);
}

int compute_loss(const Compute *compute, const ComputeAsk *ask, Arena *arena, const char **ret,
                 Err *err) {
    check(ask);
    *ret = NULL;
    return compute->ops->loss ? compute->ops->loss(compute, ask, arena, ret, err) : 0;
}

StrList compute_own(const char *path, const char *root, const StrList *files, Arena *arena) {
    StrList own = {arena_alloc(arena, (files->n + 1) * sizeof(*own.at)), files->n};
    size_t n = strlen(path);
    bool below = str_starts(root, path) && root[n] == '/';
    for (size_t i = 0; i < files->n; i++)
        own.at[i] = below ? arena_printf(arena, "%s/%s", root + n + 1, files->at[i]) : files->at[i];
    return own;
}

int compute_start(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                  Err *err) {
    check(ask);
    if (!compute->ops->start)
        return later(compute, "the infrastructure", err);
    return compute->ops->start(compute, ask, arena, ret, err);
}

int compute_stop(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                 Err *err) {
    check(ask);
    if (!compute->ops->stop)
        return later(compute, "the infrastructure", err);
    return compute->ops->stop(compute, ask, arena, ret, err);
}

int compute_running(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                    Err *err) {
    check(ask);
    if (!compute->ops->running)
        return later(compute, "the infrastructure", err);
    return compute->ops->running(compute, ask, arena, ret, err);
}

int compute_read(const Compute *compute, const char *root, ComputeFile *file, Arena *arena,
                 Err *err) {
    if (!compute->ops->read)
        return later(compute, "reading files", err);
    return compute->ops->read(compute, root, file, arena, err);
}

int compute_write(const Compute *compute, const char *root, const ComputeFile *file, Err *err) {
    if (file->size > COMPUTE_FILE_MAX)
        return err_set(err, ERR_LIMIT,
                       "%s/%s would have %zu bytes: more than the %d that such a "
                       "file may have",
                       root, file->path, file->size, COMPUTE_FILE_MAX);
    if (!compute->ops->write)
        return later(compute, "writing files", err);
    return compute->ops->write(compute, root, file, err);
}

const Compute *compute_of(const ComputeAccess *access) {
    return access && strcmp(access->type, compute_hooks.name) == 0 ? &compute_hooks
                                                                   : &compute_local;
}
