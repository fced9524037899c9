/* SPDX-License-Identifier: Apache-2.0 */
/* Entries with strings of their own. */
#pragma once

#include "store/environments.h"

/* With the `parts` (of EnvironmentParts); the others are empty in the copy. */
EnvironmentEntry entry_copy(const EnvironmentEntry *entry, unsigned parts, Arena *arena);
Checkpoint checkpoint_copy(const Checkpoint *checkpoint, Arena *arena);
AuditEntry audit_copy(const AuditEntry *entry, Arena *arena);
EnvironmentKey environment_key_copy(EnvironmentKey key, Arena *arena);
EnvironmentLease environment_lease_copy(const EnvironmentLease *lease, Arena *arena);
