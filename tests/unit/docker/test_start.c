/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that start a step, with an engine that answers as the test says. */
#include "harness/test.h"

#include "backend/docker/start.h"
#include "unit/docker/scripted.h"

#define CREATED  "201 {\"Id\":\"c123\"}"
#define DONE     "304 "
#define OK       "200 {}"
#define NO_IMAGE "404 {\"message\":\"No such image\"}"
#define TAKEN    "409 {\"message\":\"name taken\"}"
#define PULLED   "200 {\"status\":\"Status: pulling\"}\r\n"
#define NO_PULL  "200 {\"status\":\"Status: pulling\"}\r\n{\"error\":\"no route\"}"

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
    Heard h = {0};
    Scripted s;
    scripted_open(&s, says);
    Arena arena;
    StartPlan plan;
    ContainerAsk ask = {.id = {"t", "S1", 1}, .owner = "o", .step = step};
    arena_init(&arena);
    int planned = start_plan(&ask, &arena, &plan, &h.err);
    DockerStart what = {.plan = &plan, .on_pull = on_pull, .pull_arg = &h};
    if (planned < 0)
        h.called = 1;
    Op *op = h.called ? NULL : docker_start(s.engine, &what, on_started, &h);
    for (bool cancelled = false; !h.called;) {
        ASSERT(loop_turn(s.loop, 10000));
        if (h.called || cancelled || !scripted_at_end() || !strstr(scripted_asked(), "cancel me"))
            continue;
        cancelled = true;
        op_cancel(op);
        for (int i = 0; i < 3; i++)
            loop_turn(s.loop, 0);
        CHECK_EQ(h.called, 0); /* what was asked for is to be answered */
        serve_say(s.serve, "HTTP/1.1 204 What\r\n\r\n", false);
    }
    scripted_close(&s);
    arena_deinit(&arena);
    return h;
}

static Step a_step(void) {
    return (Step){.name = "build",
                  .uuid = "S1",
                  .image = "reg:5000/a b",
                  .container_name_scheme = "hash",
                  .auth_config = {NULL, NULL}};
}

#define CREATE "POST /containers/create?name=thole-"
#define PULL   "POST /images/create?fromImage=reg%3A5000%2Fa%20b&tag=latest anonymous\n"
#define START  "POST /containers/thole-f307d4d1f6a0c7cc/start\n"

TEST(start_creates_and_starts)
{
    Step step = a_step();
    Heard h = start(&step, (const char *[]){CREATED, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(h.id, "c123");
    CHECK(strncmp(scripted_asked(), CREATE, strlen(CREATE)) == 0);
    CHECK_STR(strchr(scripted_asked(), '\n') + 1, START);
}

#define CONTAINER "thole-f307d4d1f6a0c7cc"
#define CONNECT_TWO                     \
    "POST /networks/t%2Fw%20o/connect " \
    "{\"Container\":\"" CONTAINER "\",\"EndpointConfig\":{\"Aliases\":[\"build\"]}}\n"
#define CONNECT_THREE               \
    "POST /networks/three/connect " \
    "{\"Container\":\"" CONTAINER "\",\"EndpointConfig\":{\"Aliases\":[]}}\n"
#define LOOK      "GET /containers/" CONTAINER "/json\n"
#define REFUSED   "403 {\"message\":\"no\"}"
#define IN(which) "200 {\"NetworkSettings\":{\"Networks\":" which "}}"

TEST(start_connects_the_other_networks)
{
    const char *alias[] = {"build"};
    StepNetwork networks[] = {{"one", {0}}, {"t/w o", {alias, 1}}, {"three", {0}}};
    Step step = a_step();
    step.networks.at = networks;
    step.networks.n = 3;
    Heard h = start(&step, (const char *[]){CREATED, OK, OK, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(strchr(scripted_asked(), '\n') + 1, CONNECT_TWO CONNECT_THREE START);
    /* the last is connected already: we were killed before the start */
    h = start(&step, (const char *[]){CREATED, OK, REFUSED, IN("{\"three\":{}}"), DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(strchr(scripted_asked(), '\n') + 1, CONNECT_TWO CONNECT_THREE LOOK START);
    networks[2].name = "1d"; /* by its id */
    h = start(&step, (const char *[]){CREATED, OK, REFUSED, IN("{\"x\":{\"NetworkID\":\"1d\"}}"),
                                      DONE, NULL});
    CHECK_STR(h.err.msg, "");
    h = start(&step, (const char *[]){CREATED, OK, REFUSED, IN("{\"two\":{}}"), NULL});
    CHECK_STR(h.err.msg, "docker: no");
}

TEST(start_pulls_what_is_not_there)
{
    Step step = a_step();
    Heard h = start(&step, (const char *[]){NO_IMAGE, PULLED, CREATED, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK_STR(h.pull, "Status: pulling");
    CHECK(strncmp(strchr(scripted_asked(), '\n') + 1, PULL CREATE, strlen(PULL CREATE)) == 0);
    h = start(&step, (const char *[]){NO_IMAGE, NO_PULL, NULL});
    CHECK_EQ(h.err.kind, ERR_NOT_FOUND);
    CHECK_STR(h.err.msg, "pull reg:5000/a b: no route");
    h = start(&step, (const char *[]){NO_IMAGE, "500 {\"message\":\"no registry\"}", NULL});
    CHECK_STR(h.err.msg, "pull reg:5000/a b: docker: no registry");
    h = start(&step, (const char *[]){NO_IMAGE, PULLED, NO_IMAGE, NULL}); /* never for ever */
    CHECK_EQ(h.err.kind, ERR_NOT_FOUND);
    CHECK_STR(h.err.msg, "docker: No such image");
}

TEST(start_may_live_without_a_pull)
{
    Step step = a_step();
    step.pull = true;
    Heard h = start(&step, (const char *[]){NO_PULL, CREATED, DONE, NULL});
    CHECK_STR(h.err.msg, "");
    CHECK(strncmp(scripted_asked(), PULL CREATE, strlen(PULL CREATE)) == 0);
    h = start(&step, (const char *[]){NO_PULL, NO_IMAGE, NULL});
    CHECK_STR(h.err.msg, "pull reg:5000/a b: no route"); /* what is the cause */
    step.auth_config = (RegistryAuth){"me", "secret"};
    h = start(&step, (const char *[]){NO_PULL, NULL});
    CHECK_STR(h.err.msg, "pull reg:5000/a b: no route");
    CHECK(!strstr(scripted_asked(), "anonymous"));
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
    CHECK_EQ(h.err.kind, ERR_INTERNAL);
    CHECK_HAS(h.err.msg, "docker: no such directory: x");
    h = start(&step, (const char *[]){"201 {}", NULL});
    CHECK_STR(h.err.msg, "docker names no container in its answer");
    step.image = "";
    h = start(&step, (const char *[]){CREATED, NULL});
    CHECK_STR(h.err.msg, "step build has no image");
    CHECK_STR(scripted_asked(), "");
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
    CHECK(!strstr(scripted_asked(), "/start"));
}
