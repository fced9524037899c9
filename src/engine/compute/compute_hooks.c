/* SPDX-License-Identifier: Apache-2.0 */
/* Compute that the project's hooks make and destroy: a machine that is reached over ssh. It is
 * made, listed and destroyed; what needs the other side comes later, and says so. */
#include <ctype.h>
#include <string.h>

#include "engine/compute/compute_inside.h"

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

/* No option of ssh, nothing that ends a word or a line. */
static int take(const StrMap *outputs, const char *name, const char **ret, Err *err) {
    const char *value = strmap_get(outputs, name);
    if (!value || !value[0])
        return 0;
    for (const char *c = value; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
            return err_set(err, ERR_INVALID,
                           "provisioner.compute.create printed a %s with a blank in it", name);
    if (value[0] == '-')
        return err_set(err, ERR_INVALID,
                       "provisioner.compute.create printed the %s '%s', which ssh would take for "
                       "an option",
                       name, value);
    *ret = value;
    return 0;
}

int compute_hooks_access(const StrMap *outputs, ComputeAccess *ret, Err *err) {
    ComputeAccess access = {.type = "ssh", .root = "/app", .managed = true};
    if (take(outputs, "VM_IP", &access.host, err) < 0 ||
        take(outputs, "SSH_USER", &access.user, err) < 0 ||
        take(outputs, "REMOTE_ROOT", &access.root, err) < 0)
        return -1;
    if (access.root[0] != '/')
        return err_set(err, ERR_INVALID,
                       "provisioner.compute.create printed the REMOTE_ROOT '%s', which is no "
                       "absolute path",
                       access.root);
    *ret = access;
    return 0;
}
