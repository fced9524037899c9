/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/environment_kinds.h"

#include <string.h>

static const char *const operation_names[OPERATIONS] = {
    [OPERATION_CREATE] = "create",   [OPERATION_PROVISION] = "provision",
    [OPERATION_REFRESH] = "refresh", [OPERATION_STEP] = "step",
    [OPERATION_HOOK] = "hook",       [OPERATION_START] = "start",
    [OPERATION_STOP] = "stop",       [OPERATION_INVALIDATE] = "invalidate",
    [OPERATION_RUN] = "run",         [OPERATION_STATUS] = "status",
    [OPERATION_DELETE] = "delete"};

static const char *const orphan_names[ORPHAN_KINDS] = {
    [ORPHAN_WORKTREE] = "worktree", [ORPHAN_DIRECTORY] = "directory", [ORPHAN_SESSION] = "session",
    [ORPHAN_COMPOSE] = "compose",   [ORPHAN_PORTS] = "ports",         [ORPHAN_EXPIRED] = "expired",
    [ORPHAN_LEFTOVER] = "leftover"};

/* Which of the `n` names it is; -1: none. */
static int find(const char *const *names, int n, const char *text) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

const char *operation_kind_name(OperationKind kind) {
    return operation_names[kind];
}

int operation_kind_parse(const char *text, OperationKind *ret) {
    int i = find(operation_names, OPERATIONS, text);
    if (i >= 0)
        *ret = i;
    return i < 0 ? -1 : 0;
}

const char *orphan_kind_name(OrphanKind kind) {
    return orphan_names[kind];
}

int orphan_kind_parse(const char *text, OrphanKind *ret) {
    int i = find(orphan_names, ORPHAN_KINDS, text);
    if (i >= 0)
        *ret = i;
    return i < 0 ? -1 : 0;
}
