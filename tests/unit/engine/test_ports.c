/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens on a port, and what is done about it: with real sockets and real processes. */
#include "harness/test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "engine/ports/port_check.h"
#include "backend/port_owner.h"
#include "pin/wire.h"

/* A listener on an address with a port that the kernel picks. */
static int listen_on(const char *address, uint16_t *port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(inet_pton(AF_INET, address, &in.sin_addr) == 1);
    ASSERT(bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0 && listen(fd, 5) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&in, &size) == 0);
    *port = ntohs(in.sin_port);
    return fd;
}

static int listen_v6(struct in6_addr address, uint16_t *port) {
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_addr = address};
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
        return -1; /* no IPv6 here */
    ASSERT(listen(fd, 5) == 0 && getsockname(fd, (struct sockaddr *)&in, &size) == 0);
    *port = ntohs(in.sin6_port);
    return fd;
}

TEST(a_listener_is_seen_until_it_is_closed)
{
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "127.0.0.2"};
    for (size_t i = 0; i < 3; i++) {
        uint16_t port = 0;
        int fd = listen_on(addresses[i], &port);
        CHECK(port_in_use(port));
        close(fd);
        CHECK(!port_in_use(port));
    }
}

TEST(listeners_of_ipv6_count_too)
{
    const struct in6_addr addresses[] = {IN6ADDR_LOOPBACK_INIT, IN6ADDR_ANY_INIT};
    for (size_t i = 0; i < 2; i++) {
        uint16_t port = 0;
        int fd = listen_v6(addresses[i], &port);
        if (fd < 0)
            continue;
        CHECK(port_in_use(port));
        close(fd);
        CHECK(!port_in_use(port));
    }
}

TEST(connections_are_no_listeners)
{
    uint16_t port = 0;
    int fd = listen_on("127.0.0.1", &port);
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(connect(client, (struct sockaddr *)&in, sizeof(in)) == 0);
    int served = accept(fd, NULL, NULL);
    close(fd);
    CHECK(!port_in_use(port)); /* established */
    close(served);
    close(client);
    CHECK(!port_in_use(port)); /* TIME_WAIT */
}

TEST(the_owner_is_found_and_named)
{
    uint16_t port = 0;
    Listener listeners[LISTENERS_MAX];
    PortOwner owner;
    int fd = listen_on("127.0.0.1", &port);
    size_t n = port_listeners(port, listeners);
    CHECK_EQ(n, 1);
    CHECK_EQ(listeners[0].uid, geteuid());
    ASSERT(port_owner(listeners, n, &owner));
    CHECK_EQ(owner.pid, getpid());
    /* without its directory */
    CHECK(strncmp(owner.command, "unit-engine", strlen("unit-engine")) == 0);
    CHECK(process_listens(getpid(), listeners, n));
    CHECK(!process_listens(getppid(), listeners, n));
    close(fd);
}

/* A process that listens, with an environment of its own. */
typedef struct Other {
    pid_t pid;
    uint16_t port;
} Other;

static const char listener[] =
    "import os,signal,socket,sys\n"
    "if sys.argv[1] == 'deaf': signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
    "os.write(1, (str(s.getsockname()[1]) + '\\n').encode())\n"
    "signal.pause()\n";

static Other other_new(const char *const env[], const char *how) {
    int out[2];
    char text[16] = "";
    ASSERT(pipe(out) == 0);
    Other other = {.pid = fork()};
    if (other.pid == 0) {
        const char *const argv[] = {"python3", "-c", listener, how, NULL};
        dup2(out[1], 1);
        execve("/usr/bin/python3", (char **)(uintptr_t)argv, (char **)(uintptr_t)env);
        _exit(127);
    }
    close(out[1]);
    ASSERT(read(out[0], text, sizeof(text) - 1) > 0);
    close(out[0]);
    other.port = (uint16_t)strtoul(text, NULL, 10);
    return other;
}

static int other_end(const Other *other) {
    int status = 0;
    kill(other->pid, SIGKILL);
    ASSERT(waitpid(other->pid, &status, 0) == other->pid);
    return status;
}

typedef struct Answer {
    Loop *loop;
    int n;
    Err err;
} Answer;

static void on_clear(void *arg, const Err *err) {
    Answer *answer = arg;
    answer->n++;
    answer->err = err ? *err : (Err){0};
}

static Answer clear(uint16_t port) {
    Answer answer = {.loop = loop_new()};
    port_clear_new(answer.loop, port, on_clear, &answer);
    CHECK_EQ(answer.n, 0);
    loop_run(answer.loop);
    CHECK_EQ(answer.n, 1);
    loop_free(answer.loop);
    return answer;
}

TEST(a_free_port_is_free)
{
    uint16_t port = 0;
    close(listen_on("127.0.0.1", &port));
    CHECK_EQ(clear(port).err.kind, ERR_NONE);
}

TEST(a_program_of_the_same_user_is_named)
{
    const char *const env[] = {NULL};
    char expected[100];
    Other other = other_new(env, "");
    Answer answer = clear(other.port);
    CHECK_EQ(answer.err.kind, ERR_CONFLICT);
    snprintf(expected, sizeof(expected), "port %u is in use by pid %d (python3 -c ", other.port,
             (int)other.pid);
    CHECK_HAS(answer.err.msg, expected);
    CHECK_HAS(answer.err.msg, "stop it or change the port");
    CHECK(!strchr(answer.err.msg, '\n'));
    CHECK_EQ(WTERMSIG(other_end(&other)), SIGKILL);
}

