/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, targets, logs, reviews, the server itself. */
#include "client.h"

#include "base/file.h"
#include "base/path.h"
#include "spec/routes.h"

#define JSON     "Content-Type: application/json\r\n"
#define SESSIONS TILT_API "/sessions"

typedef struct Case {
    const char *body;
    int status;
    const char *parts[4];
} Case;

TEST(creating_sessions)
{
    static const Case cases[] = {
        {"{\"spec\":{\"tiltfilePath\":\"/new/"
         "thole.yaml\",\"exitCondition\":\"ci\",\"ci\":{\"timeout\":\"10m\"}},\"start\":{"
         "\"names\":[\"api\",\"db\"],\"hold\":true,\"client\":{\"env\":{\"SEEN\":\"it\",\"A\":"
         "\"1\"},\"umask\":63,\"nice\":5,"
         "\"limits\":[{\"resource\":7,\"soft\":1024,\"hard\":-1}]}}}",
         201,
         {"\"name\":\"made-1\"", "\"exitCondition\":\"ci\""}},
        {"{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"}}",
         409,
         {"\"reason\":\"AlreadyExists\"", "sessions.tilt.dev \\\"shop-1\\\" already exists",
          "\"name\":\"shop-1\",\"group\":\"tilt.dev\",\"kind\":\"sessions\""}},
        {"{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"},\"start\":{\"session\":\"second\"}}",
         201,
         {"made-second"}},
        {"{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"}}", 409, {"\"uid\":\""}},
        {"{\"spec\":{\"tiltfilePath\":\"/n/thole.yaml\"},\"start\":{\"uid\":\"mine\"}}",
         422,
         {"start.uid", "\\\"mine\\\" is no UUID"}},
        {"{\"spec\":{\"tiltfilePath\":\"/broken/thole.yaml\"}}",
         422,
         {"\"reason\":\"Invalid\"",
          "\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"99999 is outside "
          "1..65535\",\"field\":\"services.api.port\"}]",
          "\"problems\":[{\"file\":\"/broken/"
          "thole.yaml\",\"line\":3,\"column\":5,\"path\":\"services.api.port\",\"message\":\"99999 "
          "is outside 1..65535\",\"hint\":\"use 80\"}]"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n/thole.yaml\"},\"start\":{\"names\":[\"nobody\"]}}",
         422,
         {"FieldValueNotFound", "start.names", "there is no resource or target"}},
        {"{\"spec\":{\"exitCondition\":\"zz\"}}",
         422,
         {"is invalid: [spec.tiltfilePath: Required value, spec.exitCondition: Unsupported value: "
          "\\\"zz\\\": supported values: \\\"manual\\\", \\\"ci\\\"]",
          "{\"reason\":\"FieldValueRequired\",\"message\":\"Required "
          "value\",\"field\":\"spec.tiltfilePath\"}"}},
        {"{\"spec\":{\"tiltfilePath\":\"thole.yaml\"}}", 422, {"is not an absolute path"}},
        {"{\"spec\":{\"tiltfilePath\":7}}", 422, {"expected a string, not a integer"}},
        {"{\"spec\":{\"tiltfilePath\":\"/a\\u0000b\"}}", 422, {"spec.tiltfilePath"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n\",\"ci\":{\"timeout\":\"soon\"}}}",
         422,
         {"spec.ci.timeout"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n\",\"ci\":{\"k8sGracePeriod\":\"1s\"}}}",
         422,
         {"spec.ci.k8sGracePeriod", "it is set in the config file"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n\"},\"start\":{\"session\":\"../x\"}}",
         422,
         {"start.session"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n\"},\"start\":{\"client\":{\"env\":{\"A=B\":\"1\"}}}}",
         422,
         {"cannot be the name of a variable"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n\"},\"start\":{\"client\":{\"env\":{\"A\":1}}}}",
         422,
         {"client.env.A"}},
        {"{\"spec\":{\"tiltfilePath\":\"/n\"},\"start\":{\"client\":{\"umask\":4096}}}",
         422,
         {"outside 0..511"}},
        {"{\"spec\":{\"tiltfilePath\":\"/"
         "n\"},\"start\":{\"client\":{\"limits\":[{\"resource\":7}]}}}",
         422,
         {"client.limits"}},
        {"{\"apiVersion\":\"v1\",\"kind\":\"Session\"}",
         400,
         {"the API version in the data (v1) does not match the expected API version "
          "(tilt.dev/v1alpha1)"}},
        {"{\"kind\":\"Pod\"}", 400, {"the kind in the data (Pod)"}},
        {"", 422, {"spec.tiltfilePath: Required value"}},
    };
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    for (size_t i = 0; i < COUNT(cases); i++) {
        Answer answer = ask(front, "POST", SESSIONS, JSON, cases[i].body);
        if (answer.status != cases[i].status && !(i == 8 && answer.status == 400))
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].body, answer.status, answer.body);
        for (size_t p = 0; p < COUNT(cases[i].parts) && cases[i].parts[p] && i != 8; p++)
            CHECK_HAS(answer.body, cases[i].parts[p]);
        if (i == 0) {
            CHECK_STR(front->engine->env_seen, "it");
            CHECK_STR(front->engine->names_seen, "apidb");
            CHECK_EQ(front->engine->umask_seen, 077);
            CHECK_EQ(front->engine->soft_seen, 1024);
            CHECK_EQ(front->engine->asked.ci_timeout_ms, 600000);
            CHECK_EQ(front->engine->asked.ci_readiness_timeout_ms, -1);
            CHECK(front->engine->asked.hold && front->engine->asked.ci);
            CHECK(!strstr(answer.body, "SEEN")); /* what a client is made of is never served back */
        }
        answer_free(&answer);
    }
    front_free(front);
}

TEST(a_session_that_is_being_stopped_is_another_conflict)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    session_delete(session, -1, false);
    Answer answer =
        ask(front, "POST", SESSIONS, JSON, "{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"}}");
    CHECK_EQ(answer.status, 409);
    CHECK_HAS(answer.body, "\"reason\":\"Conflict\"");
    CHECK_HAS(answer.body, "\"name\":\"shop-1\"");
    answer_free(&answer);
    front_free(front);
}

