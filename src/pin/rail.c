/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/rail.h"
#include "base/sys.h"

static Peer *newest(Rail *r) {
    Peer *newest = NULL;
    for (Peer *peer = r->peers.all; peer < r->peers.all + PEERS_MAX; peer++)
        newest = peer->hello > (newest ? newest->hello : 0) ? peer : newest;
    return newest;
}

/* With pid 0 a free slot. */
static RailPin *find(const Rail *r, pid_t pid) {
    for (uint32_t i = 0; i < r->used; i++) {
        if (r->pins[i].pid == pid && (pid == 0 || r->pins[i].status == 0))
            return &r->pins[i];
    }
    return NULL;
}

/* Pins, and servers however they came to be below us, are not orphans. */
static bool is_known(const void *arg, pid_t pid) {
    const Rail *r = arg;
    bool known = pid == r->server || find(r, pid);
    for (int i = 0; i < PEERS_MAX; i++)
        known |= r->peers.all[i].fd >= 0 && r->peers.all[i].pid == pid;
    return known;
}

/* Answers sweeps and tells the newest server who died, when no orphan is left. Without a server
 * there is nobody to tell: the next one looks at the runs itself. */
static void tell(Rail *r) {
    Peer *server = newest(r);
    for (Peer *peer = r->peers.all; peer < r->peers.all + PEERS_MAX; peer++) {
        WireSwept swept = WIRE(WIRE_SWEPT, WireSwept, peer->number, r->survivors);
        peer->watches = peer->watches && !peer_send(peer, &swept);
        peer->owed = peer->watches;
    }
    for (uint32_t i = 0; i < r->used; i++) {
        RailPin *pin = &r->pins[i];
        WirePinDied died = WIRE(WIRE_PIN_DIED, WirePinDied, pin->pid, pin->status, r->survivors);
        memcpy(died.id, pin->id, sizeof(died.id) - 1);
        if (pin->status == 0)
            continue;
        if (server && !peer_send(server, &died)) {
            server->owed = 1;
            return;
        }
        *pin = (RailPin){0};
    }
}

static void end_orphans(Rail *r, int64_t now) {
    r->round_at = now;
    r->rounds_until = now + RAIL_ORPHANS_MS;
}

/* One look at orphans: the last, if nobody is left or time is up. */
static void round_up(Rail *r, int64_t now) {
    int alive = tree_signal(r->pin.start.tree, &(TreeSignal){SIGKILL, getpid(), is_known, r, NULL});
    r->round_at = alive != 0 && now < r->rounds_until ? now + RAIL_ROUND_MS : 0;
    r->survivors = alive > 0 ? (uint32_t)alive : 0;
}

/* A server that did not last is started again later; without a pin to watch, not for ever. */
static void server_ended(Rail *r, int64_t now) {
    bool lasted = now - r->server_since >= RAIL_BACKOFF_MAX_MS;
    int64_t next = r->backoff == 0 ? RAIL_BACKOFF_MS : r->backoff * 2;
    r->backoff = lasted ? 0 : next < RAIL_BACKOFF_MAX_MS ? next : RAIL_BACKOFF_MAX_MS;
    r->server = 0;
    r->resting |= r->alive == 0 && r->backoff == RAIL_BACKOFF_MAX_MS;
    r->server_at = r->resting ? 0 : now + r->backoff;
}

static void hear_signals(Rail *r, int64_t now) {
    struct signalfd_siginfo news;
    int status;
    (void)!sys_read(PIN_SIGNALS, &news, sizeof(news));
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        RailPin *pin = find(r, pid);
        if (pid == r->server)
            server_ended(r, now);
        if (!pin)
            continue;
        r->alive--;
        pin->status = status;
        if (status == 0) /* its exit record is written, its tree gone */
            *pin = (RailPin){0};
        else
            end_orphans(r, now);
    }
}

