/* SPDX-License-Identifier: Apache-2.0 */
/* Environments in each store. */
#include "base/limits.h"
#include "environments.h"
#include "stores.h"

EACH_STORE(what_was_written_is_read, 30) {
    EnvironmentEntry entry = full_entry("feat-x");
    Checkpoint steps[] = {step_of("seed_db", CHECKPOINT_FAILED),
                          step_of("create", CHECKPOINT_COMPLETED)};
    AuditEntry audit[] = {audit_of("created", NULL), audit_of("failed", "why: 'x'")};
    StrPair pairs[] = {{"A", "1"}, {"B", "it's\n\"2\""}};
    EnvironmentWrite write = {.key = key_of("feat-x"),
                              .entry = &entry,
                              .steps = steps,
                              .step_n = 2,
                              .audit = audit,
                              .audit_n = 2};
    int64_t version = 0;
    CHECK_EQ(store_environment_write(store, &write, &version, &err), 0);
    CHECK_EQ(version, 1);
    EnvironmentValues values = {.key = key_of("feat-x"), .set = &(StrMap){pairs, 2}};
    CHECK_EQ(store_environment_values(store, &values, &err), 0);
    StoredEnvironment found = got(store, "feat-x");
    CHECK_STR(found.project, "/shop/thole.yaml");
    CHECK_EQ(found.version, 1);
    Checkpoint sorted[] = {steps[1], steps[0]};
    entry.steps = (Checkpoints){sorted, 2};
    entry.audit = (AuditLog){audit, 2};
    entry.values = (StrMap){pairs, 2};
    CHECK_STR(json_of(&found.entry), json_of(&entry));
    CHECK_STR(found.entry.name, "feat-x");
    CHECK(found.entry.compute && found.entry.compute->managed);
    CHECK_STR(found.entry.compute->path, entry.compute->path);
    CHECK_STR(found.entry.compute->root, entry.compute->root);
    CHECK(value_equal(found.entry.unknown, entry.unknown));
    CHECK(value_equal(found.entry.compute->unknown, entry.compute->unknown));
    CHECK(value_equal(found.entry.steps.at[1].unknown, steps[0].unknown));
}

EACH_STORE(what_is_absent_stays_absent, 30) {
    EnvironmentEntry entry = {.name = "bare"};
    Checkpoint step = {.name = "create"};
    AuditEntry audit = {.step = "x", .action = "started", .machine = "here"};
    EnvironmentWrite write = {.key = key_of("bare"),
                              .entry = &entry,
                              .steps = &step,
                              .step_n = 1,
                              .audit = &audit,
                              .audit_n = 1};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    EnvironmentEntry found = got(store, "bare").entry;
    CHECK(!found.compute && !found.unknown && !found.base && !found.error && !found.failed_step);
    CHECK(found.ports.n == 0 && found.outputs.n == 0 && found.values.n == 0);
    CHECK(!found.steps.at[0].outputs && !found.steps.at[0].unknown && !found.steps.at[0].inputs);
    CHECK(!found.audit.at[0].message && !found.audit.at[0].error && !found.audit.at[0].user);
}

EACH_STORE(only_the_parts_that_were_asked_for, 30) {
    Checkpoint step = step_of("create", CHECKPOINT_STARTED);
    AuditEntry audit = audit_of("started", NULL);
    EnvironmentEntry entry = entry_of("a");
    EnvironmentWrite write = {.key = key_of("a"),
                              .entry = &entry,
                              .steps = &step,
                              .step_n = 1,
                              .audit = &audit,
                              .audit_n = 1};
    StoredEnvironment found;
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    ASSERT(store_environment(store, &(EnvironmentRead){key_of("a"), 0}, &arena, &found, &err) == 0);
    CHECK(found.entry.steps.n == 0 && found.entry.audit.n == 0);
    ASSERT(store_environment(store, &(EnvironmentRead){key_of("a"), ENVIRONMENT_AUDIT}, &arena,
                             &found, &err) == 0);
    CHECK(found.entry.steps.n == 0 && found.entry.audit.n == 1);
    ASSERT(store_environment(store, &(EnvironmentRead){key_of("a"), ENVIRONMENT_STEPS}, &arena,
                             &found, &err) == 0);
    CHECK(found.entry.steps.n == 1 && found.entry.audit.n == 0);
    StoredEnvironments list = listed(store, 0);
    ASSERT(list.n == 1);
    CHECK(list.at[0].entry.steps.n == 0 && list.at[0].entry.audit.n == 0);
}

