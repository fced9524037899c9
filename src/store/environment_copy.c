/* SPDX-License-Identifier: Apache-2.0 */
#include "store/environment_copy.h"

static const char *copy(const char *text, Arena *arena) {
    return text ? arena_strdup(arena, text) : NULL;
}

Checkpoint checkpoint_copy(const Checkpoint *checkpoint, Arena *arena) {
    Checkpoint c = *checkpoint;
    c.name = copy(c.name, arena);
    c.machine = copy(c.machine, arena);
    c.error = copy(c.error, arena);
    c.outputs = value_copy(c.outputs, arena);
    c.inputs = copy(c.inputs, arena);
    c.unknown = value_copy(c.unknown, arena);
    return c;
}

AuditEntry audit_copy(const AuditEntry *entry, Arena *arena) {
    AuditEntry c = *entry;
    c.step = copy(c.step, arena);
    c.action = copy(c.action, arena);
    c.machine = copy(c.machine, arena);
    c.message = copy(c.message, arena);
    c.error = copy(c.error, arena);
    c.user = copy(c.user, arena);
    return c;
}

EnvironmentKey environment_key_copy(EnvironmentKey key, Arena *arena) {
    return (EnvironmentKey){copy(key.project, arena), copy(key.name, arena)};
}

EnvironmentLease environment_lease_copy(const EnvironmentLease *lease, Arena *arena) {
    EnvironmentLease c = *lease;
    c.key = environment_key_copy(c.key, arena);
    c.holder = copy(c.holder, arena);
    c.doing = copy(c.doing, arena);
    return c;
}

static ComputeAccess *copy_compute(const ComputeAccess *compute, Arena *arena) {
    if (!compute)
        return NULL;
    ComputeAccess *c = arena_dup(arena, compute, sizeof(*compute));
    c->type = copy(c->type, arena);
    c->path = copy(c->path, arena);
    c->host = copy(c->host, arena);
    c->user = copy(c->user, arena);
    c->root = copy(c->root, arena);
    c->unknown = value_copy(c->unknown, arena);
    return c;
}

static void copy_ports(EnvironmentPorts *ports, Arena *arena) {
    ports->at = arena_dup(arena, ports->at, ports->n * sizeof(*ports->at));
    for (size_t i = 0; i < ports->n; i++)
        ports->at[i].name = copy(ports->at[i].name, arena);
}

static void copy_outputs(EnvironmentOutputs *outputs, Arena *arena) {
    outputs->at = arena_dup(arena, outputs->at, outputs->n * sizeof(*outputs->at));
    for (size_t i = 0; i < outputs->n; i++) {
        outputs->at[i].service = copy(outputs->at[i].service, arena);
        outputs->at[i].values = strmap_copy(&outputs->at[i].values, arena);
    }
}

static void copy_strings(StrList *list, Arena *arena) {
    list->at = arena_dup(arena, list->at, list->n * sizeof(*list->at));
    for (size_t i = 0; i < list->n; i++)
        list->at[i] = copy(list->at[i], arena);
}

static void copy_steps(Checkpoints *steps, Arena *arena) {
    steps->at = arena_dup(arena, steps->at, steps->n * sizeof(*steps->at));
    for (size_t i = 0; i < steps->n; i++)
        steps->at[i] = checkpoint_copy(&steps->at[i], arena);
}

static void copy_audit(AuditLog *audit, Arena *arena) {
    audit->at = arena_dup(arena, audit->at, audit->n * sizeof(*audit->at));
    for (size_t i = 0; i < audit->n; i++)
        audit->at[i] = audit_copy(&audit->at[i], arena);
}

/* The parts that were not asked for. */
static void drop_parts(EnvironmentEntry *entry, unsigned parts) {
    if (!(parts & ENVIRONMENT_STEPS))
        entry->steps = (Checkpoints){0};
    if (!(parts & ENVIRONMENT_AUDIT))
        entry->audit = (AuditLog){0};
    if (!(parts & ENVIRONMENT_VALUES))
        entry->values = (StrMap){0};
}

EnvironmentEntry entry_copy(const EnvironmentEntry *entry, unsigned parts, Arena *arena) {
    EnvironmentEntry c = *entry;
    drop_parts(&c, parts);
    c.name = copy(c.name, arena);
    c.mode = copy(c.mode, arena);
    c.branch = copy(c.branch, arena);
    c.uid = copy(c.uid, arena);
    c.base = copy(c.base, arena);
    c.failed_step = copy(c.failed_step, arena);
    c.error = copy(c.error, arena);
    c.compute = copy_compute(c.compute, arena);
    copy_ports(&c.ports, arena);
    copy_outputs(&c.outputs, arena);
    copy_strings(&c.enabled_services, arena);
    copy_steps(&c.steps, arena);
    copy_audit(&c.audit, arena);
    c.values = strmap_copy(&c.values, arena);
    c.unknown = value_copy(c.unknown, arena);
    return c;
}