/* In the new process: only what is the pin's stays open. What came ascends, above its places. */
static noreturn void become_pin(Rail *r, RailPin *slot, const Packet *packet, int sockets) {
    for (int i = 0; i < packet->fd_count; i++)
        dup3(packet->fds[i], PIN_SERVER + i, O_CLOEXEC);
    close_range((unsigned)(PIN_SERVER + packet->fd_count), ~0U, 0);
    r->pin.start.id = slot->id;
    r->pin.start.socket = PIN_SERVER + packet->fd_count - sockets;
    r->pin.start.sockets = sockets;
    r->pin.start.has_cgroup = r->pin.start.socket > PIN_CGROUP;
    pin_main(&r->pin);
}

static void spawn(Rail *r, const Peer *peer, const Packet *packet) {
    WireSpawn m;
    packet_body(packet, &m, sizeof(m));
    RailPin *slot = find(r, 0);
    if (!slot && r->used < RAIL_PINS_MAX)
        slot = &r->pins[r->used++];
    bool able = slot && packet->fd_count - (int64_t)m.sockets >= 2;
    errno = slot ? EBADF : EAGAIN;
    sys_point("rail-spawn");
    pid_t pid = able ? sys_fork() : -1;
    if (pid == 0)
        become_pin(r, slot, packet, (int)m.sockets);
    if (pid < 0) {
        peer_send(peer, &WIRE(WIRE_SPAWN_FAILED, WireSpawnFailed, m.tag, errno));
        return;
    }
    slot->pid = pid;
    r->alive++;
}

static void keep(Rail *r, const Packet *packet) {
    WireKeep m;
    packet_body(packet, &m, sizeof(m));
    RailKept *kept = &r->kept[m.place % WIRE_KEPT_MAX];
    close(kept->fd > 0 ? kept->fd : -1);
    kept->fd = packet->fd_count > 0 ? fcntl(packet->fds[0], F_DUPFD_CLOEXEC, 0) : -1;
    kept->message = m;
    kept->message.head = (WireHead){WIRE_KEPT, sizeof(m)};
}

static void hello(Rail *r, Peer *peer, const Packet *packet) {
    WireHello m;
    packet_body(packet, &m, sizeof(m));
    size_t size = m.head.size < packet->size ? packet->size - m.head.size : 0;
    if (m.argc > 0 && m.argc <= RAIL_ARGS_MAX && size > 0 && packet->at[packet->size - 1] == '\0') {
        memcpy(r->hello_text, packet->at + m.head.size, size);
        child_point(r->hello_argv, r->hello_text, r->hello_text + size, m.argc);
        r->argv = r->hello_argv;
    }
    peer->hello = ++r->hellos;
    r->resting = false;
    r->server_at = 0;
    bool told = true; /* who is not told of all must not believe that this was all */
    for (const RailKept *kept = r->kept; told && kept < r->kept + WIRE_KEPT_MAX; kept++)
        told = kept->fd <= 0 || peer_send_fd(peer, &kept->message, kept->fd);
    if (!told || !peer_send(peer, &WIRE(WIRE_WELCOME, WireWelcome, WIRE_PROTOCOL, getpid(),
                                        r->alive, WIRE_KEPT_MAX, WIRE_SOCKETS_MAX)))
        shutdown(peer->fd, SHUT_RDWR);
}

static void server_left(Rail *r, Peer *peer, int64_t now) {
    if (peer->hello == 0)
        return;
    peer->hello = 0;
    r->resting = peer->bye;
    if (!newest(r) && !r->resting && r->server_at == 0)
        r->server_at = now + r->backoff;
}

static void hear_peer(void *arg, Peer *peer, const Packet *packet) {
    WireSweep m;
    packet_body(packet, &m, sizeof(m));
    if (packet->size == 0)
        return server_left(arg, peer, sys_mono_ms());
    switch (m.head.type) {
    case WIRE_HELLO: return hello(arg, peer, packet);
    case WIRE_SPAWN: return spawn(arg, peer, packet);
    case WIRE_BYE: peer->bye = true; return;
    case WIRE_KEEP: return keep(arg, packet);
    case WIRE_SWEEP:
        peer->watches = true;
        peer->number = m.tag;
        return end_orphans(arg, sys_mono_ms());
    default: return; /* of a later protocol */
    }
}

