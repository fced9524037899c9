/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include "base/limits.h"
#include "data/json.h"
#include "environments.h"
#include "harness/test.h"

static const EnvironmentKey keys[] = {{"/a/thole.yaml", "one"}, {"/a/thole.yaml", "two"},
                                      {"/b/thole.yaml", "one"}, {"/b/thole.yaml", "it's"},
                                      {"/b/thole.yaml", "o"},   {"/c d/thole.yaml", "three"}};
_Static_assert(COUNT(keys) == COUNT(((Walk *)0)->leases), "a lease for each");

static int64_t clock_of(void *arg) {
    return ((Walk *)arg)->clock_ms * 1000;
}

void walk_init(Walk *walk, Store *store, uint64_t seed) {
    *walk = (Walk){.store = store, .seed = seed * 2 + 1, .clock_ms = 1800000000000};
    store->now_us = clock_of;
    store->now_arg = walk;
}

static unsigned draw(Walk *walk, unsigned n) {
    walk->seed = walk->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(walk->seed >> 33) % n;
}

static const char *answer(int r, const char *what) {
    return r < 0 ? arena_printf(&arena, "%s: refused (%d): %s", what, err.kind, err.msg)
                 : arena_printf(&arena, "%s: good", what);
}

static int64_t version_of(Store *store, EnvironmentKey key) {
    StoredEnvironment found;
    return store_environment(store, &(EnvironmentRead){.key = key}, &arena, &found, &err) < 0
               ? 0
               : found.version;
}

static const char *do_write(Walk *walk, size_t i) {
    static const char *const names[] = {"create", "seed_db", "a"};
    EnvironmentEntry entry = draw(walk, 2) ? full_entry(keys[i].name) : entry_of(keys[i].name);
    Checkpoint steps[] = {step_of(names[draw(walk, 3)], draw(walk, 4)),
                          step_of("verify", draw(walk, 4))};
    AuditEntry audit[] = {audit_of("executed", "1"), audit_of("failed", NULL)};
    StrPair pairs[] = {{"A", "by a write"}, {"C", ""}};
    StrMap values = {pairs, draw(walk, 3)};
    EnvironmentWrite write = {
        .key = keys[i], .entry = &entry, .steps = steps, .audit = audit, .values = &values};
    int64_t version = -1;
    entry.status = draw(walk, 6);
    write.step_n = draw(walk, 3);
    write.audit_n = draw(walk, 3);
    write.version = version_of(walk->store, keys[i]) + (draw(walk, 6) == 0);
    write.token = draw(walk, 3) == 0 ? walk->leases[i].token : 0;
    if (write.version > 0 && draw(walk, 3) == 0)
        write.entry = NULL;
    int r = store_environment_write(walk->store, &write, &version, &err);
    return arena_printf(&arena, "%s %lld", answer(r, "write"), (long long)version);
}

static const char *do_remove(Walk *walk, size_t i) {
    int64_t token = draw(walk, 3) == 0 ? walk->leases[i].token : 0;
    return answer(store_environment_remove(walk->store, keys[i], token, &err), "remove");
}

static const char *do_values(Walk *walk, size_t i) {
    StrPair pairs[] = {{"A", "1"}, {"B", draw(walk, 2) ? "x\ny" : ""}};
    const char *gone[] = {"B"};
    AuditEntry audit = audit_of("value_set", NULL);
    StrMap set = {pairs, draw(walk, 2) ? 2 : 0};
    StrList unset = {gone, 1};
    EnvironmentValues values = {.key = keys[i], .set = &set};
    if (draw(walk, 2))
        values.unset = &unset;
    if (draw(walk, 2))
        values.audit = &audit;
    return answer(store_environment_values(walk->store, &values, &err), "values");
}

static const char *show_lease(const EnvironmentLease *lease) {
    return arena_printf(&arena, "%s %s %lld %lld", lease->server, lease->doing,
                        (long long)lease->token, (long long)lease->expires_ms);
}

