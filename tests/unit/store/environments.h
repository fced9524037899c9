/* SPDX-License-Identifier: Apache-2.0 */
/* Environments for tests, and what the store says of them. What is returned lives as long as the
 * test. */
#pragma once

#include "store/environments.h"

extern Arena arena;
extern Err err;

const Value *value_of(const char *json);
EnvironmentKey key_of(const char *name); /* of the project /shop/thole.yaml */
EnvironmentEntry entry_of(const char *name);
EnvironmentEntry full_entry(const char *name); /* every member is set */
Checkpoint step_of(const char *name, CheckpointStatus status);
AuditEntry audit_of(const char *action, const char *message);
/* Version 1 of it. -1: it failed. */
int64_t make(Store *store, const char *name);
/* With all parts; fails the test if it is not there. */
StoredEnvironment got(Store *store, const char *name);
StoredEnvironments listed(Store *store, int64_t since);
const char *json_of(const EnvironmentEntry *entry); /* ENTRY_STORED */
EnvironmentLease lease_of(const char *name, const char *server);
