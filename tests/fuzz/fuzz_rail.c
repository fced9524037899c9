/* SPDX-License-Identifier: Apache-2.0 */
/* What a rail is told: no process is forked or signalled here, all else is the rail's own. */
#include "fuzz/frames.h"
#include "fuzz/fuzz.h"

#include "base/sys.h"
#include "pin/rail.h"

static pid_t no_fork(void) {
    errno = EAGAIN;
    return -1;
}

static int no_signal(const void *tree, const TreeSignal *how) {
    (void)tree, (void)how;
    return 0;
}

#define sys_fork         no_fork
#define tree_signal(...) no_signal(__VA_ARGS__)
#define main             rail_program
int rail_program(int argc, char **argv);
#include "../../src/pin/rail.c"
#undef main

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Rail rail;
    static RailPin pins[8];
    char replies[WIRE_MAX];
    Frames frames = {data, size};
    size_t n;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    memset(&rail, 0, sizeof(rail));
    memset(pins, 0, sizeof(pins));
    rail.pins = pins;
    peers_init(&rail.peers, replies);
    rail.peers.all[0] = (Peer){.fd = pair[0], .pid = 1};
    for (const uint8_t *at; (at = frames_next(&frames, &n));) {
        if (n == 0) /* would be the end of the peer */
            continue;
        char *exact = malloc(n); /* a sanitizer sees one byte too many */
        memcpy(exact, at, n);
        hear_peer(&rail, &rail.peers.all[0], &(Packet){.at = exact, .size = n});
        free(exact);
        if (rail.round_at)
            round_up(&rail, rail.round_at);
        tell(&rail);
        while (recv(pair[1], replies, sizeof(replies), MSG_DONTWAIT) > 0)
            continue;
        for (char **arg = rail.argv; arg && *arg; arg++)
            if (*arg < rail.hello_text ||
                memchr(*arg, 0, (size_t)(rail.hello_text + sizeof(rail.hello_text) - *arg)) == NULL)
                __builtin_trap();
    }
    server_left(&rail, &rail.peers.all[0], 1);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
