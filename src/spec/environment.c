/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/environment.h"

#include <string.h>

#include "base/str.h"

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

/* Things of `size` bytes that begin with their key, in byte order of it. */
typedef struct Things {
    void *at;
    size_t n, size;
} Things;

static void *thing(const Things *things, size_t i) {
    return (char *)things->at + i * things->size;
}

/* Where `key` is, or would be. */
static size_t place_of(const Things *things, const char *key, bool *ret_there) {
    size_t low = 0, high = things->n;
    *ret_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(*(const char *const *)thing(things, middle), key);
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

static void *find(Things things, const char *key) {
    bool there;
    size_t i = place_of(&things, key, &there);
    return there ? thing(&things, i) : NULL;
}

/* The place of the one that is to begin with `key`. */
static void *room_for(Things *things, const char *key, Arena *arena) {
    bool there;
    size_t place = place_of(things, key, &there);
    if (there)
        return thing(things, place);
    Things more = {arena_alloc(arena, (things->n + 1) * things->size), things->n + 1, things->size};
    if (things->n > 0) {
        memcpy(more.at, things->at, place * things->size);
        memcpy(thing(&more, place + 1), thing(things, place), (things->n - place) * things->size);
    }
    *things = more;
    return thing(things, place);
}

#define THINGS(list) ((Things){(list).at, (list).n, sizeof(*(list).at)})

Checkpoint *entry_checkpoint(const EnvironmentEntry *entry, const char *step) {
    return find(THINGS(entry->steps), step);
}

static const char *const starting[] = {"start_services", "runner_deploy"};

bool step_keeps_server(const char *step) {
    for (size_t i = 0; i < COUNT(starting); i++)
        if (strcmp(step, starting[i]) == 0)
            return true;
    return false;
}

const char *entry_server(const EnvironmentEntry *entry) {
    const char *server = NULL;
    for (size_t i = 0; i < COUNT(starting) && !server; i++) {
        const Checkpoint *record = entry_checkpoint(entry, starting[i]);
        server = record && record->outputs ? value_get_str(record->outputs, SERVICES_SERVER) : NULL;
        if (server && record->server)
            server = record->server;
    }
    return server;
}

bool entry_completed(const EnvironmentEntry *entry, const char *step) {
    const Checkpoint *checkpoint = entry_checkpoint(entry, step);
    return checkpoint && checkpoint->status == CHECKPOINT_COMPLETED;
}

void entry_set_checkpoint(EnvironmentEntry *entry, const Checkpoint *checkpoint, Arena *arena) {
    Things steps = THINGS(entry->steps);
    Checkpoint *place = room_for(&steps, checkpoint->name, arena);
    *place = *checkpoint;
    entry->steps = (Checkpoints){steps.at, steps.n};
}

int64_t entry_port(const EnvironmentEntry *entry, const char *name) {
    const EnvironmentPort *port = find(THINGS(entry->ports), name);
    return port ? port->port : 0;
}

const char *entry_port_name(const char *service, const char *port, Arena *arena) {
    return arena_printf(arena, "%s.%s", service, port);
}

const StrMap *entry_outputs(const EnvironmentEntry *entry, const char *service) {
    const ProvisionedOutputs *outputs = find(THINGS(entry->outputs), service);
    return outputs ? &outputs->values : NULL;
}

void entry_set_outputs(EnvironmentEntry *entry, const char *service, const StrMap *values,
                       Arena *arena) {
    Things all = THINGS(entry->outputs);
    ProvisionedOutputs *place = room_for(&all, service, arena);
    *place = (ProvisionedOutputs){.service = service, .values = *values};
    entry->outputs = (EnvironmentOutputs){all.at, all.n};
}

static bool same_values(const StrMap *a, const StrMap *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = str_same(a->at[i].name, b->at[i].name) && str_same(a->at[i].value, b->at[i].value);
    return same;
}

bool entry_gives_same(const EnvironmentEntry *a, const EnvironmentEntry *b) {
    bool same = a->ports.n == b->ports.n && a->outputs.n == b->outputs.n &&
                same_values(&a->values, &b->values);
    for (size_t i = 0; same && i < a->ports.n; i++)
        same = str_same(a->ports.at[i].name, b->ports.at[i].name) &&
               a->ports.at[i].port == b->ports.at[i].port;
    for (size_t i = 0; same && i < a->outputs.n; i++)
        same = str_same(a->outputs.at[i].service, b->outputs.at[i].service) &&
               same_values(&a->outputs.at[i].values, &b->outputs.at[i].values);
    return same;
}

const char *entry_path(const EnvironmentEntry *entry) {
    return entry->compute && entry->compute->path ? entry->compute->path : "";
}

const char *entry_root(const EnvironmentEntry *entry) {
    const ComputeAccess *compute = entry->compute;
    return compute && compute->root && *compute->root ? compute->root : entry_path(entry);
}
