/* SPDX-License-Identifier: Apache-2.0 */
/* docker SOCKET IMAGE N: N containers at once, each made by hand over one connection: created,
 * started, waited for, its log read, removed. Each writes a line, which must be in its log. */
#include "bench.h"

#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { TEXT_MAX = 4096 };

typedef struct Engine {
    FILE *in;
    int out;
    int status;
    char body[TEXT_MAX]; /* of the last answer, its beginning */
    size_t n;
} Engine;

static void engine_connect(Engine *engine, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    engine->out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (engine->out < 0 || connect(engine->out, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("%s", path);
    engine->in = fdopen(engine->out, "r");
    if (!engine->in)
        die("fdopen");
}

static void take(Engine *engine, size_t size) {
    for (; size > 0; size--) {
        int c = getc(engine->in);
        errno = EPIPE;
        if (c == EOF)
            die("half an answer");
        if (engine->n < sizeof(engine->body) - 1)
            engine->body[engine->n++] = (char)c;
    }
    engine->body[engine->n] = '\0';
}

static void take_chunks(Engine *engine) {
    char line[TEXT_MAX];
    for (;;) {
        if (!fgets(line, sizeof(line), engine->in))
            die("half an answer");
        size_t size = strtoul(line, NULL, 16);
        take(engine, size);
        if (!fgets(line, sizeof(line), engine->in))
            die("half an answer");
        if (size == 0)
            return;
    }
}

static void read_answer(Engine *engine) {
    char line[TEXT_MAX];
    size_t size = 0;
    int chunked = 0;
    engine->n = 0;
    if (!fgets(line, sizeof(line), engine->in) || strlen(line) < 12)
        die("no answer");
    engine->status = (int)strtoul(line + 9, NULL, 10);
    while (fgets(line, sizeof(line), engine->in) && line[0] != '\r') {
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            size = strtoul(line + 15, NULL, 10);
        if (strncasecmp(line, "Transfer-Encoding: chunked", 26) == 0)
            chunked = 1;
    }
    if (chunked)
        take_chunks(engine);
    else
        take(engine, size);
}

__attribute__((format(printf, 4, 5))) static void ask(Engine *engine, const char *method,
                                                      const char *body, const char *path, ...) {
    char target[TEXT_MAX], text[2 * TEXT_MAX];
    va_list args;
    va_start(args, path);
    vsnprintf(target, sizeof(target), path, args);
    va_end(args);
    int n = snprintf(text, sizeof(text),
                     "%s /v1.41%s HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     method, target, strlen(body), body);
    write_all(engine->out, text, (size_t)n);
    read_answer(engine);
    errno = EPROTO;
    if (engine->status >= 300)
        die("%s %s: %d %s", method, target, engine->status, engine->body);
}

static void run(const char *path, const char *image) {
    Engine engine;
    char body[TEXT_MAX], id[65];
    engine_connect(&engine, path);
    snprintf(body, sizeof(body),
             "{\"Image\":\"%s\",\"Entrypoint\":[\"/bin/sh\",\"-c\",\"echo here\"],"
             "\"HostConfig\":{\"LogConfig\":{\"Type\":\"json-file\"}}}",
             image);
    ask(&engine, "POST", body, "/containers/create");
    const char *at = strstr(engine.body, "\"Id\":\"");
    errno = EPROTO;
    if (!at)
        die("no id in %s", engine.body);
    snprintf(id, sizeof(id), "%s", at + 6);
    ask(&engine, "POST", "", "/containers/%s/start", id);
    ask(&engine, "POST", "", "/containers/%s/wait", id);
    errno = ECANCELED;
    if (!strstr(engine.body, "\"StatusCode\":0"))
        die("the container ended with %s", engine.body);
    ask(&engine, "GET", "", "/containers/%s/logs?stdout=1&stderr=1", id);
    errno = EPROTO;
    if (engine.n != 13 || memcmp(engine.body + 8, "here\n", 5) != 0)
        die("its log has %zu bytes", engine.n);
    ask(&engine, "DELETE", "", "/containers/%s?v=1", id);
    fclose(engine.in);
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 4)
        die("usage: docker SOCKET IMAGE N");
    long n = number(argv[3]);
    if (n == 1) {
        run(argv[1], argv[2]);
        return 0;
    }
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            run(argv[1], argv[2]);
            return 0;
        }
    }
    int failed = 0;
    for (int status; wait(&status) > 0;)
        failed |= status != 0;
    return failed;
}
