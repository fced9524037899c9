/* SPDX-License-Identifier: Apache-2.0 */
#include "store/environment_rules.h"

#include "base/str.h"

bool environment_lease_holds(const EnvironmentLease *lease, const char *server, int64_t now_ms) {
    int64_t left_ms = lease->expires_ms - now_ms;
    return left_ms > 0 && left_ms <= 2 * ENVIRONMENT_LEASE_MS && !str_same(lease->server, server);
}

int environment_lease_refuse(const EnvironmentLease *lease, Err *err) {
    return err_set(err, ERR_CONFLICT, "environment '%s': %s is at work on it (%s)", lease->key.name,
                   lease->holder, lease->doing);
}

int environment_lease_lost(const EnvironmentLease *now, Err *err) {
    if (!now->holder)
        return err_set(err, ERR_CONFLICT, "environment '%s': its lease is over", now->key.name);
    return err_set(err, ERR_CONFLICT,
                   "environment '%s': its lease is over, and %s is at work on it now (%s)",
                   now->key.name, now->holder, now->doing);
}

int environment_not_found(EnvironmentKey key, Err *err) {
    return err_set(err, ERR_NOT_FOUND, "environment '%s' not found", key.name);
}

int environment_is_there(EnvironmentKey key, Err *err) {
    return err_set(err, ERR_CONFLICT, "environment '%s' is there already", key.name);
}

int port_blocks_full(uint32_t n, Err *err) {
    return err_set(err, ERR_LIMIT,
                   "all %u blocks of ports are taken by environments, of all projects together; "
                   "`thole env list` outside of them names all, delete one that is not needed any "
                   "more",
                   n);
}

static void put_members(Value *out, const Value *map, const Value *but, Arena *arena) {
    for (size_t i = 0; i < value_count(map); i++)
        if (!value_get(but, map->map.at[i].key))
            value_set(arena, out, map->map.at[i].key, value_copy(map->map.at[i].value, arena));
}

Value *project_unknown(const Value *old, const Value *more, Arena *arena) {
    Value *both = value_new(arena, VALUE_MAP);
    put_members(both, old, more, arena);
    put_members(both, more, NULL, arena);
    return both;
}

EnvironmentWrite environment_write_whole(const char *project, const EnvironmentEntry *entry) {
    return (EnvironmentWrite){.key = {project, entry->name},
                              .entry = entry,
                              .steps = entry->steps.at,
                              .step_n = entry->steps.n,
                              .audit = entry->audit.at,
                              .audit_n = entry->audit.n,
                              .values = &entry->values};
}

int environment_check_version(const EnvironmentWrite *write, int64_t version, Err *err) {
    const char *name = write->key.name;
    if (write->version == version)
        return 0;
    if (write->version == 0)
        return environment_is_there(write->key, err);
    if (version == 0)
        return err_set(err, ERR_CONFLICT, "environment '%s' was removed meanwhile", name);
    return err_set(err, ERR_CONFLICT,
                   "environment '%s' was changed meanwhile (its version is %lld, not %lld)", name,
                   (long long)version, (long long)write->version);
}
