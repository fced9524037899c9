/* SPDX-License-Identifier: Apache-2.0 */
/* May this client speak to us? Processes are named by pid and files by path: both must mean the
 * same to it and to us. */
#pragma once

#include "api/http_server.h"

/* Of our uid or root, and in our pid and mount namespaces. ERR_DENIED says which of them differs
 * and the way out. */
MUST int peer_check(const Peer *peer, Err *err);

/* What is known of a peer; the rule alone, for tests. A namespace of 0 is unknown. */
typedef struct PeerFacts {
    uid_t uid, our_uid;
    pid_t pid;
    uint64_t pidns, our_pidns, mntns, our_mntns;
} PeerFacts;
MUST int peer_judge(const PeerFacts *facts, Err *err);
