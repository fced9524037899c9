/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/environment.h"

#include <string.h>

/* --- names --- */

static const char *const statuses[] = {
    [ENVIRONMENT_CREATING] = "creating", [ENVIRONMENT_PROVISIONED] = "provisioned",
    [ENVIRONMENT_RUNNING] = "running",   [ENVIRONMENT_STOPPED] = "stopped",
    [ENVIRONMENT_ERROR] = "error",       [ENVIRONMENT_DELETING] = "deleting",
};

static const char *const checkpoint_statuses[] = {
    [CHECKPOINT_STARTED] = "started",
    [CHECKPOINT_COMPLETED] = "completed",
    [CHECKPOINT_FAILED] = "failed",
    [CHECKPOINT_INVALIDATED] = "invalidated",
};

static int which(const char *text, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0)
            return (int)i;
    return -1;
}

const char *environment_status_name(EnvironmentStatus status) {
    return statuses[status];
}

int environment_status_parse(const char *text, EnvironmentStatus *ret) {
    int i = which(text, statuses, COUNT(statuses));
    if (i < 0)
        return -1;
    *ret = (EnvironmentStatus)i;
    return 0;
}

const char *checkpoint_status_name(CheckpointStatus status) {
    return checkpoint_statuses[status];
}

int checkpoint_status_parse(const char *text, CheckpointStatus *ret) {
    int i = which(text, checkpoint_statuses, COUNT(checkpoint_statuses));
    if (i < 0)
        return -1;
    *ret = (CheckpointStatus)i;
    return 0;
}

/* --- what is in an entry --- */

/* Where `key` is, or would be, among `n` things of `size` bytes that begin with their key, in byte
 * order of it. */
static size_t place_of(const void *at, size_t n, size_t size, const char *key, bool *ret_there) {
    size_t low = 0, high = n;
    *ret_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(*(const char *const *)((const char *)at + middle * size), key);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The things with room for one that begins with `key`, which is at *ret_place. */
static void *room_for(void *at, size_t *n, size_t size, const char *key, size_t *ret_place,
                      Arena *arena) {
    bool there;
    size_t place = *ret_place = place_of(at, *n, size, key, &there);
    if (there)
        return at;
    char *more = arena_alloc(arena, (*n + 1) * size);
    if (*n > 0) {
        memcpy(more, at, place * size);
        memcpy(more + (place + 1) * size, (char *)at + place * size, (*n - place) * size);
    }
    ++*n;
    return more;
}

Checkpoint *entry_checkpoint(const EnvironmentEntry *entry, const char *step) {
    bool there;
    size_t i = place_of(entry->steps.at, entry->steps.n, sizeof(Checkpoint), step, &there);
    return there ? &entry->steps.at[i] : NULL;
}

bool entry_completed(const EnvironmentEntry *entry, const char *step) {
    const Checkpoint *checkpoint = entry_checkpoint(entry, step);
    return checkpoint && checkpoint->status == CHECKPOINT_COMPLETED;
}

void entry_set_checkpoint(EnvironmentEntry *entry, const Checkpoint *checkpoint, Arena *arena) {
    size_t i;
    entry->steps.at =
        room_for(entry->steps.at, &entry->steps.n, sizeof(Checkpoint), checkpoint->name, &i, arena);
    entry->steps.at[i] = *checkpoint;
}

int64_t entry_port(const EnvironmentEntry *entry, const char *name) {
    bool there;
    size_t i = place_of(entry->ports.at, entry->ports.n, sizeof(EnvironmentPort), name, &there);
    return there ? entry->ports.at[i].port : 0;
}

const StrMap *entry_outputs(const EnvironmentEntry *entry, const char *service) {
    bool there;
    size_t i =
        place_of(entry->outputs.at, entry->outputs.n, sizeof(ProvisionedOutputs), service, &there);
    return there ? &entry->outputs.at[i].values : NULL;
}

void entry_set_outputs(EnvironmentEntry *entry, const char *service, const StrMap *values,
                       Arena *arena) {
    size_t i;
    entry->outputs.at = room_for(entry->outputs.at, &entry->outputs.n, sizeof(ProvisionedOutputs),
                                 service, &i, arena);
    entry->outputs.at[i] = (ProvisionedOutputs){.service = service, .values = *values};
}

const char *entry_path(const EnvironmentEntry *entry) {
    return entry->compute && entry->compute->path ? entry->compute->path : "";
}
