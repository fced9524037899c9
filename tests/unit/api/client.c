/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

enum { PATIENCE_MS = 20 * 1000, MAX_CLIENT = 128 << 20 };

static void on_leave(void *arg, ApiLeave how) {
    Front *front = arg;
    front->left++;
    front->how = how;
}

Front *front_new(void) {
    Front *front = xcalloc(1, sizeof(*front));
    Err err;
    snprintf(front->dir, sizeof(front->dir), "%s", test_dir());
    snprintf(front->socket, sizeof(front->socket), "%s/server.sock", front->dir);
    front->loop = loop_new();
    front->engine = fake_engine_new(front->loop);
    front->api = api_new(&(ApiOptions){.loop = front->loop,
                                       .engine = front->engine,
                                       .socket_path = front->socket,
                                       .state_dir = front->dir,
                                       .version = "9.9.9",
                                       .leave = on_leave,
                                       .arg = front},
                         &err);
    if (!front->api)
        fprintf(stderr, "%s\n", err.msg);
    ASSERT(front->api);
    return front;
}

void front_free(Front *front) {
    api_free(front->api);
    fake_engine_free(front->engine);
    loop_free(front->loop);
    free(front);
}

void front_settle(Front *front) {
    while (loop_turn(front->loop, 0))
        continue;
}

bool front_wait(Front *front, bool (*done)(void *arg), void *arg) {
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while (!done(arg) && clock_mono_ms() < end)
        loop_turn(front->loop, 10);
    return done(arg);
}

/* ---- connections ---- */

Client *client_new(Front *front) {
    Client *client = xcalloc(1, sizeof(*client));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", front->socket);
    client->front = front;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    buf_init(&client->in, MAX_CLIENT);
    buf_init(&client->stream, MAX_CLIENT);
    ASSERT(client->fd >= 0);
    while (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        ASSERT(errno == EAGAIN); /* the backlog is full */
        loop_turn(front->loop, 0);
    }
    return client;
}

void client_free(Client *client) {
    close(client->fd);
    buf_deinit(&client->in);
    buf_deinit(&client->stream);
    free(client);
}

static void receive(Client *client) {
    static char bytes[1 << 16];
    ssize_t n;
    while ((n = recv(client->fd, bytes, sizeof(bytes), 0)) > 0)
        buf_put(&client->in, bytes, (size_t)n);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        client->closed = true;
}

void client_send(Client *client, const void *bytes, size_t size) {
    const char *at = bytes;
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while (size && clock_mono_ms() < end) {
        ssize_t n = send(client->fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* refused: the reply says why */
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
        loop_turn(client->front->loop, 0);
    }
    CHECK_EQ(size, 0);
}

void client_text(Client *client, const char *text) {
    client_send(client, text, strlen(text));
}

/* Turns the loop until more has come. False: closed, or too late. */
static bool more(Client *client, int64_t end) {
    size_t had = client->in.n;
    while (clock_mono_ms() < end) {
        receive(client);
        if (client->in.n > had)
            return true;
        if (client->closed)
            return false;
        loop_turn(client->front->loop, 5);
    }
    test_fail(__FILE__, __LINE__, "no answer");
    return false;
}

/* ---- replies ---- */

static const char *header_of(const char *head, const char *name) {
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == ':')
            return line + 2 + strlen(name) + 1 + strspn(line + 3 + strlen(name), " ");
    return NULL;
}

static char *take_head(Client *client) {
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    for (;;) {
        char *stop = client->in.n ? strstr(client->in.p, "\r\n\r\n") : NULL;
        if (stop) {
            char *head = xstrndup(client->in.p, (size_t)(stop - client->in.p) + 2);
            buf_drop(&client->in, (size_t)(stop - client->in.p) + 4);
            return head;
        }
        if (!more(client, end))
            return NULL;
    }
}

