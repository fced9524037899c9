/* SPDX-License-Identifier: Apache-2.0 */
#include "api/peer.h"

#include <unistd.h>

#include "base/boot.h"

static int other_namespace(const char *which, const char *why, Err *err) {
    return err_set(err, ERR_DENIED,
                   "the client is in another %s namespace than the server, where %s; run it where "
                   "the server runs, or give "
                   "it a server of its own with THOLE_RUNTIME_DIR and THOLE_STATE_DIR",
                   which, why);
}

int peer_judge(const PeerFacts *facts, Err *err) {
    if (facts->uid != facts->our_uid && facts->uid != 0)
        return err_set(err, ERR_DENIED,
                       "the client is user %d, and this server serves user %d only; each user has "
                       "a server of their own",
                       (int)facts->uid, (int)facts->our_uid);
    if (facts->pid == 0)
        return other_namespace("pid", "pids mean other processes", err);
    bool unknown = !facts->pidns || !facts->mntns;
    if (unknown && facts->uid == 0)
        return 0; /* we may not look at root's; root may do everything anyway */
    if (unknown)
        return err_set(err, ERR_DENIED,
                       "the namespaces of the client (pid %d) cannot be read; is it still there, "
                       "and not made private?",
                       (int)facts->pid);
    if (facts->pidns != facts->our_pidns)
        return other_namespace("pid", "pids mean other processes", err);
    if (facts->mntns != facts->our_mntns)
        return other_namespace("mount", "paths mean other files", err);
    return 0;
}

int peer_check(const Peer *peer, Err *err) {
    PeerFacts facts = {.uid = peer->uid, .our_uid = geteuid(), .pid = peer->pid};
    if (peer->pid > 0) {
        facts.pidns = pidns_inode(peer->pid);
        facts.mntns = mntns_inode(peer->pid);
        facts.our_pidns = pidns_inode(0);
        facts.our_mntns = mntns_inode(0);
    }
    return peer_judge(&facts, err);
}
