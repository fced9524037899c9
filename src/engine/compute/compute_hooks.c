/* SPDX-License-Identifier: Apache-2.0 */
/* Compute that the project's hooks make and destroy: a machine that is reached over ssh. It is
 * made, listed and destroyed; what needs the other side comes later, and says so. */
#include "engine/compute/compute_inside.h"
#include "spec/compute_access.h"

/* What the hook has printed is believed: nobody goes there to look. */
static int look(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                Err *err) {
    *ret = (ComputeLook){.stands = true, .root = ask->path, .branch = ask->branch};
    return 0;
}

/* Both are steps of their own, with the hook as their command. */
static int nothing(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeCommand *ret,
                   Err *err) {
    *ret = (ComputeCommand){.cwd = "/", .env = *ask->env};
    return 0;
}

static const ComputeOps ops = {.look = look, .create = nothing, .destroy = nothing};
const Compute compute_hooks = {&ops, "ssh"};

/* ---- what the hook printed ---- */

static int read_access(const StrMap *outputs, ComputeAccess *ret, Err *err) {
    const char *host = strmap_get(outputs, "VM_IP"), *user = strmap_get(outputs, "SSH_USER");
    const char *root = strmap_get(outputs, "REMOTE_ROOT");
    if (host && !*host)
        return err_set(err, ERR_INVALID, "VM_IP: it is empty");
    *ret = (ComputeAccess){.type = "ssh",
                           .host = host,
                           .user = user && *user ? user : NULL,
                           .root = root && *root ? root : "/app",
                           .managed = true};
    if (compute_word_check("VM_IP", ret->host, err) < 0 ||
        compute_word_check("SSH_USER", ret->user, err) < 0)
        return -1;
    return compute_path_check("REMOTE_ROOT", ret->root, err);
}

int compute_hooks_access(const StrMap *outputs, ComputeAccess *ret, Err *err) {
    ComputeAccess access;
    if (read_access(outputs, &access, err) < 0)
        return err_in(err, "what provisioner.compute.create printed");
    *ret = access;
    return 0;
}
