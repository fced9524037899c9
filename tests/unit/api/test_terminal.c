/* SPDX-License-Identifier: Apache-2.0 */
/* Input, output, size and environment of a target, as clients see them. */
#include "client.h"

#include <string.h>

#define TARGET "/apis/thole.dev/v1alpha1/namespaces/shop-1/targets/api.serve"

static Front *shop(void) {
    Front *front = front_new();
    fake_target(fake_session(front->engine, "shop-1", "/shop/thole.yaml"), "api:serve", "{}");
    front->engine->terminal = (Terminal){.run = 3, .tty = true, .log_first = 5, .log_end = 70};
    return front;
}

static Answer post(Front *front, const char *path, const char *body) {
    return ask(front, "POST", path, "Content-Type: application/octet-stream\r\n", body);
}

TEST(a_terminal_says_what_it_takes)
{
    Front *front = shop();
    Answer answer = ask(front, "GET", TARGET "/terminal", "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"status\":{\"run\":3,\"tty\":true,\"stdin\":false,\"logFirst\":5,"
                           "\"logEnd\":70}");
    answer_free(&answer);
    front->engine->terminal.run = 0;
    answer = ask(front, "GET", TARGET "/terminal", "", NULL);
    CHECK_EQ(answer.status, 409);
    CHECK_HAS(answer.body, "api:serve is not running");
    answer_free(&answer);
    front_free(front);
}

TEST(input_is_given_as_it_is)
{
    Front *front = shop();
    Answer answer = post(front, TARGET "/input?writer=7&at=12&end=true", "ls\n");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"status\":\"Success\"");
    CHECK_STR(front->engine->given, "ls\n");
    CHECK_EQ(front->engine->input.writer, 7);
    CHECK_EQ(front->engine->input.at, 12);
    CHECK(front->engine->input.end);
    answer_free(&answer);
    answer = post(front, TARGET "/input", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_EQ(front->engine->input.n, 0);
    CHECK(!front->engine->input.end);
    answer_free(&answer);
    front_free(front);
}

TEST(input_that_is_not_taken_is_said)
{
    static const struct {
        const char *query;
        int status;
        const char *part;
    } bad[] = {{"?writer=x", 400, "writer: Invalid value"},
               {"?writer=0", 400, "writer: Invalid value"},
               {"?at=-1", 400, "at: Invalid value"},
               {"?at=99999999999999999999", 400, "at: Invalid value"}};
    Front *front = shop();
    for (size_t i = 0; i < COUNT(bad); i++) {
        char path[200];
        snprintf(path, sizeof(path), TARGET "/input%s", bad[i].query);
        Answer answer = post(front, path, "x");
        CHECK_EQ(answer.status, bad[i].status);
        CHECK_HAS(answer.body, bad[i].part);
        answer_free(&answer);
    }
    err_set(&front->engine->refused, ERR_CONFLICT, "it has closed its input");
    Answer answer = post(front, TARGET "/input", "x");
    CHECK_HAS(answer.body, "\"status\":\"Failure\"");
    CHECK_HAS(answer.body, "it has closed its input");
    CHECK_HAS(answer.body, "\"code\":409");
    answer_free(&answer);
    front->engine->terminal.run = 0;
    answer = post(front, TARGET "/input", "x");
    CHECK_EQ(answer.status, 409);
    answer_free(&answer);
    char *long_one = xmalloc(BACKEND_INPUT_MAX + 1);
    memset(long_one, 'x', BACKEND_INPUT_MAX);
    long_one[BACKEND_INPUT_MAX] = '\0';
    front->engine->terminal.run = 3;
    answer = post(front, TARGET "/input", long_one);
    CHECK_EQ(answer.status, 413);
    answer_free(&answer);
    free(long_one);
    front_free(front);
}

TEST(a_size_is_two_numbers)
{
    static const char *const bad[] = {"{}", "{\"rows\":24}", "{\"rows\":0,\"columns\":80}",
                                      "{\"rows\":24,\"columns\":65536}",
                                      "{\"rows\":\"24\",\"columns\":80}"};
    Front *front = shop();
    for (size_t i = 0; i < COUNT(bad); i++) {
        Answer answer =
            ask(front, "POST", TARGET "/resize", "Content-Type: application/json\r\n", bad[i]);
        CHECK_EQ(answer.status, 422);
        answer_free(&answer);
    }
    CHECK_EQ(front->engine->size.rows, 0);
    Answer answer = ask(front, "POST", TARGET "/resize", "Content-Type: application/json\r\n",
                        "{\"rows\":50,\"columns\":132}");
    CHECK_EQ(answer.status, 200);
    CHECK_EQ(front->engine->size.rows, 50);
    CHECK_EQ(front->engine->size.columns, 132);
    answer_free(&answer);
    front_free(front);
}

TEST(output_comes_from_an_offset_and_ends_with_the_run)
{
    Front *front = shop();
    Answer answer = ask(front, "GET", TARGET "/output?run=3&from=4", "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_STR(answer.body, "two$ ");
    answer_free(&answer);
    answer = ask(front, "GET", TARGET "/output", "", NULL);
    CHECK_EQ(answer.status, 400);
    answer_free(&answer);
    front_free(front);
}

TEST(the_end_of_a_run_is_told)
{
    Front *front = shop();
    Answer answer = ask(front, "GET", TARGET "/end?run=7", "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"status\":{\"exitCode\":7}");
    answer_free(&answer);
    answer = ask(front, "GET", TARGET "/end?run=99999999999", "", NULL);
    CHECK_EQ(answer.status, 400);
    answer_free(&answer);
    front_free(front);
}

TEST(an_environment_may_hold_any_bytes)
{
    Front *front = shop();
    Answer answer = ask(front, "GET", TARGET "/environment", "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body,
              "\"path\":\"/shop\",\"env\":{\"A\":\"b\",\"BYTES\":{\"base64\":\"/w==\"}}");
    answer_free(&answer);
    front_free(front);
}