EACH_STORE(whose_services_they_are_is_known_without_the_steps, 30) {
    Checkpoint steps[] = {step_of("start_services", CHECKPOINT_INVALIDATED),
                          step_of("start_services", CHECKPOINT_STARTED)};
    steps[0].outputs = value_of("{\"" SERVICES_SERVER "\":\"it's:/st\\\"ate\"}");
    steps[1].outputs = NULL;
    steps[0].server = NULL;
    EnvironmentEntry entry = entry_of("a");
    EnvironmentWrite write = {.key = key_of("a"), .entry = &entry, .steps = steps, .step_n = 1};
    ASSERT(make(store, "b") == 1);
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    StoredEnvironments list = listed(store, 0);
    ASSERT(list.n == 2);
    CHECK_STR(list.at[0].server, "it's:/st\"ate");
    CHECK(!list.at[1].server);
    write.version = list.at[0].version, write.steps = &steps[1];
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK(!listed(store, 0).at[0].server);
}

EACH_STORE(whose_the_rest_of_a_deploy_is_is_known_if_no_services_are, 30) {
    Checkpoint steps[] = {step_of("runner_deploy", CHECKPOINT_COMPLETED),
                          step_of("start_services", CHECKPOINT_COMPLETED)};
    EnvironmentEntry entry = entry_of("a");
    EnvironmentWrite write = {.key = key_of("a"), .entry = &entry, .steps = steps, .step_n = 2};
    steps[0].server = steps[1].server = NULL;
    steps[0].outputs = value_of("{\"" SERVICES_SERVER "\":\"one\"}");
    steps[1].outputs = value_of("{\"other\":\"x\"}");
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK_STR(listed(store, 0).at[0].server, "one");
    write.version = listed(store, 0).at[0].version;
    steps[1].outputs = value_of("{\"" SERVICES_SERVER "\":\"two\"}");
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK_STR(listed(store, 0).at[0].server, "two");
    write.version = listed(store, 0).at[0].version;
    steps[1].server = "its owner"; /* whatever the machine is called, and the directory */
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK_STR(listed(store, 0).at[0].server, "its owner");
}

