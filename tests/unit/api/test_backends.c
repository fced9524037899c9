/* SPDX-License-Identifier: Apache-2.0 */
/* Backends and what is left there. */
#include "api/api_inside.h"
#include "client.h"

#define BACKENDS THOLE_API "/backends"
#define OPTIONS  "?options=%7B%22docker%22%3A%7B%22host%22%3A%22unix%3A%2F%2F%2Fx%22%7D%7D"

static void check(const char *method, const char *path, int status, const char *const *says) {
    Front *front = front_new();
    Answer answer = ask(front, method, path, "", NULL);
    CHECK_EQ(answer.status, status);
    for (; *says; says++)
        CHECK_HAS(answer.body, *says);
    answer_free(&answer);
    front_free(front);
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST(backends_are_listed_with_their_options_and_fields)
{
    check("GET", BACKENDS, 200,
          SAYS("\"kind\":\"BackendList\"", "\"name\":\"docker\"}", "\"available\":true",
               "\"platform\":\"linux/amd64\",\"version\":\"20.10\",\"where\":\"unix:///x\"",
               "\"name\":\"local\"}", "\"available\":false,\"why\":\"no pin\"",
               "\"env\":[\"THOLE_BACKEND_DOCKER_HOST\",\"WOODPECKER_BACKEND_DOCKER_HOST\","
               "\"DOCKER_HOST\"],\"default\":\"unix:///var/run/docker.sock\",\"value\":"
               "\"unix:///x\"",
               "{\"path\":\"step.tmpfs\",\"use\":\"refused\",\"why\":\"not here\"}"));
    check("GET", BACKENDS "/local", 200,
          SAYS("\"kind\":\"Backend\"", "\"name\":\"local\"}", "\"why\":\"no pin\""));
    check("GET", BACKENDS "/none", 200,
          SAYS("\"status\":\"Failure\"", "there is no backend none", "\"code\":404"));
}

TEST(what_is_left_is_listed_and_removed)
{
    check("GET", BACKENDS "/docker/leftovers", 200,
          SAYS("\"kind\":\"LeftoverList\"",
               "{\"task\":\"T8\",\"kind\":\"network\",\"name\":\"n8\",\"running\":false,\"orphan\":"
               "false}",
               "\"task\":\"T9\",\"kind\":\"container\",\"name\":\"c9\",\"running\":true,"
               "\"orphan\":true"));
    check("GET", BACKENDS "/local/leftovers", 200,
          SAYS("\"status\":\"Failure\"", "the backend local is not available: no pin"));
    check("DELETE", BACKENDS "/docker/leftovers/T9", 200, SAYS("\"status\":\"Success\""));
    check("DELETE", BACKENDS "/docker/leftovers/T8", 200,
          SAYS("\"status\":\"Failure\"", "the task T8 lives", "\"code\":409"));
}

TEST(backends_are_asked_with_the_options_of_the_caller)
{
    Front *front = front_new();
    Answer answer = ask(front, "GET", BACKENDS OPTIONS, "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_STR(front->engine->options_seen, "{\"docker\":{\"host\":\"unix:///x\"}}");
    answer_free(&answer);
    answer = ask(front, "DELETE", BACKENDS "/docker/leftovers/a%2Fb" OPTIONS, "", NULL);
    CHECK_STR(front->engine->given, "docker a/b");
    CHECK_STR(front->engine->options_seen, "{\"docker\":{\"host\":\"unix:///x\"}}");
    answer_free(&answer);
    answer = ask(front, "GET", BACKENDS "?options=x", "", NULL);
    CHECK_EQ(answer.status, 400);
    CHECK_HAS(answer.body, "options");
    answer_free(&answer);
    front_free(front);
}
