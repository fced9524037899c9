/* SPDX-License-Identifier: Apache-2.0 */
/* What a pin is told while its process runs: nothing is signalled here, all else is the pin's
 * own. */
#include "fuzz/frames.h"
#include "fuzz/fuzz.h"

#include "base/sys.h"
#include "pin/pin.h"

static int no_kill(pid_t pid, int signal) {
    if (pid != -4242 && pid != 4242)
        __builtin_trap(); /* whoever that is, it is not ours */
    return signal == 0 ? 0 : -1;
}

#define sys_kill no_kill
#include "../../src/pin/pin.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Pin pin;
    char replies[WIRE_MAX];
    Frames frames = {data, size};
    size_t n;
    int pair[2], input[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    if (pipe2(input, O_NONBLOCK | O_CLOEXEC) < 0)
        return close(pair[0]), close(pair[1]), 0;
    memset(&pin, 0, sizeof(pin));
    pin.input.fd = input[1];
    peers_init(&pin.peers, replies);
    pin.peers.all[0] = (Peer){.fd = pair[0], .pid = 1};
    pin.step = pin.entered = PIN_RUN;
    pin.pid = 4242;
    pin.exec_known = pin.claimed = true;
    for (const uint8_t *at; (at = frames_next(&frames, &n));) {
        char *exact = malloc(n ? n : 1);
        memcpy(exact, at, n);
        hear_peer(&pin, &pin.peers.all[0], &(Packet){.at = exact, .size = n});
        free(exact);
        feed(&pin);
        while (read(input[0], replies, sizeof(replies)) > 0)
            continue;
        pin_tell(&pin);
        while (recv(pair[1], replies, sizeof(replies), MSG_DONTWAIT) > 0)
            continue;
    }
    close(pair[0]);
    close(pair[1]);
    close(input[0]);
    if (pin.input.fd >= 0) /* an error has closed it */
        close(input[1]);
    return 0;
}