TEST(environment_that_is_no_utf8)
{
    Front *front = front_new();
    Answer answer = ask(front, "POST", SESSIONS, JSON,
                        "{\"spec\":{\"tiltfilePath\":\"/"
                        "n\"},\"start\":{\"client\":{\"env\":{\"SEEN\":{\"base64\":\"//6A\"}}}}}");
    CHECK_EQ(answer.status, 201);
    CHECK_STR(front->engine->env_seen, "\xff\xfe\x80");
    answer_free(&answer);
    front_free(front);
}

TEST(a_client_that_says_nothing_of_itself_gets_ours)
{
    Front *front = front_new();
    setenv("SEEN", "the server's", 1);
    Answer answer = ask(front, "POST", SESSIONS, JSON, "{\"spec\":{\"tiltfilePath\":\"/n\"}}");
    CHECK_EQ(answer.status, 201);
    CHECK_STR(front->engine->env_seen, "the server's");
    answer_free(&answer);
    front_free(front);
}

TEST(unknown_fields)
{
    static const char body[] = "{\"spec\":{\"tiltfilePath\":\"/n\",\"bogus\":1}}";
    Front *front = front_new();
    Answer answer = ask(front, "POST", SESSIONS "?fieldValidation=Strict", JSON, body);
    CHECK_EQ(answer.status, 400);
    CHECK_HAS(answer.body, "Session in version \\\"v1alpha1\\\" cannot be handled as a Session: "
                           "strict decoding error: unknown "
                           "field \\\"spec.bogus\\\"");
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS, JSON, body);
    CHECK_EQ(answer.status, 201);
    CHECK_HAS(answer.head, "Warning: 299 - \"unknown field \\\"spec.bogus\\\"\"");
    answer_free(&answer);
    front_free(front);
}

TEST(starting_in_a_session)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Answer answer = ask(front, "POST", SESSIONS "/shop-1/start", JSON,
                        "{\"names\":[\"api\"],\"labels\":{\"tier\":\"front\"}}");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"kind\":\"Session\"");
    CHECK_STR(front->engine->names_seen, "apifront");
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS "/shop-1/start", JSON, "{\"client\":{\"env\":{}}}");
    CHECK_STR(front->engine->names_seen, "+client");
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS "/shop-1/start", JSON, "{\"names\":[\"nobody\"]}");
    CHECK_EQ(answer.status, 404);
    CHECK_HAS(answer.body, "there is no resource or target");
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS "/shop-1/start", "", NULL);
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    front_free(front);
}

