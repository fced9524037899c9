/* SPDX-License-Identifier: Apache-2.0 */
#include "environments.h"

#include "base/limits.h"
#include "data/json.h"
#include "harness/test.h"

Arena arena;
Err err;

EnvironmentKey key_of(const char *name) {
    return (EnvironmentKey){"/shop/thole.yaml", name};
}

EnvironmentEntry entry_of(const char *name) {
    return (EnvironmentEntry){.name = name,
                              .mode = "local",
                              .branch = name,
                              .status = ENVIRONMENT_CREATING,
                              .created_ns = 1800000000123456789,
                              .updated_ns = 1800000000123456790,
                              .uid = "4f6c"};
}

const Value *value_of(const char *json) {
    const Value *v = NULL;
    ASSERT(json_parse(json, strlen(json), &arena, &v, &err) == 0);
    return v;
}

EnvironmentEntry full_entry(const char *name) {
    static EnvironmentPort ports[] = {{"api", 61001}, {"web", 61000}};
    static StrPair outputs[] = {{"DATABASE_URL", "postgres://a:b@c/d?e='f'"}, {"EMPTY", ""}};
    static ProvisionedOutputs provisioned[] = {{"db", {outputs, 2}}, {"none", {0}}};
    static const char *services[] = {"api", "web"};
    ComputeAccess *compute = arena_alloc(&arena, sizeof(*compute));
    EnvironmentEntry entry = entry_of(name);
    *compute = (ComputeAccess){.type = "ssh",
                               .path = "/trees/it's \"here\"",
                               .host = "far.example",
                               .user = "me",
                               .root = "/srv",
                               .managed = true,
                               .unknown = value_of("{\"zone\":{\"deep\":[1,null,\"z\"]}}")};
    entry.status = ENVIRONMENT_ERROR;
    entry.ports = (EnvironmentPorts){ports, 2};
    entry.outputs = (EnvironmentOutputs){provisioned, 2};
    entry.enabled_services = (StrList){services, 2};
    entry.compute = compute;
    entry.base = "main";
    entry.expires_ns = 1900000000000000001;
    entry.failed_step = "seed_db";
    entry.error = "line one\nline 'two'; DROP TABLE environment; --";
    entry.unknown = value_of("{\"later\":{\"x\":1.5,\"y\":[true]},\"\":\"\"}");
    return entry;
}

Checkpoint step_of(const char *name, CheckpointStatus status) {
    return (Checkpoint){.name = name,
                        .status = status,
                        .started_ns = 1800000000000000001,
                        .finished_ns = 1800000001500000001,
                        .duration_ms = 1500,
                        .machine = "here",
                        .error = "it's broken",
                        .outputs = value_of("{\"path\":\"/x\",\"n\":3,\"m\":{}}"),
                        .inputs = "0a1b",
                        .run = 7,
                        .server = "0b5e-s",
                        .operation = 12,
                        .unknown = value_of("{\"mood\":[\"good\"]}")};
}

AuditEntry audit_of(const char *action, const char *message) {
    return (AuditEntry){.time_ns = 1800000000000000002,
                        .step = "seed_db",
                        .action = action,
                        .machine = "here",
                        .duration_ms = 3,
                        .message = message,
                        .user = "me",
                        .unknown = value_of("{\"later\":[1],\"thole\":{\"run\":3}}")};
}

int64_t make(Store *store, const char *name) {
    EnvironmentEntry entry = entry_of(name);
    int64_t version = -1;
    EnvironmentWrite write = {.key = key_of(name), .entry = &entry};
    return store_environment_write(store, &write, &version, &err) < 0 ? -1 : version;
}

StoredEnvironment got(Store *store, const char *name) {
    StoredEnvironment found = {0};
    EnvironmentRead read = {key_of(name), ENVIRONMENT_ALL_PARTS};
    if (store_environment(store, &read, &arena, &found, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        exit(1);
    }
    return found;
}

StoredEnvironments listed(Store *store, int64_t since) {
    StoredEnvironments list = {0};
    if (store_environments(store, since, &arena, &list, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return list;
}

const char *json_of(const EnvironmentEntry *entry) {
    Buf buf;
    JsonWriter w;
    buf_init(&buf, MAX_OBJECT_BYTES);
    json_writer_init(&w, &buf);
    entry_encode(entry, ENTRY_STORED, &w);
    const char *text = arena_strdup(&arena, buf_cstr(&buf));
    buf_deinit(&buf);
    return text;
}

EnvironmentLease lease_of(const char *name, const char *server) {
    return (EnvironmentLease){
        .key = key_of(name), .server = server, .holder = "box:/state", .doing = "create"};
}
