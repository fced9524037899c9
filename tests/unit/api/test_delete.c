/* SPDX-License-Identifier: Apache-2.0 */
/* What Kubernetes lets a DELETE say, of each kind that can be deleted. */
#include "client.h"

#include <stdio.h>

#define JSON "Content-Type: application/json\r\n"

typedef struct Refused {
    const char *query, *body;
    int status;
    const char *says;
} Refused;

static const Refused refused[] = {
    {"", "{\"preconditions\":{\"uid\":\"zz\"}}", 409,
     "the UID in the precondition (zz) does not match the UID in record"},
    {"", "{\"preconditions\":{\"resourceVersion\":\"1\"}}", 409,
     "the ResourceVersion in the precondition (1) does not match"},
    {"?dryRun=All", "{\"preconditions\":{\"uid\":\"zz\"}}", 409, "the UID in the precondition"},
    {"?dryRun=All", NULL, 200, "\"metadata\":{\"name\":\""},
    {"", "{\"dryRun\":[\"All\"]}", 200, "\"metadata\":{\"name\":\""},
    {"?dryRun=Some", NULL, 400, "it is All"},
};

/* `path` is that of one which stays. */
static void check_stays(Front *front, const char *path) {
    char whole[200];
    for (size_t i = 0; i < COUNT(refused); i++) {
        const Refused *r = &refused[i];
        snprintf(whole, sizeof(whole), "%s%s", path, r->query);
        Answer answer = ask(front, "DELETE", whole, r->body ? JSON : "", r->body);
        CHECK_EQ(answer.status, r->status);
        CHECK_HAS(answer.body, r->says);
        answer_free(&answer);
    }
}

TEST(a_session_stays_unless_it_is_meant)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    check_stays(front, "/apis/tilt.dev/v1alpha1/sessions/shop-1");
    CHECK(!session->deleted);
    Answer answer =
        ask(front, "DELETE", "/apis/tilt.dev/v1alpha1/sessions/x?purge=true&dryRun=All", "", NULL);
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    front_free(front);
}

TEST(an_environment_stays_unless_it_is_meant)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    front->engine->operation_asked.kind = OPERATION_STATUS; /* nothing was asked for */
    check_stays(front, "/apis/thole.dev/v1alpha1/namespaces/shop-123456/environments/feat-x");
    CHECK_EQ(front->engine->operation_asked.kind, OPERATION_STATUS);
    front_free(front);
}

TEST(a_workflow_stays_unless_it_is_meant)
{
    Front *front = front_new();
    Workflow *workflow = fake_workflow(front->engine, "t1");
    check_stays(front, "/apis/thole.dev/v1alpha1/workflows/t1");
    CHECK(!workflow->deleted);
    front_free(front);
}