EACH_STORE(one_that_is_not_there, 30) {
    StoredEnvironment found;
    StrPair pair = {"A", "1"};
    EnvironmentValues values = {.key = key_of("x"), .set = &(StrMap){&pair, 1}};
    CHECK_EQ(store_environment(store, &(EnvironmentRead){key_of("x"), 0}, &arena, &found, &err),
             -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "environment 'x' not found");
    CHECK_EQ(store_environment_values(store, &values, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_EQ(store_environment_remove(store, key_of("x"), 0, &err), 0);
    EnvironmentWrite write = {.key = key_of("x"), .version = 3};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "was removed meanwhile");
    StoredEnvironments list = listed(store, 0);
    CHECK(list.n == 0 && list.whole);
}

EACH_STORE(nobody_overwrites_what_he_has_not_read, 30) {
    CHECK_EQ(make(store, "a"), 1);
    CHECK_EQ(make(store, "a"), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_STR(err.msg, "environment 'a' is there already");
    EnvironmentEntry entry = entry_of("a");
    int64_t version = 0;
    entry.status = ENVIRONMENT_RUNNING;
    EnvironmentWrite write = {.key = key_of("a"), .version = 1, .entry = &entry};
    CHECK_EQ(store_environment_write(store, &write, &version, &err), 0);
    CHECK_EQ(version, 2);
    entry.status = ENVIRONMENT_STOPPED;
    Checkpoint step = step_of("create", CHECKPOINT_STARTED);
    AuditEntry audit = audit_of("started", NULL);
    write.steps = &step, write.step_n = 1, write.audit = &audit, write.audit_n = 1;
    int64_t change = listed(store, 0).change;
    CHECK_EQ(store_environment_write(store, &write, &version, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "its version is 2, not 1");
    CHECK_EQ(version, 2);
    StoredEnvironment found = got(store, "a"); /* of the refused one there is nothing */
    CHECK_EQ(found.entry.status, ENVIRONMENT_RUNNING);
    CHECK(found.entry.steps.n == 0 && found.entry.audit.n == 0);
    CHECK_EQ(listed(store, 0).change, change);
}

EACH_STORE(a_write_without_an_entry_leaves_it_as_it_is, 30) {
    EnvironmentEntry entry = full_entry("a");
    EnvironmentWrite first = {.key = key_of("a"), .entry = &entry};
    Checkpoint steps[] = {step_of("b", CHECKPOINT_STARTED), step_of("a", CHECKPOINT_STARTED)};
    AuditEntry audit[] = {audit_of("started", "1"), audit_of("executed", "2")};
    CHECK_EQ(store_environment_write(store, &first, NULL, &err), 0);
    for (int64_t i = 0; i < 2; i++) {
        int64_t version = 0;
        EnvironmentWrite write = {.key = key_of("a"),
                                  .version = 1 + i,
                                  .steps = &steps[i],
                                  .step_n = 1,
                                  .audit = &audit[i],
                                  .audit_n = 1};
        CHECK_EQ(store_environment_write(store, &write, &version, &err), 0);
        CHECK_EQ(version, 2 + i);
    }
    Checkpoint again = step_of("b", CHECKPOINT_COMPLETED);
    EnvironmentWrite third = {.key = key_of("a"), .version = 3, .steps = &again, .step_n = 1};
    CHECK_EQ(store_environment_write(store, &third, NULL, &err), 0);
    StoredEnvironment found = got(store, "a");
    ASSERT(found.entry.steps.n == 2);
    CHECK_STR(found.entry.steps.at[0].name, "a");
    CHECK_EQ(found.entry.steps.at[0].status, CHECKPOINT_STARTED);
    CHECK_STR(found.entry.steps.at[1].name, "b");
    CHECK_EQ(found.entry.steps.at[1].status, CHECKPOINT_COMPLETED);
    ASSERT(found.entry.audit.n == 2);
    CHECK_STR(found.entry.audit.at[0].message, "1");
    CHECK_STR(found.entry.audit.at[1].message, "2");
    found.entry.steps = (Checkpoints){0};
    found.entry.audit = (AuditLog){0};
    CHECK_STR(json_of(&found.entry), json_of(&entry));
}

/* What an entry has beside its columns is not overwritten with the entry. */
EACH_STORE(an_entry_is_written_without_its_parts, 30) {
    StrPair pair = {"A", "1"}, other = {"B", "2"};
    Checkpoint step = step_of("create", CHECKPOINT_STARTED), wrong = step_of("x", 0);
    EnvironmentValues values = {.key = key_of("a"), .set = &(StrMap){&pair, 1}};
    CHECK_EQ(make(store, "a"), 1);
    CHECK_EQ(store_environment_values(store, &values, &err), 0);
    EnvironmentEntry entry = entry_of("a");
    entry.values = (StrMap){&other, 1};
    entry.steps = (Checkpoints){&wrong, 1};
    EnvironmentWrite write = {
        .key = key_of("a"), .version = 1, .entry = &entry, .steps = &step, .step_n = 1};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    StoredEnvironment found = got(store, "a");
    CHECK_EQ(found.entry.values.n, 1);
    CHECK_STR(strmap_get(&found.entry.values, "A"), "1");
    ASSERT(found.entry.steps.n == 1);
    CHECK_STR(found.entry.steps.at[0].name, "create");
}

EACH_STORE(the_list_is_in_order, 30) {
    static const char *const names[] = {
        "b", "a-long-name", "a", "Z", "b'; DROP TABLE step; --", "\xc3\xa4"};
    EnvironmentEntry entry = entry_of("a");
    EnvironmentWrite write = {.key = {"/another/thole.yaml", "z"}, .entry = &entry};
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK_EQ(make(store, names[i]), 1);
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    StoredEnvironments list = listed(store, 0);
    ASSERT(list.n == COUNT(names) + 1);
    CHECK_STR(list.at[0].project, "/another/thole.yaml");
    CHECK_STR(list.at[0].entry.name, "z"); /* by its key, whatever the entry says */
    for (size_t i = 2; i < list.n; i++)
        CHECK(strcmp(list.at[i - 1].entry.name, list.at[i].entry.name) < 0);
    CHECK_STR(got(store, names[4]).entry.branch, names[4]);
}

EACH_STORE(the_second_list_has_only_what_changed, 30) {
    CHECK_EQ(make(store, "a"), 1);
    CHECK_EQ(make(store, "b"), 1);
    CHECK_EQ(make(store, "c"), 1);
    StoredEnvironments first = listed(store, 0);
    CHECK(first.n == 3 && first.whole && first.removed.n == 0);
    StoredEnvironments none = listed(store, first.change);
    CHECK(none.n == 0 && !none.whole && none.removed.n == 0 && none.change == first.change);
    EnvironmentWrite write = {.key = key_of("c"), .version = 1};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK_EQ(store_environment_remove(store, key_of("a"), 0, &err), 0);
    StoredEnvironments second = listed(store, first.change);
    CHECK(!second.whole && second.change > first.change);
    ASSERT(second.n == 1 && second.removed.n == 1);
    CHECK_STR(second.at[0].entry.name, "c");
    CHECK(second.at[0].change > first.change);
    CHECK_STR(second.removed.at[0].name, "a");
    CHECK_STR(second.removed.at[0].project, "/shop/thole.yaml");
    CHECK(make(store, "a") > 0);
    StoredEnvironments third = listed(store, first.change);
    CHECK(third.n == 2 && third.removed.n == 0);
    StoredEnvironments later = listed(store, third.change + 1); /* of another store, it seems */
    CHECK(later.whole && later.n == 3);
}

EACH_STORE(what_was_removed_long_ago_is_forgotten, 120) {
    CHECK_EQ(make(store, "kept"), 1);
    int64_t long_ago = listed(store, 0).change, lately = 0;
    for (int i = 0; i <= MAX_ENVIRONMENTS_REMOVED; i++) {
        const char *name = arena_printf(&arena, "e%d", i);
        CHECK_EQ(make(store, name), 1);
        CHECK_EQ(store_environment_remove(store, key_of(name), 0, &err), 0);
        if (i == 0)
            lately = listed(store, 0).change;
    }
    StoredEnvironments list = listed(store, lately);
    CHECK(!list.whole && list.n == 0 && list.removed.n == MAX_ENVIRONMENTS_REMOVED);
    list = listed(store, long_ago);
    CHECK(list.whole && list.n == 1 && list.removed.n == 0);
    CHECK_EQ(make(store, "e0"), 1); /* as if it had never been there */
    CHECK_EQ(make(store, "e1"), 3);
}

EACH_STORE(every_change_is_seen_and_nothing_else, 30) {
    int64_t before, after;
    StrPair pair = {"A", "1"};
    EnvironmentValues values = {.key = key_of("a"), .set = &(StrMap){&pair, 1}};
    EnvironmentWrite write = {.key = key_of("a"), .version = 1};
    CHECK_EQ(store_change(store, &before, &err), 0);
    CHECK_EQ(make(store, "a"), 1);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK(before != after);
    before = after;
    listed(store, 0);
    got(store, "a");
    CHECK_EQ(make(store, "a"), -1);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK_EQ(before, after);
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK(before != after);
    before = after;
    CHECK_EQ(store_environment_values(store, &values, &err), 0);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK(before != after);
    before = after;
    CHECK_EQ(store_environment_remove(store, key_of("a"), 0, &err), 0);
    CHECK_EQ(store_change(store, &after, &err), 0);
    CHECK(before != after);
}

EACH_STORE(what_is_removed_leaves_only_its_audit_log, 30) {
    EnvironmentEntry entry = full_entry("a");
    Checkpoint step = step_of("create", CHECKPOINT_COMPLETED);
    AuditEntry audit = audit_of("created", "first");
    StrPair pair = {"A", "1"};
    uint32_t block;
    EnvironmentWrite write = {.key = key_of("a"),
                              .entry = &entry,
                              .steps = &step,
                              .step_n = 1,
                              .audit = &audit,
                              .audit_n = 1};
    EnvironmentValues values = {.key = key_of("a"), .set = &(StrMap){&pair, 1}};
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), 0);
    CHECK_EQ(store_environment_values(store, &values, &err), 0);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("a"), 5, 40}, &block, &err), 0);
    CHECK_EQ(store_environment_remove(store, key_of("a"), 0, &err), 0);
    CHECK_EQ(store_environment_remove(store, key_of("a"), 0, &err), 0);
    StoredEnvironment gone;
    CHECK_EQ(store_environment(store, &(EnvironmentRead){key_of("a"), 0}, &arena, &gone, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_EQ(store_environment_values(store, &values, &err), -1);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("b"), 5, 40}, &block, &err), 0);
    CHECK_EQ(block, 5);
    int64_t version = make(store, "a");
    CHECK(version > 1); /* whoever has read the one before does not overwrite this one */
    write.version = 1;
    CHECK_EQ(store_environment_write(store, &write, NULL, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    StoredEnvironment found = got(store, "a");
    CHECK(found.entry.steps.n == 0 && found.entry.values.n == 0 && !found.entry.compute);
    CHECK(found.entry.ports.n == 0 && !found.entry.unknown && !found.entry.error);
    ASSERT(found.entry.audit.n == 1);
    CHECK_STR(found.entry.audit.at[0].message, "first");
}

EACH_STORE(whole_ones_are_added_all_or_none, 30) {
    EnvironmentEntry entries[] = {full_entry("b"), full_entry("c"), full_entry("a")};
    Checkpoint step = step_of("create", CHECKPOINT_COMPLETED);
    AuditEntry audit[] = {audit_of("created", "first"), audit_of("imported", NULL)};
    StrPair pair = {"A", "1"};
    for (size_t i = 0; i < 3; i++) {
        entries[i].steps = (Checkpoints){&step, 1};
        entries[i].audit = (AuditLog){audit, 2};
        entries[i].values = (StrMap){&pair, 1};
    }
    CHECK_EQ(make(store, "a"), 1);
    uint32_t block;
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("a"), 7, 40}, &block, &err), 0);
    EnvironmentAdd add = {"/shop/thole.yaml", entries, 3, (int64_t[]){5, 7, -1}};
    CHECK_EQ(store_environments_add(store, &add, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "environment 'a' is there already");
    CHECK_EQ(listed(store, 0).n, 1);
    PortBlocksTaken taken;
    ASSERT(store_port_blocks(store, &arena, &taken, &err) == 0 && taken.n == 1);
    add.n = 2;
    CHECK_EQ(store_environments_add(store, &add, &err), 0);
    CHECK_EQ(listed(store, 0).n, 3);
    ASSERT(store_port_blocks(store, &arena, &taken, &err) == 0 && taken.n == 2);
    CHECK_EQ(taken.at[0].block, 5);
    CHECK_STR(taken.at[0].key.name, "b");
    CHECK_STR(taken.at[1].key.name, "a"); /* who had it keeps it */
    StoredEnvironment found = got(store, "c");
    CHECK(found.entry.steps.n == 1 && found.entry.values.n == 1 && found.entry.audit.n == 2);
    CHECK_STR(found.entry.audit.at[1].action, "imported");
    CHECK_STR(found.entry.compute->host, "far.example");
    CHECK(found.version > 0);
}

