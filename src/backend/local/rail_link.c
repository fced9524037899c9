/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/rail_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/local/pin_socket.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

enum {
    START_MS = 5000, /* a rail that does not listen within this time is given up */
    START_POLL_MAX_MS = 50,
    SETTLED_MS = 1000, /* a link that lived so long is made again at once when it ends */
    AGAIN_MIN_MS = 100,
    AGAIN_MAX_MS = 10000,
    NO_ROOM_MS = 5, /* too many descriptors are on their way */
    BYE_MS = 1000,
    EXIT_OTHER_RAIL = 3, /* exit code of a rail that found another one */
};

typedef enum LinkPhase {
    LINK_DOWN,
    LINK_PAUSED, /* until the next try */
    LINK_CONNECTING,
    LINK_UP,
} LinkPhase;

struct RailLink {
    Loop *loop;
    const LocalOptions *options;
    const RailEvents *events;
    void *arg;
    char name[64];
    LinkPhase phase;
    bool leaving;
    int fd; /* -1 */
    Poll *poll;
    /* CONNECTING: next look; PAUSED: next try; UP: room for descriptors may be there again */
    Timer *timer;
    int64_t since_ms; /* of the phase */
    int64_t poll_ms;  /* CONNECTING: until the next look */
    int64_t again_ms; /* until the next try, doubled each time */
    pid_t child;      /* a rail we started and have not reaped; 0 */
    bool started;     /* CONNECTING: we have started one */
};

static void on_timer(void *arg);
static void on_ready(void *arg, int events);

/* ---- Phases ---- */

static void set_phase(RailLink *link, LinkPhase phase, int64_t timer_ms) {
    link->phase = phase;
    link->since_ms = loop_now_ms(link->loop);
    link->timer = timer_free(link->timer);
    if (timer_ms >= 0)
        link->timer = timer_new(link->loop, timer_ms, on_timer, link);
}

static void hang_up(RailLink *link) {
    link->poll = poll_free(link->poll);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

static void pause_link(RailLink *link) {
    link->again_ms = link->again_ms ? link->again_ms * 2 : AGAIN_MIN_MS;
    if (link->again_ms > AGAIN_MAX_MS)
        link->again_ms = AGAIN_MAX_MS;
    set_phase(link, LINK_PAUSED, link->again_ms);
}

static void give_up(RailLink *link, const Err *why) {
    pause_link(link);
    link->events->failed(link->arg, why);
}

static void lost(RailLink *link) {
    bool settled = loop_now_ms(link->loop) - link->since_ms >= SETTLED_MS;
    hang_up(link);
    if (link->leaving) {
        set_phase(link, LINK_DOWN, -1);
    } else if (settled) {
        link->again_ms = 0;
        link->started = false;
        link->poll_ms = 0;
        set_phase(link, LINK_CONNECTING, 0);
    } else {
        pause_link(link);
    }
}

/* ---- Starting a rail ---- */

static int spawn_prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                         const char *log) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(actions, 2, log ? log : "/dev/null",
                                                 O_WRONLY | O_APPEND | (log ? O_CREAT : 0), 0600);
    if (error == 0)
        error = posix_spawn_file_actions_addchdir_np(actions, "/");
    return error;
}

