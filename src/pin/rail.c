/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/rail.h"

#include "base/sys.h"
#include "pin/due.h"
#include "pin/packet.h"
#include "pin/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Descriptors of the rail, and of a pin at its start. */
enum { SIGNALS = 3, LISTENER };
enum { PIN_SERVER = LISTENER, PIN_DIR, PIN_CGROUP };

/* One pin. In memory shared with it, because it is the pin that learns its id. */
typedef struct RailPin {
    pid_t pid; /* 0: free */
    int status; /* as of waitpid */
    enum { LIVE, DIED, TO_TELL } state; /* DIED: what it left behind is being killed */
    uint32_t survivors;
    char id[WIRE_ID_MAX];
} RailPin;

typedef struct RailConn {
    int fd; /* -1: free */
    pid_t pid;
    uint32_t hello; /* grows; 0: not a server yet */
    bool bye, sweeps;
    uint64_t sweep_tag;
} RailConn;

typedef struct Rail {
    RailConn conns[RAIL_CONNS_MAX];
    uint32_t hellos;
    RailPin *pins;
    uint32_t used, alive; /* slots that were ever used; pins that live */
    pid_t self, server;   /* server: the one we started, 0 if it is gone */
    bool resting;         /* the last server said bye */
    bool untold;          /* its socket is full */
    int64_t server_at, server_since, backoff; /* server_at: when to start one, 0: not */
    int64_t end_at, deaf_until;
    int64_t round_at, rounds_until; /* orphans: next look, 0: none; when to give up */
    Machine machine;
    uint32_t argc;
    size_t argv_size;
    char argv[WIRE_MAX]; /* NUL-terminated strings */
    char *title;         /* memory of argv, where pins write who they are */
    size_t title_size;
    Tree *tree;
    char *buffer;
} Rail;

static RailConn *current(Rail *r) {
    RailConn *newest = NULL;
    for (RailConn *c = r->conns; c < r->conns + RAIL_CONNS_MAX; c++) {
        if (c->fd >= 0 && c->hello > (newest ? newest->hello : 0))
            newest = c;
    }
    return newest;
}

static RailPin *find_pin(const Rail *r, pid_t pid) {
    for (uint32_t i = 0; i < r->used; i++) {
        if (r->pins[i].pid == pid && r->pins[i].state == LIVE)
            return &r->pins[i];
    }
    return NULL;
}

static RailPin *free_pin(Rail *r) {
    for (uint32_t i = 0; i < r->used; i++) {
        if (r->pins[i].pid == 0)
            return &r->pins[i];
    }
    return r->used < RAIL_PINS_MAX ? &r->pins[r->used++] : NULL;
}

/* Pins, and servers however they came to be below us, are not orphans. */
static bool is_known(const void *arg, pid_t pid) {
    const Rail *r = arg;
    bool known = pid == r->server || find_pin(r, pid);
    for (const RailConn *c = r->conns; c < r->conns + RAIL_CONNS_MAX; c++)
        known |= c->fd >= 0 && c->pid == pid;
    return known;
}

static void end_orphans(Rail *r, int64_t now) {
    r->round_at = now;
    r->rounds_until = now + RAIL_ORPHANS_MS;
}

/* Tells the newest server who died. Without one there is nobody to tell: the next looks at the runs itself. */
static void tell(Rail *r) {
    RailConn *to = current(r);
    r->untold = false;
    for (uint32_t i = 0; i < r->used && !r->untold; i++) {
        RailPin *p = &r->pins[i];
        WirePinDied died = {PACKET_HEAD(WIRE_PIN_DIED, WirePinDied), p->pid, p->status, p->survivors, ""};
        if (p->pid == 0 || p->state != TO_TELL)
            continue;
        memcpy(died.id, p->id, sizeof(died.id));
        r->untold = to && packet_send(to->fd, &died) < 0 && errno == EAGAIN;
        p->pid = r->untold ? p->pid : 0;
    }
}

/* One look. The end is reached when nobody is left or time is up: then the dead pins are reported, and sweeps answered. */
static void round_up(Rail *r, int64_t now) {
    TreeSignal how = {.signal = SIGKILL, .self = r->self, .skip = is_known, .arg = r};
    int alive = tree_signal(r->tree, &how);
    r->round_at = now + RAIL_ROUND_MS;
    if (alive != 0 && now < r->rounds_until)
        return;
    r->round_at = 0;
    for (uint32_t i = 0; i < r->used; i++) {
        if (r->pins[i].pid != 0 && r->pins[i].state == DIED) {
            r->pins[i].state = TO_TELL;
            r->pins[i].survivors = (uint32_t)alive;
        }
    }
    tell(r);
    for (RailConn *c = r->conns; c < r->conns + RAIL_CONNS_MAX; c++) {
        WireSwept swept = {PACKET_HEAD(WIRE_SWEPT, WireSwept), c->sweep_tag, (uint32_t)alive, 0};
        if (c->fd >= 0 && c->sweeps)
            packet_send(c->fd, &swept);
        c->sweeps = false;
    }
}

