/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/docker/scripted.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/test.h"

static const char *const *replies;
static char asked[2000];

static const char *reply_of(const char *says) {
    static char reply[2000];
    size_t size = strlen(says + 4);
    int n = snprintf(reply, sizeof(reply), "HTTP/1.1 %.3s What\r\n", says);
    if (strncmp(says, "304", 3) != 0)
        n += snprintf(reply + n, sizeof(reply) - (size_t)n, "Content-Length: %zu\r\n", size);
    snprintf(reply + n, sizeof(reply) - (size_t)n, "\r\n%s", says + 4);
    return reply;
}

static const char *reply_to(const char *request) {
    char method[16] = "", path[300] = "";
    const char *body = strstr(request, "\r\n\r\n");
    if (strncmp(request, "GET /_ping ", 11) == 0)
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nApi-Version: 1.41\r\n\r\nOK";
    (void)!sscanf(request, "%15s /v1.41%299s", method, path);
    size_t n = strlen(asked);
    snprintf(asked + n, sizeof(asked) - n, "%s %s%s%s\n", method, path,
             strstr(path, "/connect") ? body + 3 : "",
             strstr(request, "X-Registry-Auth: e30=") ? " anonymous" : "");
    for (char *at = asked + n; *at; at++)
        if (*at == '\n' && at[1])
            *at = ' ';
    const char *says = *replies ? *replies++ : "";
    return *says ? reply_of(says) : NULL;
}

void scripted_open(Scripted *s, const char *const *says) {
    char host[220];
    signal(SIGPIPE, SIG_IGN);
    replies = says;
    asked[0] = '\0';
    snprintf(s->path, sizeof(s->path), "%s/socket", test_dir());
    snprintf(host, sizeof(host), "unix://%s", s->path);
    s->loop = loop_new();
    ServeAsk ask = {.family = AF_UNIX, .path = s->path, .reply_to = reply_to, .keep = true};
    s->serve = serve_new(s->loop, &ask);
    s->engine = docker_engine_new(s->loop, host, NULL);
}

void scripted_close(Scripted *s) {
    docker_engine_free(s->engine);
    if (s->serve) /* a test may have ended it */
        serve_free(s->serve);
    loop_free(s->loop);
    unlink(s->path);
}

void scripted_hear(void *arg, const void *result, const Err *err) {
    ScriptedEnd *end = arg;
    (void)result;
    end->called++;
    if (err)
        end->err = *err;
}

void scripted_until(Scripted *s, const ScriptedEnd *end) {
    while (!end->called)
        ASSERT(loop_turn(s->loop, 10000));
}

bool scripted_at_end(void) {
    return !*replies;
}

const char *scripted_asked(void) {
    return asked;
}