static int start_rail(RailLink *link, Err *err) {
    const LocalOptions *options = link->options;
    size_t n = 0;
    while (options->server_argv[n])
        n++;
    AUTO_FREE const char **argv = xcalloc(n + 4, sizeof *argv);
    argv[0] = options->pin_program;
    argv[1] = "rail";
    argv[2] = link->name;
    memcpy(argv + 3, options->server_argv, n * sizeof *argv);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = spawn_prepare(&actions, &attributes, options->rail_log);
    pid_t pid = 0;
    if (error == 0)
        error =
            posix_spawn(&pid, argv[0], &actions, &attributes, (char **)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        return err_sys(err, error, "start %s", options->pin_program);
    link->child = pid;
    log_debug("started a rail, pid %d", (int)pid);
    return 0;
}

/* A rail that we started and that ended is a zombie of ours. False: it ended in a way that leaves
 * no hope. */
static bool reap(RailLink *link, Err *err) {
    int status;
    if (link->child <= 0 || waitpid(link->child, &status, WNOHANG) != link->child)
        return true;
    link->child = 0;
    if (WIFSIGNALED(status))
        link->started = false; /* somebody killed it: another one is started */
    if (!link->started || WEXITSTATUS(status) == EXIT_OTHER_RAIL)
        return true;
    err_set(err, ERR_UNAVAILABLE, "%s could not be started as the rail: it ended with exit code %d",
            link->options->pin_program, WEXITSTATUS(status));
    return false;
}

/* ---- Connecting ---- */

static void say_hello(RailLink *link) {
    union {
        WireHello hello;
        char bytes[WIRE_MAX];
    } packet = {.hello = {.head = {WIRE_HELLO, sizeof(WireHello)},
                          .protocol = WIRE_PROTOCOL,
                          .pid = getpid()}};
    size_t size = sizeof packet.hello;
    for (const char *const *arg = link->options->server_argv; *arg; arg++) {
        size_t n = strlen(*arg) + 1;
        if (size + n > sizeof packet)
            break;
        memcpy(packet.bytes + size, *arg, n);
        size += n;
        packet.hello.argc++;
    }
    pin_socket_send(link->fd, packet.bytes, size, NULL, 0);
}

static void went_up(RailLink *link, int fd) {
    link->fd = fd;
    link->poll = poll_new(link->loop, fd, POLL_READ, on_ready, link);
    set_phase(link, LINK_UP, -1);
    say_hello(link);
    log_debug("connected to the rail");
    link->events->ready(link->arg);
}

static void look(RailLink *link) {
    Err err = {0};
    int fd = pin_socket_connect(link->name, &err);
    if (fd >= 0) {
        went_up(link, fd);
        return;
    }
    bool absent = err.kind == ERR_NOT_FOUND, hopeless = err.kind == ERR_DENIED || !reap(link, &err);
    if (!hopeless && absent && !link->started && link->child == 0) {
        hopeless = start_rail(link, &err) < 0;
        link->started = true;
    }
    if (hopeless) {
        give_up(link, &err);
        return;
    }
    if (loop_now_ms(link->loop) - link->since_ms > START_MS) {
        err_set(&err, ERR_UNAVAILABLE, "the rail did not listen within %d s", START_MS / 1000);
        give_up(link, &err);
        return;
    }
    link->poll_ms = link->poll_ms ? link->poll_ms * 2 : 1;
    if (link->poll_ms > START_POLL_MAX_MS)
        link->poll_ms = START_POLL_MAX_MS;
    timer_set(link->timer, link->poll_ms);
}

static void begin(RailLink *link) {
    link->started = false;
    link->poll_ms = 0;
    set_phase(link, LINK_CONNECTING, 0);
}

static void on_timer(void *arg) {
    RailLink *link = arg;
    switch (link->phase) {
    case LINK_DOWN: return;
    case LINK_PAUSED: begin(link); return;
    case LINK_CONNECTING: look(link); return;
    case LINK_UP: link->events->ready(link->arg); return;
    }
}

/* ---- Messages ---- */

static void on_message(RailLink *link, const PinPacket *packet) {
    switch (pin_packet_type(packet)) {
    case WIRE_SPAWN_FAILED: {
        WireSpawnFailed failed;
        pin_packet_body(packet, &failed, sizeof failed);
        link->events->spawn_failed(link->arg, failed.tag, failed.error);
        return;
    }
    case WIRE_PIN_DIED: {
        WirePinDied died;
        pin_packet_body(packet, &died, sizeof died);
        died.id[sizeof died.id - 1] = '\0';
        link->events->pin_died(link->arg, &died);
        return;
    }
    case WIRE_SWEPT: {
        WireSwept swept;
        pin_packet_body(packet, &swept, sizeof swept);
        link->events->swept(link->arg, swept.tag);
        return;
    }
    case WIRE_KEPT: {
        WireKeep kept;
        pin_packet_body(packet, &kept, sizeof kept);
        link->events->kept(link->arg, &kept, packet->fd);
        return;
    }
    case WIRE_WELCOME: {
        WireWelcome welcome;
        pin_packet_body(packet, &welcome, sizeof welcome);
        link->events->welcome(link->arg, &welcome);
        return;
    }
    default: return; /* what a newer rail adds we do not know */
    }
}

static void on_ready(void *arg, int events) {
    RailLink *link = arg;
    PinPacket packet;
    if (events & (POLL_READ | POLL_HANGUP)) {
        PinReceived got;
        while ((got = pin_socket_receive(link->fd, &packet)) == PIN_RECEIVED) {
            on_message(link, &packet);
            if (packet.fd >= 0 && pin_packet_type(&packet) != WIRE_KEPT)
                close(packet.fd);
        }
        if (got == PIN_GONE) {
            log_debug("the rail is gone");
            lost(link);
            return;
        }
    }
    if (events & POLL_WRITE) {
        poll_set(link->poll, POLL_READ);
        link->events->ready(link->arg);
    }
}

/* ---- Calls ---- */

RailLink *rail_link_new(Loop *loop, const LocalOptions *options, const RailEvents *events,
                        void *arg) {
    RailLink *link = xcalloc(1, sizeof *link);
    link->loop = loop;
    link->options = options;
    link->events = events;
    link->arg = arg;
    link->fd = -1;
    pin_socket_rail_name(options->state_dir, link->name, sizeof link->name);
    return link;
}

RailLink *rail_link_free(RailLink *link) {
    if (!link)
        return NULL;
    hang_up(link);
    timer_free(link->timer);
    free(link);
    return NULL;
}

void rail_link_want(RailLink *link) {
    if (link->leaving || link->phase == LINK_CONNECTING || link->phase == LINK_UP)
        return;
    begin(link);
}

void rail_link_works(RailLink *link) {
    link->again_ms = 0;
}

bool rail_link_up(const RailLink *link) {
    return link->phase == LINK_UP;
}

pid_t rail_link_pid(const RailLink *link) {
    struct ucred who = {.pid = 0};
    if (link->fd >= 0)
        (void)getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &who, &(socklen_t){sizeof who});
    return who.pid;
}

