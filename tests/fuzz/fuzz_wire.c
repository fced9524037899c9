/* SPDX-License-Identifier: Apache-2.0 */
/* What a server is told: by a pin, and by the rail whose socket it finds. First byte: even, a pin;
 * odd, the rail. */
#include "fuzz/frames.h"
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/local/inside.h"
#include "backend/local/pin_socket.h"
#include "base/boot.h"
#include "base/path.h"
#include "base/xalloc.h"

enum { TURNS = 50 };

static char dir[] = "/tmp/thole-fuzz-XXXXXX";
static int listener = -1;

static void leave(void) {
    Err err;
    (void)!path_remove_tree(dir, &err);
}

static void listen_as_rail(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[100];
    pin_socket_rail_name(dir, name, sizeof(name));
    memcpy(address.sun_path + 1, name, strlen(name));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 8) < 0)
        abort();
}

static void turn(Loop *loop) {
    for (int i = 0; i < TURNS && loop_turn(loop, 0); i++)
        continue;
}

static void say(Loop *loop, int fd, const uint8_t *data, size_t size) {
    Frames frames = {data, size};
    char replies[WIRE_MAX];
    size_t n;
    for (const uint8_t *at; (at = frames_next(&frames, &n));) {
        (void)!send(fd, at, n, MSG_NOSIGNAL);
        turn(loop);
        while (recv(fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
            continue;
    }
}

static void heard(void *arg, const void *result, const Err *err) {
    (void)result, (void)err;
    ++*(int *)arg;
}

/* One run whose pin we are: a start, a wait and a stop are under way. */
static void as_pin(Backend *backend, const uint8_t *data, size_t size) {
    StepId id = {"t", "server", 1};
    StopHow how = {.signal = 15, .grace_ms = 10};
    int pair[2], calls = 0;
    Run *run = run_new(local_of(backend), dir, id);
    if (pin_socket_pair(pair) < 0)
        abort();
    random_hex(run->id, 16);
    run_call(run, CALL_START, heard, &calls);
    run_call(run, CALL_WAIT, heard, &calls);
    run_attach(run, pair[0]);
    if (size > 0 && data[0] & 1)
        backend_destroy_step(backend, id, &how, heard, &calls);
    say(backend->loop, pair[1], data, size);
    close(pair[1]);
    turn(backend->loop); /* the pin is gone: its run is sought */
    if (calls > 3)
        __builtin_trap();
}

static void as_rail(Backend *backend, const uint8_t *data, size_t size) {
    rail_link_want(local_of(backend)->rail);
    int fd = -1;
    for (int i = 0; i < TURNS && fd < 0; i++) {
        loop_turn(backend->loop, 10);
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    if (fd < 0)
        abort();
    say(backend->loop, fd, data, size);
    close(fd);
    turn(backend->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const argv[] = {"/bin/false", NULL};
    if (listener < 0) {
        if (!mkdtemp(dir))
            abort();
        atexit(leave);
        listen_as_rail();
    }
    if (size < 1)
        return 0;
    Loop *loop = loop_new();
    Backend *backend = local_backend_new(
        loop, &(LocalOptions){.state_dir = dir, .pin_program = "/bin/false", .server_argv = argv});
    if (data[0] & 1)
        as_rail(backend, data + 1, size - 1);
    else
        as_pin(backend, data + 1, size - 1);
    backend_free(backend);
    turn(loop);
    loop_free(loop);
    return 0;
}