TEST(reloading_a_session)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    fake_session(front->engine, "bad-1", "/bad/thole.yaml");
    Answer answer = ask(front, "POST", SESSIONS "/shop-1/reload", JSON, "{}");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"kind\":\"Session\"");
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS "/bad-1/reload", JSON, "{}");
    CHECK_EQ(answer.status, 422);
    CHECK_HAS(answer.body, "\"file\":\"/bad/thole.yaml\",\"line\":3,\"column\":5");
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS "/nobody-1/reload", JSON, "{}");
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    answer = ask(front, "POST", SESSIONS "?dryRun=All", JSON,
                 "{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"}}");
    CHECK_EQ(answer.status, 200);
    CHECK_STR(answer.body,
              "{\"kind\":\"SessionReload\",\"apiVersion\":\"thole.dev/v1alpha1\",\"changes\":["
              "{\"target\":\"api:serve\",\"action\":\"restart\",\"message\":\"command changed in "
              "thole.yaml\"}]}\n");
    answer_free(&answer);
    front_free(front);
}

#define PATCH_TYPE "Content-Type: application/merge-patch+json\r\n"

static int patch(Front *front, const char *path, const char *type, const char *body, char *ret) {
    Answer answer = ask(front, "PATCH", path, type, body);
    int status = answer.status;
    snprintf(ret, 1000, "%s", answer.body);
    answer_free(&answer);
    return status;
}

TEST(patching_a_session)
{
    char body[1000];
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    CHECK_EQ(patch(front, SESSIONS "/shop-1", PATCH_TYPE,
                   "{\"spec\":{\"exitCondition\":\"ci\",\"ci\":{\"timeout\":\"3s\","
                   "\"readinessTimeout\":null}}}",
                   body),
             200);
    CHECK_HAS(body, "\"kind\":\"Session\"");
    CHECK_EQ(session->patch.ci, YES);
    CHECK_EQ(session->patch.timeout_ms, 3000);
    CHECK_EQ(session->patch.readiness_timeout_ms, SESSION_AS_FILE);
    CHECK_EQ(patch(front, SESSIONS "/shop-1", PATCH_TYPE, "{}", body), 200);
    CHECK_EQ(session->patch.ci, UNKNOWN);
    CHECK_EQ(session->patch.timeout_ms, SESSION_AS_IS);
    CHECK_EQ(patch(front, SESSIONS "/shop-1", "Content-Type: application/json-patch+json\r\n", "{}",
                   body),
             415);
    CHECK_HAS(body, "application/merge-patch+json");
    CHECK_EQ(patch(front, SESSIONS "/shop-1", PATCH_TYPE,
                   "{\"spec\":{\"exitCondition\":\"never\",\"ci\":{\"timeout\":\"x\"}}}", body),
             422);
    CHECK_HAS(body, "spec.exitCondition");
    CHECK_HAS(body, "spec.ci.timeout");
    CHECK_EQ(session->patch.ci, UNKNOWN); /* nothing of it was done */
    CHECK_EQ(patch(front, SESSIONS "/shop-1", PATCH_TYPE,
                   "{\"spec\":{\"tiltfilePath\":\"/other.yaml\"}}", body),
             422);
    CHECK_HAS(body, "spec.tiltfilePath");
    CHECK_EQ(patch(front, SESSIONS "/shop-1", PATCH_TYPE,
                   "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{}}", body),
             409);
    CHECK_HAS(body, "the object has been modified");
    CHECK_EQ(patch(front, SESSIONS "/nobody-1", PATCH_TYPE, "{}", body), 404);
    session->done = true;
    CHECK_EQ(patch(front, SESSIONS "/shop-1", PATCH_TYPE, "{}", body), 409);
    front_free(front);
}