RailSent rail_link_spawn(RailLink *link, uint64_t tag, const int *fds, size_t n, size_t sockets) {
    if (link->phase != LINK_UP)
        return RAIL_LATER;
    WireSpawn spawn = {
        .head = {WIRE_SPAWN, sizeof spawn}, .tag = tag, .sockets = (uint32_t)sockets};
    if (pin_socket_send(link->fd, &spawn, sizeof spawn, fds, n) == 0)
        return RAIL_SENT;
    if (errno == EAGAIN)
        poll_set(link->poll, POLL_READ | POLL_WRITE);
    else if (errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM)
        set_phase(link, LINK_UP, NO_ROOM_MS);
    else if (errno != EPIPE && errno != ECONNRESET) /* these two: the hang-up is on its way to us */
        return RAIL_FAILED;
    return RAIL_LATER;
}

int rail_link_keep(RailLink *link, const WireKeep *keep, int fd) {
    if (link->phase != LINK_UP)
        return -1;
    if (pin_socket_send(link->fd, keep, sizeof *keep, &fd, fd >= 0) == 0)
        return 0;
    if (errno == EAGAIN)
        poll_set(link->poll, POLL_READ | POLL_WRITE);
    else
        set_phase(link, LINK_UP, NO_ROOM_MS);
    return -1;
}

bool rail_link_sweep(RailLink *link, uint64_t tag) {
    WireSweep sweep = {.head = {WIRE_SWEEP, sizeof sweep}, .tag = tag};
    return link->phase == LINK_UP && pin_socket_send(link->fd, &sweep, sizeof sweep, NULL, 0) == 0;
}

/* A rail that we have started and not met yet would wait for us. */
static void meet(RailLink *link) {
    int64_t until = clock_mono_ms() + BYE_MS;
    Err ignored;
    while (link->fd < 0 && clock_mono_ms() < until) {
        link->fd = pin_socket_connect(link->name, &ignored);
        if (link->fd < 0)
            poll(NULL, 0, 1);
    }
    if (link->fd >= 0)
        say_hello(link);
}

void rail_link_bye(RailLink *link) {
    link->leaving = true;
    if (link->phase == LINK_CONNECTING && link->started)
        meet(link);
    if (link->phase != LINK_UP)
        set_phase(link, LINK_DOWN, -1);
    if (link->fd < 0)
        return;
    WireHead bye = {WIRE_BYE, sizeof bye};
    while (pin_socket_send(link->fd, &bye, sizeof bye, NULL, 0) < 0 && errno == EAGAIN) {
        struct pollfd room = {.fd = link->fd, .events = POLLOUT};
        if (poll(&room, 1, BYE_MS) <= 0)
            return;
    }
}
