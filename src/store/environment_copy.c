/* SPDX-License-Identifier: Apache-2.0 */
#include "store/environment_copy.h"

/* Texts that were another's become the arena's; NULL stays NULL. */
static void own(Arena *arena, const char **const *texts) {
    for (; *texts; texts++)
        if (**texts)
            **texts = arena_strdup(arena, **texts);
}

#define OWN(arena, ...) own(arena, (const char **const[]){__VA_ARGS__, NULL})

Checkpoint checkpoint_copy(const Checkpoint *checkpoint, Arena *arena) {
    Checkpoint c = *checkpoint;
    OWN(arena, &c.name, &c.machine, &c.error, &c.reason, &c.inputs, &c.server);
    c.outputs = value_copy(c.outputs, arena);
    c.unknown = value_copy(c.unknown, arena);
    return c;
}

AuditEntry audit_copy(const AuditEntry *entry, Arena *arena) {
    AuditEntry c = *entry;
    OWN(arena, &c.step, &c.action, &c.machine, &c.message, &c.error, &c.user);
    c.unknown = value_copy(c.unknown, arena);
    return c;
}

EnvironmentKey environment_key_copy(EnvironmentKey key, Arena *arena) {
    OWN(arena, &key.project, &key.name);
    return key;
}

EnvironmentLease environment_lease_copy(const EnvironmentLease *lease, Arena *arena) {
    EnvironmentLease c = *lease;
    OWN(arena, &c.key.project, &c.key.name, &c.server, &c.holder, &c.doing);
    return c;
}

static ComputeAccess *copy_compute(const ComputeAccess *compute, Arena *arena) {
    if (!compute)
        return NULL;
    ComputeAccess *c = arena_dup(arena, compute, sizeof(*compute));
    OWN(arena, &c->type, &c->path, &c->host, &c->user, &c->root);
    c->unknown = value_copy(c->unknown, arena);
    return c;
}

static void copy_ports(EnvironmentPorts *ports, Arena *arena) {
    ports->at = arena_dup(arena, ports->at, ports->n * sizeof(*ports->at));
    for (size_t i = 0; i < ports->n; i++)
        OWN(arena, &ports->at[i].name);
}

static void copy_outputs(EnvironmentOutputs *outputs, Arena *arena) {
    outputs->at = arena_dup(arena, outputs->at, outputs->n * sizeof(*outputs->at));
    for (size_t i = 0; i < outputs->n; i++) {
        OWN(arena, &outputs->at[i].service);
        outputs->at[i].values = strmap_copy(&outputs->at[i].values, arena);
    }
}

static void copy_strings(StrList *list, Arena *arena) {
    list->at = arena_dup(arena, list->at, list->n * sizeof(*list->at));
    for (size_t i = 0; i < list->n; i++)
        OWN(arena, &list->at[i]);
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
    OWN(arena, &c.name, &c.mode, &c.branch, &c.uid, &c.base, &c.failed_step, &c.error);
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