TEST(patching_a_target)
{
    char body[1000];
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}");
    static const char path[] = "/apis/thole.dev/v1alpha1/namespaces/shop-1/targets/api.serve";
    CHECK_EQ(patch(front, path, PATCH_TYPE, "{\"spec\":{\"enabled\":false}}", body), 200);
    CHECK_EQ(target->patched, NO);
    CHECK_EQ(patch(front, path, PATCH_TYPE, "{\"spec\":{\"enabled\":true}}", body), 200);
    CHECK_EQ(target->patched, YES);
    CHECK_EQ(patch(front, path, PATCH_TYPE, "{\"spec\":{\"enabled\":null}}", body), 200);
    CHECK_EQ(target->patched, UNKNOWN);
    CHECK_EQ(patch(front, path, PATCH_TYPE, "{\"spec\":{\"enabled\":\"no\"}}", body), 422);
    CHECK_HAS(body, "expected true, false or null");
    CHECK_EQ(patch(front, path, PATCH_TYPE, "{\"spec\":{\"type\":\"job\"}}", body), 422);
    CHECK_HAS(body, "spec.type");
    front_free(front);
}

TEST(deleting_sessions)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Answer answer = ask(front, "DELETE", SESSIONS "/shop-1?gracePeriodSeconds=x", "", NULL);
    CHECK_EQ(answer.status, 400);
    answer_free(&answer);
    const char *wrong[] = {"-5", "\"5\"", "1.5", "9999999999999"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char body[80];
        snprintf(body, sizeof(body), "{\"gracePeriodSeconds\":%s}", wrong[i]);
        answer = ask(front, "DELETE", SESSIONS "/shop-1", JSON, body);
        CHECK_EQ(answer.status, 400);
        CHECK_HAS(answer.body, "it is a number from 0");
        answer_free(&answer);
    }
    CHECK(!session->deleted);
    answer =
        ask(front, "DELETE", SESSIONS "/shop-1", JSON, "{\"propagationPolicy\":\"Background\"}");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"deletionTimestamp\":\"20");
    CHECK_EQ(session->deleted_grace_ms, -1);
    CHECK(!session->purge);
    answer_free(&answer);
    answer = ask(front, "DELETE", SESSIONS "/shop-1?gracePeriodSeconds=0&purge=true", "", NULL);
    CHECK_EQ(session->deleted_grace_ms, 0);
    CHECK(session->purge);
    answer_free(&answer);
    answer = ask(front, "DELETE", SESSIONS "/nope?purge=true", "", NULL);
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    front_free(front);
}

static void leave_on_disk(Front *front, const char *slug, const char *json) {
    char path[400];
    Err err;
    snprintf(path, sizeof(path), "%s/sessions/%s", front->dir, slug);
    ASSERT(path_mkdirs(path, 0700, &err) == 0);
    snprintf(path, sizeof(path), "%s/sessions/%s/session.json", front->dir, slug);
    ASSERT(file_write(path, json, strlen(json), 0600, &err) == 0);
}

TEST(sessions_that_are_only_on_disk)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    leave_on_disk(front, "old-1",
                  "{\"format\":1,\"uid\":\"u\",\"file\":\"/old/"
                  "thole.yaml\",\"down\":true,\"started_us\":1700000000000000}");
    leave_on_disk(front, "alive-1", "{\"format\":1,\"uid\":\"u\",\"file\":\"/x\",\"down\":false}");
    leave_on_disk(front, "newer-1", "{\"format\":2,\"uid\":\"u\",\"file\":\"/x\",\"down\":true}");
    leave_on_disk(front, "torn-1", "{\"format\":1,");
    Answer answer = ask_get(front, SESSIONS);
    CHECK(!strstr(answer.body, "old-1"));
    answer_free(&answer);
    answer = ask_get(front, SESSIONS "?stopped=true");
    CHECK_HAS(answer.body, "\"name\":\"shop-1\"");
    CHECK_HAS(answer.body, "\"name\":\"old-1\"");
    CHECK_HAS(answer.body, "\"annotations\":{\"thole.dev/stopped\":\"true\"}");
    CHECK(!strstr(answer.body, "alive-1") && !strstr(answer.body, "newer-1") &&
          !strstr(answer.body, "torn-1"));
    answer_free(&answer);
    answer =
        ask_get(front, SESSIONS "?stopped=true&fieldSelector=spec.tiltfilePath%3D/old/thole.yaml");
    CHECK_HAS(answer.body, "old-1");
    CHECK(!strstr(answer.body, "shop-1"));
    answer_free(&answer);
    answer = ask_get(front, SESSIONS "/old-1/log");
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    answer = ask(front, "DELETE", SESSIONS "/old-1", "", NULL);
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    answer = ask(front, "DELETE", SESSIONS "/old-1?purge=true", "", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"status\":\"Success\"");
    answer_free(&answer);
    answer = ask_get(front, SESSIONS "?stopped=true");
    CHECK(!strstr(answer.body, "old-1"));
    answer_free(&answer);
    answer = ask(front, "DELETE", SESSIONS "/newer-1?purge=true", "", NULL);
    CHECK_EQ(answer.status, 404); /* left untouched */
    answer_free(&answer);
    front_free(front);
}