/* Nobody else's: all tests of the machine share the names of sockets, and see all processes. */
static const char *own_stamp(void) {
    static char stamp[64];
    snprintf(stamp, sizeof(stamp), RUN_STAMP "=%032x", (unsigned)getpid());
    return stamp;
}

TEST(what_a_run_left_behind_is_asked_to_end)
{
    const char *const env[] = {"A=1", own_stamp(), NULL};
    Other other = other_new(env, "");
    CHECK_EQ(clear(other.port).err.kind, ERR_NONE);
    int status;
    ASSERT(waitpid(other.pid, &status, 0) == other.pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(and_killed_when_it_does_not)
{
    const char *const env[] = {own_stamp(), NULL};
    Other other = other_new(env, "deaf");
    CHECK_EQ(clear(other.port).err.kind, ERR_NONE);
    int status;
    ASSERT(waitpid(other.pid, &status, 0) == other.pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A pin lives: somebody listens on its socket. */
static int play_pin(const char *id) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "thole/%u/%s",
                     (unsigned)geteuid(), id);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ASSERT(bind(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0);
    ASSERT(listen(fd, 5) == 0);
    return fd;
}

TEST(what_belongs_to_a_living_run_is_left_alone)
{
    const char *stamp = own_stamp();
    const char *const env[] = {stamp, "THOLE_SESSION=shop-1", "THOLE_TARGET=api:serve", NULL};
    int pin = play_pin(stamp + strlen(RUN_STAMP "="));
    Other other = other_new(env, "");
    Answer answer = clear(other.port);
    CHECK_EQ(answer.err.kind, ERR_CONFLICT);
    CHECK_HAS(answer.err.msg, "which is api:serve of session shop-1");
    CHECK(kill(other.pid, 0) == 0);
    (void)other_end(&other);
    close(pin);
}

TEST(what_is_about_to_end_is_waited_for)
{
    const char *const env[] = {own_stamp(), NULL};
    int pin = play_pin(own_stamp() + strlen(RUN_STAMP "="));
    Other other = other_new(env, "");
    Answer answer = {.loop = loop_new()};
    port_clear_new(answer.loop, other.port, on_clear, &answer);
    ASSERT(loop_turn(answer.loop, 1000)); /* it has looked once */
    CHECK_EQ(answer.n, 0);
    (void)other_end(&other);
    loop_run(answer.loop);
    CHECK_EQ(answer.n, 1);
    CHECK_EQ(answer.err.kind, ERR_NONE);
    loop_free(answer.loop);
    close(pin);
}

TEST(who_is_no_longer_interested_hears_nothing)
{
    const char *const env[] = {NULL};
    Other other = other_new(env, "");
    Answer answer = {.loop = loop_new()};
    PortClear *check = port_clear_new(answer.loop, other.port, on_clear, &answer);
    CHECK(port_clear_free(check) == NULL);
    CHECK(port_clear_free(NULL) == NULL);
    loop_run(answer.loop);
    CHECK_EQ(answer.n, 0);
    loop_free(answer.loop);
    (void)other_end(&other);
}

/* What a pin and two processes below it would be: [0] the leader. */
static pid_t family_new(Other ret[2]) {
    const char *const env[] = {NULL};
    int out[2];
    ASSERT(pipe(out) == 0);
    pid_t pin = fork();
    if (pin == 0) {
        Other below[2] = {other_new(env, ""), other_new(env, "")};
        ASSERT(write(out[1], below, sizeof(below)) == sizeof(below));
        pause();
    }
    ASSERT(read(out[0], ret, 2 * sizeof(*ret)) == 2 * sizeof(*ret));
    return pin;
}

TEST(a_stranger_is_told_from_the_run_itself)
{
    const char *const env[] = {NULL};
    char why[200] = "", expected[60];
    Other family[2], stranger = other_new(env, "");
    pid_t pin = family_new(family);
    CHECK(!port_stranger(family[0].port, family[0].pid, why, sizeof(why)));
    CHECK(!port_stranger(family[1].port, family[0].pid, why, sizeof(why))); /* fell to the pin */
    CHECK_STR(why, "");
    CHECK(port_stranger(stranger.port, family[0].pid, why, sizeof(why)));
    snprintf(expected, sizeof(expected), "port %u is answered by pid %d (python3", stranger.port,
             (int)stranger.pid);
    CHECK_HAS(why, expected);
    (void)other_end(&stranger);
    CHECK(!port_stranger(stranger.port, family[0].pid, why, sizeof(why))); /* nobody listens */
    kill(family[0].pid, SIGKILL);
    kill(family[1].pid, SIGKILL);
    kill(pin, SIGKILL);
    waitpid(pin, NULL, 0);
}

TEST(the_port_of_a_probe_is_one_of_this_machine)
{
    Probe probe = {.kind = PROBE_KIND_TCP, .tcp = {.port = {.number = 5432}}};
    CHECK_EQ(probe_port(&probe), 5432);
    probe.tcp.host = "db.example.org";
    CHECK_EQ(probe_port(&probe), 0);
    probe.tcp.host = "127.0.0.1";
    CHECK_EQ(probe_port(&probe), 5432);
    probe = (Probe){.kind = PROBE_KIND_HTTP, .http = {.port = {.number = 80}, .host = "localhost"}};
    CHECK_EQ(probe_port(&probe), 80);
    probe.kind = PROBE_KIND_LOG;
    CHECK_EQ(probe_port(&probe), 0);
}
