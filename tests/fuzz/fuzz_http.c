/* SPDX-License-Identifier: Apache-2.0 */
/* Raw bytes of a client, into a socket of the API over an engine that only remembers. */
#include "fuzz/fuzz.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "unit/api/fake_engine.c"
#include "unit/api/fake_environments.c"
#include "unit/api/fake_events.c"

enum { TURNS = 200, INPUT_MAX = 150 << 10 };

static void on_leave(void *arg, ApiLeave how) {
}

/* What the API says is read and dropped, so that it goes on. */
static void drain(int fd) {
    char bytes[4096];
    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        continue;
}

static void talk(Loop *loop, Api *api, const uint8_t *data, size_t size) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return;
    api_serve(api, pair[0]);
    for (int i = 0; i < TURNS; i++) {
        ssize_t n = size ? send(pair[1], data, size, MSG_NOSIGNAL) : 0;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
        if (!loop_turn(loop, 0) && n <= 0)
            break;
        drain(pair[1]);
    }
    close(pair[1]);
    while (loop_turn(loop, 0))
        continue;
    if (api_clients(api) != 0)
        __builtin_trap(); /* the client has gone and was not noticed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Loop *loop = loop_new();
    Engine *engine = fake_engine_new(loop);
    Target *target =
        fake_target(fake_session(engine, "shop-1", "/shop/thole.yaml"), "api:serve", "{}");
    Api *api = api_new(&(ApiOptions){.loop = loop,
                                     .engine = engine,
                                     .state_dir = "/nonexistent",
                                     .version = "1",
                                     .leave = on_leave},
                       NULL);
    (void)target;
    talk(loop, api, data, size < INPUT_MAX ? size : INPUT_MAX);
    api_free(api);
    fake_engine_free(engine);
    loop_free(loop);
    return 0;
}