static bool is_unheld(void *arg) {
    return ((Session *)arg)->holders == 0;
}

TEST(a_session_is_held_while_the_stream_is_open)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Client *one = stream_open(front, SESSIONS "/shop-1/hold", ""),
           *two = stream_open(front, SESSIONS "/shop-1/hold", "");
    CHECK_EQ(session->holders, 2);
    CHECK(stream_is_quiet(one));
    client_free(one);
    client_free(two);
    CHECK(front_wait(front, is_unheld, session));
    Client *last = stream_open(front, SESSIONS "/shop-1/hold", "");
    CHECK(stream_is_quiet(last));
    fake_remove(session);
    fake_session(front->engine, "shop-1", "/shop/thole.yaml"); /* another one of that name */
    CHECK(!stream_line(last));
    CHECK(last->ended);
    client_free(last);
    front_settle(front);
    CHECK_EQ(session_find(front->engine, "shop-1")->holders, 0);
    front_free(front);
}

TEST(targets_are_started_stopped_and_restarted)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}");
    fake_target(session, "stuck:serve", "{}");
    static const char *const acts[] = {"start", "stop", "restart"};
    for (size_t i = 0; i < COUNT(acts); i++) {
        char path[200];
        snprintf(path, sizeof(path), THOLE_API "/namespaces/shop-1/targets/api.serve/%s", acts[i]);
        Answer answer = ask(front, "POST", path, i ? JSON : "", i ? "{}" : NULL);
        CHECK_EQ(answer.status, 200);
        CHECK_HAS(answer.body, "\"kind\":\"Target\"");
        answer_free(&answer);
    }
    CHECK(target->starts == 1 && target->stops == 1 && target->restarts == 1);
    Answer answer =
        ask(front, "POST", THOLE_API "/namespaces/shop-1/targets/stuck.serve/restart", "", NULL);
    CHECK_EQ(answer.status, 409);
    CHECK_HAS(answer.body, "stuck:serve cannot be restarted");
    answer_free(&answer);
    front_free(front);
}

/* ---- logs ---- */

static const FakeLine lines[] = {
    {"api:serve", "hello \"you\"", 1, 1, false, 0},
    {"api:serve", "\xff\xfe", 2, 1, false, 2},
    {"api:serve", "3 bytes are missing", 0, 2, false, 0},
    {"api:serve", "half", 1, 3, true, 0},
};

TEST(logs_as_json_and_raw)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    front->engine->lines = lines;
    front->engine->line_n = COUNT(lines);
    Answer answer = ask_get(front, SESSIONS "/shop-1/log");
    CHECK_STR(answer.body, "{\"target\":\"api:serve\",\"object\":\"api.serve\",\"run\":1,"
                           "\"offset\":10,\"time\":\"2023-11-14T22:13:20.123456Z\","
                           "\"stream\":\"out\",\"text\":\"hello \\\"you\\\"\"}\n"
                           "{\"target\":\"api:serve\",\"object\":\"api.serve\",\"run\":1,"
                           "\"offset\":20,\"time\":\"2023-11-14T22:13:20.123456Z\","
                           "\"stream\":\"err\",\"base64\":\"//4=\"}\n"
                           "{\"target\":\"api:serve\",\"object\":\"api.serve\",\"run\":2,"
                           "\"offset\":30,\"time\":\"2023-11-14T22:13:20.123456Z\","
                           "\"stream\":\"gap\",\"text\":\"3 bytes are missing\"}\n"
                           "{\"target\":\"api:serve\",\"object\":\"api.serve\",\"run\":3,"
                           "\"offset\":40,\"time\":\"2023-11-14T22:13:20.123456Z\","
                           "\"stream\":\"out\",\"text\":\"half\",\"partial\":true}\n");
    answer_free(&answer);
    answer = ask_get(front, SESSIONS "/shop-1/log?format=raw");
    CHECK_STR(answer.body, "hello \"you\"\n\xff\xfe\nhalf");
    CHECK_HAS(answer.head, "Content-Type: application/octet-stream");
    answer_free(&answer);
    front_free(front);
}