static const char *do_lease(Walk *walk, size_t i) {
    EnvironmentLease got = {0}, lease = {.key = keys[i],
                                         .server = draw(walk, 2) ? "here" : "there",
                                         .holder = "box:/state",
                                         .doing = draw(walk, 2) ? "create" : "delete"};
    int r = store_environment_lease(walk->store, &lease, &arena, &got, &err);
    if (r == 0)
        walk->leases[i] = got;
    return arena_printf(&arena, "%s %s", answer(r, "lease"), show_lease(&got));
}

static const char *do_keep(Walk *walk, size_t i) {
    if (walk->leases[i].token == 0)
        return "no lease";
    if (draw(walk, 2))
        return answer(store_environment_renew(walk->store, &walk->leases[i], &err), "renew");
    return answer(store_environment_release(walk->store, &walk->leases[i], &err), "release");
}

static const char *do_block(Walk *walk, size_t i) {
    uint32_t block = 99;
    PortBlockClaim claim = {keys[i], draw(walk, 4), 4,
                            draw(walk, 3) == 0 ? walk->leases[i].token : 0};
    int r = store_port_block(walk->store, &claim, &block, &err);
    return arena_printf(&arena, "%s %u", answer(r, "block"), block);
}

static const char *do_ports(Walk *walk, size_t i) {
    LeaseOwner owner = {keys[i].project, keys[i].name, "slug"};
    Lease leases[] = {
        {.owner = owner, .service = "api", .name = "", .port = 20000 + draw(walk, 4)},
        {.owner = owner, .service = "web", .name = "x", .port = 20002 + draw(walk, 4)}};
    switch (draw(walk, 4)) {
    case 0: return answer(store_release(walk->store, &owner, &err), "release ports");
    case 1: return answer(store_forget(walk->store, &owner, &err), "forget ports");
    }
    return answer(store_lease(walk->store, &(Leases){leases, 1 + draw(walk, 2)}, &err), "ports");
}

const char *walk_step(Walk *walk) {
    size_t i = draw(walk, COUNT(keys));
    walk->clock_ms += draw(walk, ENVIRONMENT_LEASE_MS / 4);
    switch (draw(walk, 12)) {
    case 0: return do_remove(walk, i);
    case 1:
    case 2: return do_values(walk, i);
    case 3:
    case 4: return do_lease(walk, i);
    case 5: return do_keep(walk, i);
    case 6: return do_block(walk, i);
    case 7:
    case 8: return do_ports(walk, i);
    }
    return do_write(walk, i);
}

/* ---- what a store holds ---- */

static void dump_one(Store *store, EnvironmentKey key, Buf *out) {
    StoredEnvironment found;
    if (store_environment(store, &(EnvironmentRead){key, ENVIRONMENT_ALL_PARTS}, &arena, &found,
                          &err) < 0)
        buf_printf(out, "%s\n", err.msg);
    else
        buf_printf(out, "%s %lld %s\n", found.project, (long long)found.version,
                   json_of(&found.entry));
}

static void dump_list(Store *store, Buf *out) {
    StoredEnvironments list = listed(store, 0);
    for (size_t i = 0; i < list.n; i++)
        buf_printf(out, "%s/%s %lld %s\n", list.at[i].project, list.at[i].entry.name,
                   (long long)list.at[i].version, json_of(&list.at[i].entry));
}

static void dump_ports(Store *store, Buf *out) {
    Leases leases = {0};
    if (store_leases(store, &arena, &leases, &err) < 0)
        buf_printf(out, "%s\n", err.msg);
    for (size_t i = 0; i < leases.n; i++) {
        const Lease *l = &leases.at[i];
        if (l->held) /* two that had the same last are in the order of the clock */
            buf_printf(out, "%s %s %s %s %lld\n", l->owner.file, l->owner.session, l->service,
                       l->name, (long long)l->port);
    }
}

const char *walk_dump(Store *store) {
    Buf buf;
    buf_init(&buf, MAX_OBJECT_BYTES);
    for (size_t i = 0; i < COUNT(keys); i++)
        dump_one(store, keys[i], &buf);
    dump_list(store, &buf);
    dump_ports(store, &buf);
    const char *text = arena_strdup(&arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return text;
}