/* The server did not last: the next attempt comes later. */
static void server_ended(Rail *r, int64_t now) {
    bool lasted = now - r->server_since >= RAIL_BACKOFF_MAX_MS;
    int64_t doubled = r->backoff == 0 ? RAIL_BACKOFF_MS : r->backoff * 2;
    r->server = 0;
    r->backoff = lasted ? 0 : doubled < RAIL_BACKOFF_MAX_MS ? doubled : RAIL_BACKOFF_MAX_MS;
    r->server_at = now + r->backoff;
}

static void reap(Rail *r, int64_t now) {
    struct signalfd_siginfo news[4];
    while (sys_read(SIGNALS, news, sizeof(news)) > 0)
        continue;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        RailPin *p = find_pin(r, pid);
        if (pid == r->server)
            server_ended(r, now);
        if (!p)
            continue;
        r->alive--;
        p->status = status;
        p->state = DIED;
        if (status == 0) /* its exit record is written, its tree gone */
            p->pid = 0;
        else
            end_orphans(r, now);
    }
}

/* In the new process: only what is the pin's stays open. Received descriptors have ascending numbers, each above the one
 * it is moved to. */
static noreturn void become_pin(Rail *r, RailPin *slot, const Packet *packet) {
    for (int i = 0; i < packet->fd_count; i++)
        dup3(packet->fds[i], PIN_SERVER + i, O_CLOEXEC);
    close_range((unsigned)(PIN_SERVER + packet->fd_count), ~0U, 0);
    pin_main(&(PinStart){SIGNALS, PIN_SERVER, PIN_DIR, packet->fd_count > 2 ? PIN_CGROUP : -1, &r->machine,
                         slot->id, r->title, r->title_size, r->buffer, r->tree});
}

static void spawn(Rail *r, const RailConn *c, const Packet *packet) {
    WireSpawn m;
    packet_body(r->buffer, (size_t)packet->size, &m, sizeof(m));
    RailPin *slot = free_pin(r);
    pid_t pid = -1;
    errno = packet->fd_count < 2 ? EBADF : EAGAIN;
    if (slot && packet->fd_count >= 2) {
        *slot = (RailPin){0};
        sys_point("rail-spawn");
        pid = sys_fork();
    }
    if (pid == 0)
        become_pin(r, slot, packet);
    WireSpawnFailed failed = {PACKET_HEAD(WIRE_SPAWN_FAILED, WireSpawnFailed), m.tag, errno, 0};
    if (pid < 0) {
        packet_send(c->fd, &failed);
        return;
    }
    slot->pid = pid;
    r->alive++;
}

static void hello(Rail *r, RailConn *c, size_t size) {
    WireHello m;
    packet_body(r->buffer, size, &m, sizeof(m));
    size_t strings = m.head.size < size ? size - m.head.size : 0;
    const char *argv = r->buffer + m.head.size;
    if (m.argc > 0 && m.argc <= RAIL_ARGS_MAX && strings > 0 && argv[strings - 1] == '\0') {
        memcpy(r->argv, argv, strings);
        r->argc = m.argc;
        r->argv_size = strings;
    }
    c->hello = ++r->hellos;
    r->resting = false;
    r->server_at = r->end_at = 0;
    WireWelcome welcome = {PACKET_HEAD(WIRE_WELCOME, WireWelcome), WIRE_PROTOCOL, r->self, r->alive, 0};
    packet_send(c->fd, &welcome);
}

static void hear_packet(Rail *r, RailConn *c, const Packet *packet, int64_t now) {
    WireSweep m;
    packet_body(r->buffer, (size_t)packet->size, &m, sizeof(m));
    switch (m.head.type) {
    case WIRE_HELLO:
        hello(r, c, (size_t)packet->size);
        break;
    case WIRE_SPAWN:
        spawn(r, c, packet);
        break;
    case WIRE_BYE:
        c->bye = true;
        break;
    case WIRE_SWEEP:
        c->sweeps = true;
        c->sweep_tag = m.tag;
        end_orphans(r, now);
        break;
    default: /* of a later protocol */
        break;
    }
}

static void hang_up(Rail *r, RailConn *c, int64_t now) {
    bool server = c->hello > 0;
    r->resting = server ? c->bye : r->resting;
    close(c->fd);
    *c = (RailConn){.fd = -1};
    if (server && !current(r) && !r->resting && r->server_at == 0)
        r->server_at = now;
}

static void hear(Rail *r, RailConn *c, int64_t now) {
    for (;;) {
        Packet packet = packet_receive(c->fd, r->buffer, WIRE_MAX, true);
        if (packet.size < 0 && errno == EAGAIN)
            return;
        if (packet.size > 0)
            hear_packet(r, c, &packet, now);
        for (int i = 0; i < packet.fd_count; i++)
            close(packet.fds[i]);
        if (packet.size <= 0)
            return hang_up(r, c, now);
    }
}