TEST(what_logs_are_asked_for)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    fake_target(session, "api:serve", "{}");
    Answer answer = ask_get(
        front, SESSIONS
        "/shop-1/log?target=api&target=db:serve&tail=5&since=2023-11-14T22:13:20.5Z&until="
        "2023-11-14T23:13:20%2B01:00&stream=err&run=2&after=api.serve:3:4711&after=db.serve:1:0");
    const LogAsk *asked = &front->engine->log_asked;
    CHECK_EQ(answer.status, 200);
    CHECK_STR(front->engine->log_targets, "api,db:serve,");
    CHECK_EQ(asked->tail, 5);
    CHECK_EQ(asked->since_us, 1700000000500000);
    CHECK_EQ(asked->until_us, 1700000000000000);
    CHECK_EQ(asked->stream, 2);
    CHECK_EQ(asked->run, 2);
    CHECK_EQ(asked->after_n, 2);
    CHECK(!asked->follow);
    answer_free(&answer);
    answer = ask_get(front, THOLE_API "/namespaces/shop-1/targets/api.serve/log");
    CHECK_STR(front->engine->log_targets, "api:serve,");
    CHECK_EQ(front->engine->log_asked.tail, -1);
    answer_free(&answer);
    static const char *const bad[] = {
        "tail=x", "tail=-1",    "since=yesterday", "until=5",     "stream=both", "run=0",
        "run=x",  "format=xml", "after=x",         "after=a:b:c", "after=:1:2",  "after=a:1:-2"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char path[200];
        snprintf(path, sizeof(path), SESSIONS "/shop-1/log?%s", bad[i]);
        answer = ask_get(front, path);
        if (answer.status != 400)
            test_fail(__FILE__, __LINE__, "%s: %d", bad[i], answer.status);
        CHECK_HAS(answer.body, "Invalid value");
        answer_free(&answer);
    }
    answer = ask_get(front, SESSIONS "/shop-1/log?target=nobody");
    CHECK_EQ(answer.status, 404);
    answer_free(&answer);
    front_free(front);
}

TEST(logs_follow)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    front->engine->lines = lines;
    front->engine->line_n = 1;
    Client *client = stream_open(front, SESSIONS "/shop-1/log?follow=true", "");
    CHECK_HAS(stream_line(client), "hello");
    CHECK(stream_is_quiet(client));
    fake_log_more(front->engine, lines + 2, 2);
    CHECK_HAS(stream_line(client), "missing");
    CHECK_HAS(stream_line(client), "half");
    CHECK(stream_is_quiet(client));
    client_free(client);
    front_free(front);
}

TEST(many_lines_go_through_whole)
{
    enum { LINES = 200000 };
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    FakeLine *many = calloc(LINES, sizeof(*many));
    for (int i = 0; i < LINES; i++)
        many[i] =
            (FakeLine){"api:serve", "a line of forty bytes, all of them the same", 1, 1, false, 0};
    front->engine->lines = many;
    front->engine->line_n = LINES;
    Answer answer = ask_get(front, SESSIONS "/shop-1/log?format=raw");
    CHECK_EQ(answer.body_size, LINES * (strlen(many[0].text) + 1));
    answer_free(&answer);
    free(many);
    front_free(front);
}

/* ---- reviews and the server ---- */