EACH_STORE(of_a_name_given_twice_nothing_is_added, 30) {
    EnvironmentEntry entries[] = {entry_of("a"), entry_of("b"), entry_of("a")};
    const EnvironmentAdd add = {.project = "/shop/thole.yaml", .at = entries, .n = 3};
    CHECK_EQ(store_environments_add(store, &add, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "environment 'a' is there already");
    CHECK_EQ(listed(store, 0).n, 0);
}

EACH_STORE(a_project_is_read_whole, 30) {
    EnvironmentEntry entries[] = {full_entry("b"), entry_of("a")}, other = entry_of("x");
    Checkpoint step = step_of("create", CHECKPOINT_COMPLETED);
    AuditEntry audit = audit_of("created", "first");
    StrPair pair = {"A", "1"};
    EnvironmentState state = {0};
    ProjectRead read = {"/shop/thole.yaml", ENVIRONMENT_STEPS | ENVIRONMENT_VALUES};
    CHECK_EQ(store_project(store, &read, &arena, &state, &err), 0);
    CHECK(state.environments.n == 0 && !state.unknown);
    entries[0].steps = (Checkpoints){&step, 1};
    entries[0].audit = (AuditLog){&audit, 1};
    entries[0].values = (StrMap){&pair, 1};
    EnvironmentAdd shop = {
        .project = read.project, .at = entries, .n = 2, .unknown = value_of("{\"a\":1,\"b\":[2]}")};
    EnvironmentAdd more = {.project = read.project, .unknown = value_of("{\"b\":{},\"c\":3}")};
    EnvironmentAdd others = {"/other/thole.yaml", .at = &other, .n = 1, .unknown = value_of("{}")};
    CHECK_EQ(store_environments_add(store, &shop, &err), 0);
    CHECK_EQ(store_environments_add(store, &shop, &err), -1); /* nor is what it has else taken */
    CHECK_EQ(store_environments_add(store, &more, &err), 0);
    CHECK_EQ(store_environments_add(store, &others, &err), 0);
    CHECK_EQ(make(store, "gone"), 1);
    CHECK_EQ(store_environment_remove(store, key_of("gone"), 0, &err), 0);
    CHECK_EQ(store_project(store, &read, &arena, &state, &err), 0);
    ASSERT(state.environments.n == 2);
    CHECK_STR(state.environments.at[0].name, "a");
    entries[0].audit = (AuditLog){0};
    CHECK_STR(json_of(&state.environments.at[1]), json_of(&entries[0]));
    CHECK(value_equal(state.unknown, value_of("{\"a\":1,\"b\":{},\"c\":3}")));
}

EACH_STORE(blocks_of_ports_are_listed, 30) {
    uint32_t block;
    PortBlocksTaken taken;
    CHECK_EQ(store_port_blocks(store, &arena, &taken, &err), 0);
    CHECK_EQ(taken.n, 0);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("b"), 7, 40}, &block, &err), 0);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("a"), 3, 40}, &block, &err), 0);
    CHECK_EQ(store_port_blocks(store, &arena, &taken, &err), 0);
    ASSERT(taken.n == 2);
    CHECK(taken.at[0].block == 3 && taken.at[1].block == 7);
    CHECK_STR(taken.at[0].key.name, "a");
    CHECK_STR(taken.at[1].key.project, "/shop/thole.yaml");
}

