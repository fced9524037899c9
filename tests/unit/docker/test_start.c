/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that start a step, with an engine that answers as the test says. */
#include "harness/test.h"

#include <signal.h>
#include <sys/socket.h>

#include "backend/docker/start.h"
#include "unit/loop/serve.h"

#define CREATED  "201 {\"Id\":\"c123\"}"
#define DONE     "304 "
#define OK       "200 {}"
#define NO_IMAGE "404 {\"message\":\"No such image\"}"
#define TAKEN    "409 {\"message\":\"name taken\"}"
#define PULLED   "200 {\"status\":\"pulling\"}\r\n"
#define NO_PULL  "200 {\"status\":\"pulling\"}\r\n{\"error\":\"no route\"}"

/* What the engine says to the calls in order (of one test: it is alone in its process), and what
 * it was asked. */
static const char *const *replies;
static char asked[2000];

static const char *reply_of(const char *says) {
    static char reply[500];
    size_t size = strlen(says + 4);
    int n = snprintf(reply, sizeof(reply), "HTTP/1.1 %.3s What\r\n", says);
    if (strncmp(says, "304", 3) != 0)
        n += snprintf(reply + n, sizeof(reply) - (size_t)n, "Content-Length: %zu\r\n", size);
    snprintf(reply + n, sizeof(reply) - (size_t)n, "\r\n%s", says + 4);
    return reply;
}

static const char *reply_to(const char *request) {
    char line[300] = "";
    const char *body = strstr(request, "\r\n\r\n");
    if (strncmp(request, "GET /_ping ", 11) == 0)
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nApi-Version: 1.41\r\n\r\nOK";
    (void)!sscanf(request, "%299[^\r]", line);
    size_t n = strlen(asked);
    snprintf(asked + n, sizeof(asked) - n, "%.*s%s%s\n", (int)strcspn(line, "H"), line,
             strstr(line, "/connect") ? body + 4 : "",
             strstr(request, "X-Registry-Auth: e30=") ? "anonymous" : "");
    return *replies ? reply_of(*replies++) : NULL;
}

typedef struct Heard {
    int called;
    char id[32], pull[64];
    Err err;
} Heard;

static void on_started(void *arg, const void *result, const Err *err) {
    Heard *h = arg;
    const DockerStarted *started = result;
    h->called++;
    if (err)
        h->err = *err;
    else
        snprintf(h->id, sizeof(h->id), "%s", started->container);
}

static void on_pull(void *arg, const char *line) {
    Heard *h = arg;
    snprintf(h->pull, sizeof(h->pull), "%s", line);
}

static Heard start(const Step *step, const char *const *says) {
    char path[200], host[220];
    Heard h = {0};
    signal(SIGPIPE, SIG_IGN);
    replies = says;
    asked[0] = '\0';
    snprintf(path, sizeof(path), "%s/socket", test_dir());
    snprintf(host, sizeof(host), "unix://%s", path);
    Loop *loop = loop_new();
    ServeAsk ask = {.family = AF_UNIX, .path = path, .reply_to = reply_to, .keep = true};
    Serve *serve = serve_new(loop, &ask);
    DockerEngine *engine = docker_engine_new(loop, host, NULL);
    DockerStart what = {.ask = {.id = {"t", "S1", 1}, .owner = "o", .step = step},
                        .on_pull = on_pull,
                        .pull_arg = &h};
    Op *op = docker_start(engine, &what, on_started, &h);
    while (!h.called && *says) {
        ASSERT(loop_turn(loop, 10000));
        if (!*replies && strstr(asked, "cancel me"))
            op_cancel(op);
    }
    docker_engine_free(engine);
    serve_free(serve);
    loop_free(loop);
    unlink(path);
    return h;
}

static Step a_step(void) {
    return (Step){.name = "build",
                  .uuid = "S1",
                  .image = "reg:5000/a b",
                  .container_name_scheme = "hash",
                  .auth_config = {NULL, NULL}};
}

#define CREATE "POST /v1.41/containers/create?name=thole-"
#define PULL   "POST /v1.41/images/create?fromImage=reg%3A5000%2Fa%20b&tag=latest anonymous\n"
#define START  "POST /v1.41/containers/c123/start \n"