TEST(reviews)
{
    Front *front = front_new();
    Answer answer = ask(front, "POST", THOLE_API "/configreviews", JSON,
                        "{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"}}");
    CHECK_EQ(answer.status, 201);
    CHECK_STR(answer.body, "{\"kind\":\"ConfigReview\",\"apiVersion\":\"thole.dev/"
                           "v1alpha1\",\"metadata\":{},\"spec\":{\"tiltfilePath\":"
                           "\"/shop/"
                           "thole.yaml\"},\"status\":{\"valid\":true,\"problems\":[],\"warnings\":["
                           "{\"file\":\"/shop/thole.yaml\","
                           "\"line\":1,\"column\":1,\"path\":\"\",\"message\":\"nothing to "
                           "run\",\"hint\":\"add one\"}],\"config\":"
                           "{\"name\":\"shop\"}}}\n");
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/configreviews", JSON,
                 "{\"spec\":{\"tiltfilePath\":\"/broken/thole.yaml\"}}");
    CHECK_EQ(answer.status, 201);
    CHECK_HAS(answer.body, "\"valid\":false,\"problems\":[{\"file\"");
    CHECK(!strstr(answer.body, "\"config\""));
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/configreviews", JSON,
                 "{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"},\"client\":{\"env\":{\"NAME\":"
                 "\"known to the client\"}}}");
    CHECK_HAS(answer.body, "known to the client");
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/configreviews", JSON,
                 "{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"},\"client\":{\"env\":7}}");
    CHECK_EQ(answer.status, 422);
    CHECK_HAS(answer.body, "expected a map");
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/configreviews", JSON, "{\"spec\":{}}");
    CHECK_EQ(answer.status, 422);
    answer_free(&answer);
    fake_environment(front->engine, "shop-123456", "feat-x");
    front->engine->in_environment = true;
    answer = ask(front, "POST", THOLE_API "/configreviews", JSON,
                 "{\"spec\":{\"tiltfilePath\":\"/shop/thole.yaml\"}}");
    CHECK_HAS(answer.body, "\"config\":{\"name\":\"shop\",\"mode\":\"local\"}");
    answer_free(&answer);
    front_free(front);
}

TEST(the_server_says_what_it_is)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    fake_target(session, "api:serve", "{\"active\":{}}");
    fake_target(session, "db:serve", "{}");
    Answer answer = ask_get(front, THOLE_API "/servers/local");
    Arena arena;
    arena_init(&arena);
    const Value *status = value_get(answer_json(&answer, &arena), "status");
    CHECK_EQ(value_get_int(status, "pid", 0), getpid());
    CHECK_STR(value_get_str(status, "version"), "9.9.9");
    CHECK_STR(value_get_str(status, "socket"), front->socket);
    CHECK_STR(value_get_str(status, "stateDir"), front->dir);
    CHECK_HAS(answer.body, "\"sessions\":[{\"name\":\"shop-1\",\"tiltfilePath\":\"/shop/"
                           "thole.yaml\",\"targets\":2,\"active\":1}]");
    CHECK_EQ(front->engine->looks_for_left, 0); /* it walks through directories */
    arena_deinit(&arena);
    answer_free(&answer);
    answer = ask_get(front, THOLE_API "/servers/local?left=true");
    CHECK_HAS(answer.body, "\"left\":[{\"namespace\":\"shop-d1c00d\",\"environment\":\"feat/x\","
                           "\"processes\":2}]");
    answer_free(&answer);
    front_free(front);
}

TEST(the_server_answers_and_then_leaves)
{
    Front *front = front_new();
    Answer answer = ask(front, "POST", THOLE_API "/servers/local/stop", JSON, "{\"all\":\"yes\"}");
    CHECK_EQ(answer.status, 400);
    CHECK_EQ(front->left, 0);
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/servers/local/stop", JSON, "{\"all\":true}");
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"status\":\"Success\"");
    CHECK(front->engine->stopped_all);
    CHECK_EQ(front->left, 1);
    CHECK_EQ(front->how, API_STOP_ALL);
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/servers/local/stop", "", NULL);
    CHECK_EQ(front->how, API_STOP);
    answer_free(&answer);
    answer = ask(front, "POST", THOLE_API "/servers/local/restart", "", NULL);
    CHECK_EQ(front->how, API_RESTART);
    CHECK_EQ(front->left, 3);
    answer_free(&answer);
    front_free(front);
}
