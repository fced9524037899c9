/* SPDX-License-Identifier: Apache-2.0 */
#include "compute_memory.h"

#include <string.h>

#include "base/xalloc.h"

static MemoryCompute *of(const Compute *compute) {
    return container_of((Compute *)(uintptr_t)compute, MemoryCompute, base);
}

/* What is made is made at once: the command only says so. */
static ComputeCommand done(const ComputeAsk *ask, Arena *arena) {
    const char *argv[] = {"/bin/true", NULL};
    return (ComputeCommand){
        .argv = {arena_dup(arena, argv, sizeof(argv)), 1}, .cwd = "/", .env = *ask->env};
}

static int look(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                Err *err) {
    bool made = of(compute)->made;
    *ret = (ComputeLook){.stands = made,
                         .why = made ? NULL : "it was not made",
                         .root = ask->path,
                         .branch = made ? ask->branch : ""};
    return 0;
}

static int create(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                  Err *err) {
    *ret = of(compute)->made ? (ComputeCommand){.cwd = "/"} : done(ask, arena);
    of(compute)->made = true;
    return 0;
}

static int destroy(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                   Err *err) {
    MemoryCompute *memory = of(compute);
    *ret = memory->made ? done(ask, arena) : (ComputeCommand){.cwd = "/"};
    memset(memory->files, 0, sizeof(memory->files));
    memory->made = false;
    return 0;
}

static int start(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                 Err *err) {
    of(compute)->started++;
    *ret = done(ask, arena);
    return 0;
}

static ComputeFile *find(MemoryCompute *memory, const char *path) {
    for (size_t i = 0; i < MEMORY_FILES; i++)
        if (memory->files[i].path && strcmp(memory->files[i].path, path) == 0)
            return &memory->files[i];
    return NULL;
}

static int refuse(const char *root, const char *path, Err *err) {
    if (path[0] != '/' && !strstr(path, ".."))
        return 0;
    return err_set(err, ERR_INVALID, "%s is no path below %s", path, root);
}

static int read_file(const Compute *compute, const char *root, ComputeFile *file, Arena *arena,
                     Err *err) {
    if (refuse(root, file->path, err) < 0)
        return -1;
    const ComputeFile *found = find(of(compute), file->path);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "there is no %s in %s", file->path, root);
    *file = (ComputeFile){file->path, arena_strndup(arena, found->bytes, found->size), found->size,
                          found->mode};
    return 0;
}

static int write_file(const Compute *compute, const char *root, const ComputeFile *file, Err *err) {
    MemoryCompute *memory = of(compute);
    if (refuse(root, file->path, err) < 0)
        return -1;
    ComputeFile *to = find(memory, file->path);
    for (size_t i = 0; i < MEMORY_FILES && !to; i++)
        to = memory->files[i].path ? NULL : &memory->files[i];
    if (!to)
        return err_set(err, ERR_LIMIT, "there is no room for %s", file->path);
    *to = (ComputeFile){0};
    if (file->bytes)
        *to = (ComputeFile){arena_strdup(&memory->arena, file->path),
                            arena_strndup(&memory->arena, file->bytes, file->size), file->size,
                            file->mode};
    return 0;
}

static const ComputeOps ops = {.look = look,
                               .create = create,
                               .destroy = destroy,
                               .start = start,
                               .read = read_file,
                               .write = write_file};

MemoryCompute *memory_compute_new(void) {
    MemoryCompute *memory = xcalloc(1, sizeof(*memory));
    memory->base = (Compute){&ops, "memory"};
    arena_init(&memory->arena);
    return memory;
}

MemoryCompute *memory_compute_free(MemoryCompute *memory) {
    if (memory)
        arena_deinit(&memory->arena);
    free(memory);
    return NULL;
}