/* Never two at once: the next is started when this one has ended, or was connected and has gone. */
static void start_server(Rail *r, int64_t now) {
    r->server_at = 0;
    if (newest(r) || r->server != 0 || r->resting)
        return;
    r->server_since = now;
    r->server = sys_fork();
    if (r->server == 0) {
        child_reset_signals();
        setsid();
        close_range(STDERR_FILENO + 1, ~0U, 0);
        execve(r->argv[0], r->argv, environ);
        _exit(127);
    }
    if (r->server < 0)
        server_ended(r, now);
}

/* Does what is due; returns when it is due next, 0: nothing is. */
static int64_t tick(Rail *r, int64_t now) {
    if (r->server_at > 0 && r->server_at <= now)
        start_server(r, now);
    if (r->round_at > 0 && r->round_at <= now)
        round_up(r, now);
    if (r->round_at == 0)
        tell(r);
    bool needed = !r->resting || newest(r) || r->alive > 0 || r->server != 0 || r->round_at > 0;
    r->end_at = needed ? 0 : r->end_at > 0 ? r->end_at : now + RAIL_REST_MS;
    return sys_earlier(sys_earlier(r->server_at, r->round_at), r->end_at);
}

static void serve(Rail *r) {
    struct pollfd fds[1 + PEERS_POLL];
    for (;;) {
        int64_t now = sys_mono_ms(), due = tick(r, now);
        if (r->end_at > 0 && r->end_at <= now)
            return;
        fds[0] = (struct pollfd){PIN_SIGNALS, POLLIN, 0};
        due = sys_earlier(due, peers_poll(&r->peers, fds + 1, now));
        if (sys_poll(fds, 1 + PEERS_POLL, peers_wait(due, now)) <= 0)
            continue;
        if (fds[0].revents)
            hear_signals(r, sys_mono_ms());
        peers_hear(&r->peers, fds + 1, hear_peer, r);
    }
}

/* A process that nothing but SIGKILL ends: signals are blocked rather than ignored, so that one
 * call makes them normal in a child. Its standard descriptors lead to a log or nowhere. */
static bool detach(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    struct stat log;
    sigset_t child = {0}, all;
    sigaddset(&child, SIGCHLD);
    sigfillset(&all);
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &usual, NULL); /* those that may not be changed are as they should be */
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    bool logs = fstat(STDERR_FILENO, &log) == 0 && S_ISREG(log.st_mode);
    int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= (logs ? STDOUT_FILENO : STDERR_FILENO); fd++)
        dup2(null, fd);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    return null >= 0 && prctl(PR_SET_NAME, "thole-rail") == 0 && chdir("/") == 0 &&
           prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 &&
           signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK) == PIN_SIGNALS;
}

int main(int argc, char **argv) {
    static Rail rail, *r = &rail;
    static Tree tree;
    static _Alignas(4096) char buffer[OUTPUT_BUFFER];
    sys_program("rail");
    if (argc < 4 || strcmp(argv[1], "rail") != 0) {
        fputs("thole-pin is started by thole-server: thole-pin rail NAME SERVER...\n", stderr);
        return RAIL_USAGE;
    }
    peers_init(&r->peers, buffer);
    if (!detach())
        return RAIL_FAILED;
    if (peers_listen(&r->peers, argv[2]) < 0)
        return errno == EADDRINUSE ? RAIL_HELD : RAIL_FAILED;
    size_t size = sizeof(RailPin) * RAIL_PINS_MAX;
    size_t title = (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]);
    r->pins = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->pins == MAP_FAILED)
        return RAIL_FAILED;
    machine_read(&r->machine);
    r->pin.start = (PinStart){&r->machine, argv[0], title, buffer, &tree, .id = NULL};
    r->argv = argv + 3;
    r->server_at = sys_mono_ms() + RAIL_FIRST_MS;
    serve(r);
    return 0;
}
