/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/loop/serve.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { CLIENTS_MAX = 16, REQUEST_MAX = 64 * 1024, CHUNK = 16 * 1024 };

typedef struct Client {
    Serve *serve;
    int fd;
    Poll *poll;
    bool answering;
} Client;

struct Serve {
    Loop *loop;
    ServeAsk ask;
    int fd, port, count, open;
    Poll *poll;
    Client clients[CLIENTS_MAX];
    size_t client_n;
    char heard[REQUEST_MAX];
    size_t heard_n;
};

static void hang_up(Client *client) {
    if (client->fd < 0)
        return;
    client->poll = poll_free(client->poll);
    close(client->fd);
    client->fd = -1;
    client->serve->open--;
}

static bool request_is_whole(const char *heard, size_t n) {
    const char *end = strstr(heard, "\r\n\r\n");
    const char *length = strstr(heard, "Content-Length: ");
    size_t body = 0;
    if (end && length && length < end)
        (void)!sscanf(length, "Content-Length: %zu", &body);
    return end && n - (size_t)(end + 4 - heard) >= body;
}

static const char *reply_of(const Serve *serve) {
    if (serve->ask.reply_to)
        return serve->ask.reply_to(serve->heard);
    return serve->count > 1 && serve->ask.second ? serve->ask.second : serve->ask.reply;
}

static void say(Client *client, const char *bytes) {
    size_t size = strlen(bytes);
    if (write(client->fd, bytes, size) != (ssize_t)size)
        hang_up(client);
}

static void answer(Client *client) {
    Serve *serve = client->serve;
    const char *reply = reply_of(serve);
    if (!reply)
        return; /* for ever */
    if (!client->answering)
        say(client, reply);
    client->answering = !serve->ask.keep;
    if (serve->ask.endless && client->fd >= 0)
        poll_set(client->poll, POLL_READ | POLL_WRITE);
    else if (!serve->ask.keep)
        hang_up(client);
}

static void on_client(void *arg, int events) {
    Client *client = arg;
    Serve *serve = client->serve;
    if (events & POLL_READ) {
        ssize_t n =
            read(client->fd, serve->heard + serve->heard_n, REQUEST_MAX - 1 - serve->heard_n);
        if (n <= 0) {
            hang_up(client);
            return;
        }
        serve->heard_n += (size_t)n;
        serve->heard[serve->heard_n] = '\0';
        if (request_is_whole(serve->heard, serve->heard_n)) {
            serve->count++;
            serve->heard_n = 0;
            answer(client);
        }
    } else if (events & POLL_WRITE) {
        static char chunk[CHUNK];
        memset(chunk, 'x', sizeof(chunk));
        if (write(client->fd, chunk, sizeof(chunk)) < 0)
            hang_up(client);
    }
}

static void on_accept(void *arg, int events) {
    Serve *serve = arg;
    (void)events;
    assert(serve->client_n < CLIENTS_MAX);
    Client *client = &serve->clients[serve->client_n++];
    client->serve = serve;
    client->fd = accept(serve->fd, NULL, NULL);
    assert(client->fd >= 0);
    client->poll = poll_new(serve->loop, client->fd, POLL_READ, on_client, client);
    serve->open++;
}

/* -1 if the family is not there. */
static int bound_to(const ServeAsk *ask) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    int fd = socket(ask->family, SOCK_STREAM | SOCK_CLOEXEC, 0), bad;
    if (ask->family == AF_UNIX) {
        snprintf(local.sun_path, sizeof(local.sun_path), "%s", ask->path);
        bad = bind(fd, (const struct sockaddr *)&local, sizeof(local));
    } else if (ask->family == AF_INET6) {
        bad = bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
    } else {
        bad = bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
    }
    if (!bad)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int listen_on(const ServeAsk *ask) {
    int fd = bound_to(ask);
    int bad = listen(fd, CLIENTS_MAX);
    assert(!bad);
    return fd;
}

bool serve_can(int family) {
    int fd = bound_to(&(ServeAsk){.family = family});
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

Serve *serve_new(Loop *loop, const ServeAsk *ask) {
    Serve *serve = xcalloc(1, sizeof(*serve));
    struct sockaddr_in6 address = {0};
    socklen_t size = sizeof(address);
    serve->loop = loop;
    serve->ask = *ask;
    serve->fd = listen_on(ask);
    if (ask->family != AF_UNIX)
        getsockname(serve->fd, (struct sockaddr *)&address, &size);
    serve->port = ntohs(address.sin6_port); /* at the same place in both families */
    serve->poll = poll_new(loop, serve->fd, POLL_READ, on_accept, serve);
    return serve;
}

Serve *serve_free(Serve *serve) {
    for (size_t i = 0; i < serve->client_n; i++)
        hang_up(&serve->clients[i]);
    poll_free(serve->poll);
    close(serve->fd);
    free(serve);
    return NULL;
}

int serve_port(const Serve *serve) {
    return serve->port;
}

const char *serve_heard(const Serve *serve) {
    return serve->heard;
}

int serve_count(const Serve *serve) {
    return serve->count;
}

int serve_open(const Serve *serve) {
    return serve->open;
}

int serve_met(const Serve *serve) {
    return (int)serve->client_n;
}

void serve_say(Serve *serve, const char *bytes, bool then_hang_up) {
    Client *client = &serve->clients[serve->client_n - 1];
    assert(client->fd >= 0);
    say(client, bytes);
    if (then_hang_up)
        hang_up(client);
}
