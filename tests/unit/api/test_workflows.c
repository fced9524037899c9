/* SPDX-License-Identifier: Apache-2.0 */
/* What a body says of a workflow that is to be run. */
#include "client.h"

#include "spec/routes.h"

#define JSON      "Content-Type: application/json\r\n"
#define WORKFLOWS THOLE_API "/workflows"

typedef struct Case {
    const char *body;
    int status;
    const char *part;
} Case;

TEST(what_a_workflow_is_asked_for_with)
{
    static const Case cases[] = {
        {"{}", 422, "spec.config: expected a Config, or its text"},
        {"{\"spec\":{\"confg\":{}}}", 422, "or its text; unknown field \\\"spec.confg\\\""},
        {"{\"spec\":{\"config\":{},\"task\":7}}", 422, "spec.task: expected a string"},
        {"{\"spec\":{\"config\":{},\"timeout\":\"soon\"}}", 422, "is invalid: spec.timeout: "},
        {"{\"spec\":{\"config\":\"pipeline: []\"}}", 201, "\"kind\":\"Workflow\""},
        {"{\"spec\":{\"config\":{\"pipeline\":[]},\"task\":\"T\",\"backend\":\"moon\","
         "\"timeout\":\"3s\",\"stepTimeout\":\"2s\",\"cleanupOnCancel\":true}}",
         404, "there is no backend"},
    };
    Front *front = front_new();
    for (size_t i = 0; i < COUNT(cases); i++) {
        Answer answer = ask(front, "POST", WORKFLOWS, JSON, cases[i].body);
        CHECK_EQ(answer.status, cases[i].status);
        CHECK_HAS(answer.body, cases[i].part);
        answer_free(&answer);
    }
    const WorkflowAsk *asked = &front->engine->workflow_asked;
    CHECK_EQ(asked->timeout_ms, 3000);
    CHECK_EQ(asked->step_timeout_ms, 2000);
    CHECK(asked->cleanup);
    CHECK_EQ(asked->size, strlen("{\"pipeline\":[]}"));
    front_free(front);
}

TEST(what_comes_along_with_a_workflow)
{
    static const char body[] =
        "{\"spec\":{\"config\":{\"pipeline\":[]},\"env\":{\"B\":\"2\",\"A\":"
        "\"1\"},\"secrets\":{\"T\":\"hunter2\"}},\"client\":{\"env\":{\"PATH\":\"/"
        "bin\"},\"nice\":3,\"umask\":63}}";
    static const Case bad[] = {
        {"{\"spec\":{\"config\":{},\"env\":[]}}", 422, "spec.env: expected a map"},
        {"{\"spec\":{\"config\":{},\"env\":{\"1\":\"x\"}}}", 422, "spec.env.1: "},
        {"{\"spec\":{\"config\":{},\"secrets\":{\"T\":\"abc\"}}}", 422,
         "spec.secrets.T: its value is shorter"},
        {"{\"spec\":{\"config\":{}},\"client\":{\"nice\":99}}", 422, "client.nice: 99 is outside"},
    };
    Front *front = front_new();
    Answer answer = ask(front, "POST", WORKFLOWS, JSON, body);
    const WorkflowAsk *asked = &front->engine->workflow_asked;
    CHECK_EQ(answer.status, 201);
    CHECK_EQ(asked->env.n, 2);
    CHECK_EQ(asked->secrets.n, 1);
    CHECK(asked->client != NULL);
    answer_free(&answer);
    for (size_t i = 0; i < COUNT(bad); i++) {
        answer = ask(front, "POST", WORKFLOWS, JSON, bad[i].body);
        CHECK_EQ(answer.status, bad[i].status);
        CHECK_HAS(answer.body, bad[i].part);
        answer_free(&answer);
    }
    front_free(front);
}

TEST(cancelling_and_deleting)
{
    Front *front = front_new();
    Workflow *workflow = fake_workflow(front->engine, "t1");
    Answer answer = ask(front, "POST", WORKFLOWS "/t1/cancel", JSON, "{\"grace\":\"soon\"}");
    CHECK_EQ(answer.status, 422);
    CHECK_HAS(answer.body, "is invalid: grace: ");
    answer_free(&answer);
    answer = ask(front, "POST", WORKFLOWS "/t1/cancel", JSON, "{\"grace\":3}");
    CHECK_EQ(answer.status, 422);
    CHECK_HAS(answer.body, "is invalid: grace: expected a string");
    answer_free(&answer);
    answer = ask(front, "POST", WORKFLOWS "/t1/cancel", JSON, "{\"grace\":\"3s\"}");
    CHECK_EQ(answer.status, 200);
    CHECK(workflow->stopped);
    answer_free(&answer);
    answer = ask(front, "POST", WORKFLOWS "/t1/cancel", JSON, NULL);
    CHECK_EQ(answer.status, 409);
    answer_free(&answer);
    answer = ask(front, "DELETE", WORKFLOWS "/t1", "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK(workflow->deleted);
    answer_free(&answer);
    front_free(front);
}

TEST(a_workflow_that_is_not_there)
{
    Front *front = front_new();
    Answer answer = ask(front, "POST", WORKFLOWS "/t1/cancel", JSON, "{}");
    CHECK_EQ(answer.status, 404);
    CHECK_HAS(answer.body, "workflows.thole.dev \\\"t1\\\" not found");
    answer_free(&answer);
    answer = ask_get(front, WORKFLOWS);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"kind\":\"WorkflowList\"");
    answer_free(&answer);
    front_free(front);
}

TEST(a_field_that_nobody_knows_is_told_of)
{
    static const char body[] = "{\"spec\":{\"config\":{\"pipeline\":[]},\"kep\":true}}";
    Front *front = front_new();
    Answer answer = ask(front, "POST", WORKFLOWS, JSON, body);
    CHECK_EQ(answer.status, 201);
    CHECK_HAS(answer.head, "Warning: 299 - \"unknown field \\\"spec.kep\\\"\"");
    answer_free(&answer);
    answer = ask(front, "POST", WORKFLOWS "?fieldValidation=Strict", JSON, body);
    CHECK_EQ(answer.status, 400);
    CHECK_HAS(answer.body, "cannot be handled as a Workflow");
    answer_free(&answer);
    front_free(front);
}
