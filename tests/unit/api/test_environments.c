/* SPDX-License-Identifier: Apache-2.0 */
/* Environments: the store is asked before each answer; what is asked comes through. */
#include "client.h"

#define API  "/apis/thole.dev/v1alpha1"
#define JSON "Content-Type: application/json\r\n"
#define ONE  API "/namespaces/shop-123456/environments/feat-x"

/* A request with this body is no request. */
static void check_refused(Front *front, const char *path, const char *body, const char *why) {
    Answer answer = ask(front, "POST", path, JSON, body);
    CHECK_EQ(answer.status, 422);
    CHECK_HAS(answer.body, why);
    answer_free(&answer);
}

TEST(the_store_is_asked_before_a_list)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    Answer answer = ask_get(front, API "/environments");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"name\":\"feat-x\"");
    CHECK_EQ(front->engine->refreshes, 1);
    answer_free(&answer);
    front_free(front);
}

TEST(a_store_that_is_away_is_said)
{
    Front *front = front_new();
    front->engine->store_away = true;
    Answer answer = ask_get(front, API "/environments");
    CHECK_EQ(answer.status, 503);
    CHECK_HAS(answer.body, "the store is away");
    answer_free(&answer);
    front_free(front);
}

/* Others are answered meanwhile, and the connection can be used again. */
TEST(who_waits_keeps_the_connection)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    Client *client = client_new(front);
    client_text(client, "GET " ONE " HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    Answer answer = client_answer(client);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "feat-x");
    answer_free(&answer);
    answer = client_answer(client);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "ok");
    answer_free(&answer);
    client_free(client);
    front_free(front);
}

TEST(fields_that_nobody_knows_are_said)
{
    static const char body[] =
        "{\"spec\":{\"name\":\"a\",\"project\":\"/a/thole.yaml\",\"mod\":\"x\"}}";
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    Answer answer = ask(front, "POST", API "/environments?fieldValidation=Strict", JSON, body);
    CHECK_EQ(answer.status, 400);
    CHECK_HAS(answer.body, "unknown field \\\"spec.mod\\\"");
    answer_free(&answer);
    answer = ask(front, "POST", API "/environments", JSON, body);
    CHECK_HAS(answer.head, "Warning: 299 - \"unknown field \\\"spec.mod\\\"\"");
    answer_free(&answer);
    answer = ask(front, "POST", ONE "/refresh", JSON, "{\"onyl\":[]}");
    CHECK_HAS(answer.head, "Warning: 299 - \"unknown field \\\"onyl\\\"\"");
    answer_free(&answer);
    front_free(front);
}

TEST(create_hands_all_on)
{
    Front *front = front_new();
    Answer answer = ask(front, "POST", API "/environments", JSON,
                        "{\"spec\":{\"name\":\"feat-x\",\"project\":\"/shop/thole.yaml\","
                        "\"mode\":\"preview\",\"branch\":\"b\",\"ttl\":\"2h\",\"from\":\"seed_db\","
                        "\"copy\":[\".env\"],\"noCache\":true}}");
    const OperationAsk *asked = &front->engine->operation_asked;
    CHECK_EQ(answer.status, 201);
    CHECK_EQ(asked->kind, OPERATION_CREATE);
    CHECK_EQ(asked->ttl_ms, 2 * 3600 * 1000);
    CHECK_EQ(asked->copy.n, 1);
    CHECK(asked->no_cache);
    answer_free(&answer);
    front_free(front);
}

TEST(what_is_of_another_kind_is_refused)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    check_refused(front, ONE "/refresh", "{\"only\":\"a\"}", "only: expected a list of strings");
    check_refused(front, ONE "/refresh", "{\"only\":[\"a\\u0000b\"]}",
                  "only: expected a list of strings");
    check_refused(front, ONE "/refresh", "{\"from\":\"a\\u0000b\"}", "from: expected a string");
    check_refused(front, ONE "/refresh", "{\"noCache\":\"no\"}", "noCache: expected true or false");
    check_refused(front, API "/environments", "{\"spec\":{\"name\":\"a\",\"provisionOnly\":1}}",
                  "provisionOnly: expected true or false");
    front_free(front);
}

TEST(create_without_a_name_is_refused)
{
    Front *front = front_new();
    check_refused(front, API "/environments", "{\"spec\":{\"project\":\"/shop/thole.yaml\"}}",
                  "spec.name: it is missing");
    front_free(front);
}

TEST(a_run_names_its_manifest)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    check_refused(front, API "/environmentruns", "{\"manifest\":\"here\"}",
                  "expected the absolute path of a manifest");
    Answer answer =
        ask(front, "POST", API "/environmentruns", JSON, "{\"manifest\":\"/w/.thole.json\"}");
    CHECK_EQ(answer.status, 201);
    CHECK_EQ(front->engine->operation_asked.kind, OPERATION_RUN);
    answer_free(&answer);
    answer = ask(front, "POST", API "/environmentruns", JSON,
                 "{\"manifest\":\"/w/.thole.json\",\"stop\":true}");
    CHECK_EQ(answer.status, 201);
    CHECK_EQ(front->engine->operation_asked.kind, OPERATION_STOP);
    answer_free(&answer);
    front_free(front);
}

TEST(a_hook_that_all_share_is_of_no_environment)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    check_refused(front, API "/environmenthooks", "{\"service\":\"db\",\"action\":\"init\"}",
                  "project: expected the absolute path of a config file");
    Answer answer = ask(front, "POST", API "/environmenthooks", JSON,
                        "{\"project\":\"/shop/thole.yaml\",\"service\":\"db\",\"action\":\"init\","
                        "\"name\":\"feat-x\"}");
    const OperationAsk *asked = &front->engine->operation_asked;
    CHECK_EQ(answer.status, 201);
    CHECK_EQ(asked->kind, OPERATION_HOOK);
    CHECK_STR(asked->name, "");
    answer_free(&answer);
    front_free(front);
}

TEST(an_action_is_its_operation)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    Answer answer =
        ask(front, "POST", ONE "/hook", JSON, "{\"service\":\"db\",\"action\":\"reset\"}");
    CHECK_EQ(answer.status, 200);
    CHECK_EQ(front->engine->operation_asked.kind, OPERATION_HOOK);
    answer_free(&answer);
    answer = ask(front, "POST", ONE "/cancel", JSON, "{}");
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    answer = ask(front, "POST", ONE "/cancel", JSON, "{}");
    CHECK_EQ(answer.status, 409);
    answer_free(&answer);
    front_free(front);
}

TEST(an_unknown_environment_is_not_found)
{
    Front *front = front_new();
    Answer answer = ask(front, "POST", ONE "/stop", JSON, "{}");
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    answer = ask_get(front, ONE "/entry");
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    front_free(front);
}

TEST(the_entry_is_previewctls)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    Answer answer = ask_get(front, ONE "/entry");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"provisionerOutputs\"");
    answer_free(&answer);
    front_free(front);
}

TEST(events_come_as_lines)
{
    Front *front = front_new();
    fake_environment(front->engine, "shop-123456", "feat-x");
    Answer answer = ask_get(front, ONE "/events?operation=1&follow=true");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"status\":\"done\"");
    answer_free(&answer);
    front_free(front);
}