TEST(start_creates_and_starts)
{
    Step step = a_step();
    Heard h = start(&step, (const char *[]){CREATED, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(h.id, "c123");
    CHECK(strncmp(asked, CREATE, strlen(CREATE)) == 0);
    CHECK_STR(strchr(asked, '\n') + 1, START);
}

TEST(start_connects_the_other_networks)
{
    const char *alias[] = {"build"};
    StepNetwork networks[] = {{"one", {0}}, {"t/w o", {alias, 1}}, {"three", {0}}};
    Step step = a_step();
    step.networks.at = networks;
    step.networks.n = 3;
    /* the last is connected already: we were killed before the start */
    Heard h = start(
        &step, (const char *[]){CREATED, OK,
                                "403 {\"message\":\"endpoint x already exists in network three\"}",
                                DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(strchr(asked, '\n') + 1,
              "POST /v1.41/networks/t%2Fw%20o/connect "
              "{\"Container\":\"c123\",\"EndpointConfig\":{\"Aliases\":[\"build\"]}}\n"
              "POST /v1.41/networks/three/connect "
              "{\"Container\":\"c123\",\"EndpointConfig\":{\"Aliases\":[]}}\n" START);
}

TEST(start_pulls_what_is_not_there)
{
    Step step = a_step();
    Heard h = start(&step, (const char *[]){NO_IMAGE, PULLED, CREATED, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(h.pull, "pulling");
    CHECK(strncmp(strchr(asked, '\n') + 1, PULL CREATE, strlen(PULL CREATE)) == 0);
    h = start(&step, (const char *[]){NO_IMAGE, NO_PULL, NULL});
    CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
    CHECK_STR(h.err.msg, "step build: pull reg:5000/a b: no route");
    h = start(&step, (const char *[]){NO_IMAGE, "500 {\"message\":\"no registry\"}", NULL});
    CHECK_STR(h.err.msg, "step build: pull reg:5000/a b: docker: no registry");
    h = start(&step, (const char *[]){NO_IMAGE, PULLED, NO_IMAGE, NULL}); /* never for ever */
    CHECK_EQ(h.err.kind, ERR_NOT_FOUND);
    CHECK_STR(h.err.msg, "step build: docker: No such image");
}

TEST(start_may_live_without_a_pull)
{
    Step step = a_step();
    step.pull = true;
    Heard h = start(&step, (const char *[]){NO_PULL, CREATED, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK(strncmp(asked, PULL CREATE, strlen(PULL CREATE)) == 0);
    h = start(&step, (const char *[]){NO_PULL, NO_IMAGE, NULL});
    CHECK_STR(h.err.msg, "step build: pull reg:5000/a b: no route"); /* what is the cause */
    step.auth_config = (RegistryAuth){"me", "secret"};
    h = start(&step, (const char *[]){NO_PULL, NULL});
    CHECK_STR(h.err.msg, "step build: pull reg:5000/a b: no route");
    CHECK(!strstr(asked, "anonymous"));
}

TEST(start_goes_on_where_it_was_killed)
{
    static const char ours[] = "200 {\"Id\":\"c123\",\"State\":{\"Status\":\"created\"}}";
    static const char runs[] = "200 {\"Id\":\"c123\",\"State\":{\"Status\":\"running\"}}";
    Step step = a_step();
    Heard h = start(&step, (const char *[]){TAKEN, ours, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(h.id, "c123");
    h = start(&step, (const char *[]){TAKEN, runs, NULL});
    CHECK_EQ(h.err.kind, ERR_CONFLICT);
    CHECK_HAS(h.err.msg, "is there already, running");
    h = start(&step, (const char *[]){TAKEN, NO_IMAGE, CREATED, DONE, NULL}); /* it was removed */
    CHECK_STR(h.id, "c123");
    h = start(&step, (const char *[]){TAKEN, NO_IMAGE, TAKEN, NO_IMAGE, TAKEN, NO_IMAGE, TAKEN,
                                      NO_IMAGE, NULL});
    CHECK_EQ(h.err.kind, ERR_CONFLICT);
}

TEST(start_says_why_not)
{
    Step step = a_step();
    Heard h =
        start(&step, (const char *[]){CREATED, "500 {\"message\":\"no such directory: x\"}", NULL});
    CHECK_EQ(h.err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(h.err.msg, "step build: docker: no such directory: x");
    h = start(&step, (const char *[]){"201 {}", NULL});
    CHECK_STR(h.err.msg, "step build: docker names no container in its answer");
    step.image = "";
    h = start(&step, (const char *[]){CREATED, NULL});
    CHECK_STR(h.err.msg, "step build has no image");
    CHECK_STR(asked, "");
}

TEST(start_may_be_cancelled)
{
    StepNetwork networks[] = {{"one", {0}}, {"cancel me", {0}}};
    const char *alias[] = {"cancel me"};
    Step step = a_step();
    networks[1].aliases = (StrList){alias, 1};
    step.networks.at = networks;
    step.networks.n = 2;
    Heard h = start(&step, (const char *[]){CREATED, NULL, NULL});
    CHECK_EQ(h.called, 1);
    CHECK_EQ(h.err.kind, ERR_CANCELLED);
}