/* Moves whole chunks from `in` to `stream`. */
static void unchunk(Client *client) {
    for (;;) {
        char *line = client->in.n ? strstr(client->in.p, "\r\n") : NULL;
        if (!line || client->ended)
            return;
        size_t size = 0;
        for (const char *p = client->in.p; p < line; p++)
            size = size * 16 + (size_t)(*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
        size_t head = (size_t)(line + 2 - client->in.p);
        if (client->in.n < head + size + 2)
            return;
        buf_put(&client->stream, client->in.p + head, size);
        buf_drop(&client->in, head + size + 2);
        client->ended = size == 0;
    }
}

static void read_body(Client *client, Answer *answer, bool no_body) {
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    const char *length = header_of(answer->head, "Content-Length");
    if (length && !no_body) {
        size_t size = 0;
        for (; *length >= '0' && *length <= '9'; length++)
            size = size * 10 + (size_t)(*length - '0');
        while (client->in.n < size && more(client, end))
            continue;
        answer->body_size = client->in.n < size ? client->in.n : size;
        answer->body = xstrndup(buf_cstr(&client->in), answer->body_size);
        buf_drop(&client->in, answer->body_size);
    } else if (header_of(answer->head, "Transfer-Encoding")) {
        do
            unchunk(client);
        while (!client->ended && more(client, end));
        answer->body_size = client->stream.n;
        answer->body = xstrdup(buf_cstr(&client->stream));
    } else {
        answer->body = xstrdup("");
    }
}

Answer client_answer(Client *client) {
    Answer answer = {.head = take_head(client)};
    if (!answer.head) {
        answer.head = xstrdup("");
        answer.body = xstrdup("");
        return answer;
    }
    if (strlen(answer.head) > 12)
        answer.status =
            (answer.head[9] - '0') * 100 + (answer.head[10] - '0') * 10 + (answer.head[11] - '0');
    read_body(client, &answer, false);
    return answer;
}

void answer_free(Answer *answer) {
    free(answer->head);
    free(answer->body);
}

static void send_request(Client *client, const char *method, const char *path, const char *headers,
                         const char *body) {
    char *length = body ? xasprintf("Content-Length: %zu\r\n", strlen(body)) : xstrdup("");
    char *text =
        xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", method, path, headers, length);
    client_text(client, text);
    if (body)
        client_text(client, body);
    free(text);
    free(length);
}

Answer ask(Front *front, const char *method, const char *path, const char *headers,
           const char *body) {
    Client *client = client_new(front);
    send_request(client, method, path, headers, body);
    Answer answer = client_answer(client);
    client_free(client);
    front_settle(front);
    return answer;
}

Answer ask_get(Front *front, const char *path) {
    return ask(front, "GET", path, "", NULL);
}

const Value *answer_json(const Answer *answer, Arena *arena) {
    const Value *v = NULL;
    Err err = {.kind = ERR_NONE};
    if (json_parse(answer->body, answer->body_size, arena, &v, &err) < 0)
        test_fail(__FILE__, __LINE__, "no JSON: %s: %.300s", err.msg, answer->body);
    return v;
}

/* ---- streams ---- */

Client *stream_open(Front *front, const char *path, const char *headers) {
    Client *client = client_new(front);
    send_request(client, "GET", path, headers, NULL);
    char *head = take_head(client);
    ASSERT(head);
    if (strncmp(head, "HTTP/1.1 200", 12) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", path, head);
    free(head);
    return client;
}

const char *stream_line(Client *client) {
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    if (client->headed && client->stream.n) /* what was lent */
        buf_drop(&client->stream, strlen(client->stream.p) + 1);
    client->headed = false;
    for (;;) {
        unchunk(client);
        char *newline = client->stream.n ? memchr(client->stream.p, '\n', client->stream.n) : NULL;
        if (newline) {
            *newline = '\0';
            client->headed = true;
            return client->stream.p;
        }
        if (client->ended || !more(client, end))
            return NULL;
    }
}

bool stream_is_quiet(Client *client) {
    if (client->headed && client->stream.n)
        buf_drop(&client->stream, strlen(client->stream.p) + 1);
    client->headed = false;
    front_settle(client->front);
    receive(client);
    unchunk(client);
    if (client->stream.n)
        fprintf(stderr, "not quiet: %.300s\n", client->stream.p);
    return client->stream.n == 0 && client->in.n == 0 && !client->ended && !client->closed;
}