static void greet(Rail *r, int64_t now) {
    for (RailConn *c = r->conns; c < r->conns + RAIL_CONNS_MAX; c++) {
        if (c->fd >= 0)
            continue;
        c->fd = packet_accept(LISTENER, &c->pid);
        if (c->fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
            r->deaf_until = now + RAIL_DEAF_MS;
        return;
    }
}

static noreturn void become_server(Rail *r) {
    char *argv[RAIL_ARGS_MAX + 1] = {NULL};
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    size_t at = 0;
    for (uint32_t i = 0; i < r->argc && at < r->argv_size; at += strlen(argv[i++]) + 1)
        argv[i] = r->argv + at;
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execve(argv[0], argv, environ);
    _exit(127);
}

static void start_server(Rail *r, int64_t now) {
    r->server_at = 0;
    if (current(r) || r->server != 0 || r->resting)
        return;
    r->server_since = now;
    r->server = sys_fork();
    if (r->server == 0)
        become_server(r);
    if (r->server < 0)
        server_ended(r, now);
}

/* Does what is due; returns when it is due next, 0: nothing is. */
static int64_t tick(Rail *r, int64_t now) {
    if (r->server_at > 0 && r->server_at <= now)
        start_server(r, now);
    if (r->round_at > 0 && r->round_at <= now)
        round_up(r, now);
    bool needed = !r->resting || current(r) || r->alive > 0 || r->server != 0 || r->round_at > 0;
    if (needed)
        r->end_at = 0;
    else if (r->end_at == 0)
        r->end_at = now + RAIL_REST_MS;
    r->deaf_until = r->deaf_until > now ? r->deaf_until : 0;
    int64_t due = sys_earlier(r->server_at, r->round_at);
    return sys_earlier(sys_earlier(due, r->end_at), r->deaf_until);
}

static void serve(Rail *r) {
    struct pollfd fds[2 + RAIL_CONNS_MAX];
    for (;;) {
        int64_t now = sys_mono_ms(), due = tick(r, now);
        bool room = false;
        if (r->end_at > 0 && r->end_at <= now)
            return;
        for (int i = 0; i < RAIL_CONNS_MAX; i++) {
            const RailConn *c = &r->conns[i];
            fds[2 + i] = (struct pollfd){c->fd, c == current(r) && r->untold ? POLLIN | POLLOUT : POLLIN, 0};
            room |= c->fd < 0;
        }
        fds[0] = (struct pollfd){SIGNALS, POLLIN, 0};
        fds[1] = (struct pollfd){room && r->deaf_until == 0 ? LISTENER : -1, POLLIN, 0};
        if (sys_poll(fds, 2 + RAIL_CONNS_MAX, due_wait(due, now)) <= 0)
            continue;
        now = sys_mono_ms();
        if (fds[0].revents)
            reap(r, now);
        for (int i = 0; i < RAIL_CONNS_MAX; i++) {
            if (fds[2 + i].revents & ~POLLOUT)
                hear(r, &r->conns[i], now);
        }
        if (fds[1].revents)
            greet(r, now);
        if (r->untold)
            tell(r);
    }
}

/* Signals, descriptors and session of a process that nothing but SIGKILL ends. */
static int detach(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};
    struct stat log;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, signal == SIGCHLD ? &usual : &ignore, NULL);
    sigprocmask(SIG_SETMASK, &child, NULL);
    setsid();
    bool logs = fstat(STDERR_FILENO, &log) == 0 && S_ISREG(log.st_mode);
    int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (null < 0)
        return -1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if ((fd != STDERR_FILENO || !logs) && null != fd && dup2(null, fd) < 0)
            return -1;
    }
    close_range(STDERR_FILENO + 1, ~0U, 0);
    prctl(PR_SET_NAME, "thole-rail");
    return chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -1
           : signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK) == SIGNALS ? 0 : -1;
}

/* argv as given, and its memory, where pins will write their titles. */
static void keep_argv(Rail *r, int argc, char **argv) {
    for (int i = 2; i < argc && r->argv_size + strlen(argv[i]) < sizeof(r->argv); i++, r->argc++) {
        memcpy(r->argv + r->argv_size, argv[i], strlen(argv[i]) + 1);
        r->argv_size += strlen(argv[i]) + 1;
    }
    r->title = argv[-1];
    r->title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[-1]);
}

int rail_main(int argc, char **argv) {
    static Rail rail;
    static Tree tree;
    static _Alignas(4096) char buffer[OUTPUT_BUFFER];
    Rail *r = &rail;
    sys_program("rail");
    r->tree = &tree;
    r->buffer = buffer;
    keep_argv(r, argc, argv);
    for (int i = 0; i < RAIL_CONNS_MAX; i++)
        r->conns[i].fd = -1;
    if (detach() < 0)
        return 1;
    int listener = packet_listen(argv[1]);
    if (listener != LISTENER)
        return listener < 0 && errno == EADDRINUSE ? RAIL_HELD : 1;
    r->pins = mmap(NULL, sizeof(RailPin) * RAIL_PINS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->pins == MAP_FAILED)
        return 1;
    machine_read(&r->machine);
    r->self = getpid();
    r->server_at = sys_mono_ms() + RAIL_FIRST_MS;
    serve(r);
    return 0;
}