EACH_STORE(key_values_are_set_and_unset, 30) {
    StrPair pairs[] = {{"A", "1"}, {"B", ""}, {"C", "x\ny"}}, again = {"B", "2"};
    const char *gone[] = {"A", "unknown"};
    AuditEntry audit = audit_of("value_set", "A, B, C");
    EnvironmentValues first = {.key = key_of("a"), .set = &(StrMap){pairs, 3}, .audit = &audit};
    EnvironmentValues second = {
        .key = key_of("a"), .set = &(StrMap){&again, 1}, .unset = &(StrList){gone, 2}};
    CHECK_EQ(make(store, "a"), 1);
    int64_t change = listed(store, 0).change;
    CHECK_EQ(store_environment_values(store, &first, &err), 0);
    CHECK_EQ(store_environment_values(store, &second, &err), 0);
    StoredEnvironment found = got(store, "a");
    ASSERT(found.entry.values.n == 2);
    CHECK_STR(found.entry.values.at[0].name, "B");
    CHECK_STR(found.entry.values.at[0].value, "2");
    CHECK_STR(found.entry.values.at[1].value, "x\ny");
    CHECK_EQ(found.entry.audit.n, 1);
    CHECK_EQ(found.version, 1); /* whoever has read the entry may still write it */
    StoredEnvironments list = listed(store, change);
    CHECK(list.n == 1 && list.at[0].entry.values.n == 0);
    const char *both[] = {"B"};
    second.unset = &(StrList){both, 1};
    CHECK_EQ(store_environment_values(store, &second, &err), 0);
    CHECK_EQ(got(store, "a").entry.values.n, 1);
}

EACH_STORE(each_environment_has_a_block_of_its_own, 30) {
    uint32_t block;
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("a"), 2, 4}, &block, &err), 0);
    CHECK_EQ(block, 2);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("b"), 2, 4}, &block, &err), 0);
    CHECK_EQ(block, 3);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("c"), 2, 4}, &block, &err), 0);
    CHECK_EQ(block, 0); /* round about */
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("b"), 1, 4}, &block, &err), 0);
    CHECK_EQ(block, 3); /* it keeps what it has */
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){{"/other.yaml", "a"}, 2, 4}, &block, &err),
             0);
    CHECK_EQ(block, 1);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("d"), 2, 4}, &block, &err), -1);
    CHECK_EQ(err.kind, ERR_LIMIT);
    CHECK_HAS(err.msg, "all 4 blocks");
    CHECK_HAS(err.msg, "of all projects together");
    CHECK_EQ(store_environment_remove(store, key_of("c"), 0, &err), 0);
    CHECK_EQ(store_port_block(store, &(PortBlockClaim){key_of("d"), 2, 4}, &block, &err), 0);
    CHECK_EQ(block, 0);
}
