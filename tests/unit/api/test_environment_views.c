/* SPDX-License-Identifier: Apache-2.0 */
/* Environments: what is seen by looking at one, and which of them a list shows. */
#include "client.h"

#include "base/str.h"

#define API  "/apis/thole.dev/v1alpha1"
#define JSON "Content-Type: application/json\r\n"
#define ONE  API "/namespaces/shop-123456/environments/feat-x"

static Front *front_with_one(void) {
    Front *front = front_new();
    Environment *environment = fake_environment(front->engine, "shop-123456", "feat-x");
    environment->compute = (ComputeAccess){.type = "local", .path = "/wt/feat-x", .managed = true};
    environment->entry.compute = &environment->compute;
    return front;
}

/* Of a GET: its status, and what it says, or (beginning with '!') does not say. */
typedef struct Row {
    const char *path;
    int status;
    const char *says[4];
} Row;

static void check_rows(Front *front, const Row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        Answer answer = ask_get(front, rows[i].path);
        if (answer.status != rows[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d %s", rows[i].path, answer.status, answer.body);
        for (size_t k = 0; k < COUNT(rows[i].says) && rows[i].says[k]; k++) {
            const char *part = rows[i].says[k];
            bool absent = part[0] == '!';
            if ((strstr(answer.body, part + absent) != NULL) == absent)
                test_fail(__FILE__, __LINE__, "%s: %s: %s", rows[i].path, part, answer.body);
        }
        answer_free(&answer);
    }
}

TEST(a_list_takes_a_project_and_a_place)
{
    static const Row rows[] = {
        {API "/environments?project=/shop/thole.yaml", 200, {"feat-x"}},
        {API "/environments?project=/other/thole.yaml", 200, {"!feat-x"}},
        {API "/environments?project=/wt/feat-x/thole.yaml", 200, {"feat-x"}},
        {API "/environments?at=/wt/feat-x", 200, {"feat-x"}},
        {API "/environments?at=/wt/feat-x/src/a", 200, {"feat-x"}},
        {API "/environments?at=/wt/feat-xy", 200, {"!feat-x"}},
        {API "/environments?at=/wt/feat-x&project=/other/thole.yaml", 200, {"!feat-x"}},
        {API "/environments?project=thole.yaml", 400, {"it is an absolute path"}},
        {API "/environments?at=.", 400, {"it is an absolute path"}},
    };
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

static void expect(Client *client, const char *type, const char *name) {
    const char *line = stream_line(client);
    CHECK_HAS(line ? line : "the end", type);
    CHECK_HAS(line ? line : "the end", name);
}

/* It is added when its worktree is there, and gone when that is elsewhere. */
TEST(a_watch_takes_a_place)
{
    Front *front = front_with_one();
    Environment *environment = front->engine->environment;
    environment->compute.path = "";
    Client *client = stream_open(front, API "/environments?watch=true&at=/wt/feat-x/src", "");
    CHECK(stream_is_quiet(client));
    environment->compute.path = "/wt/feat-x";
    object_touch(front->engine->objects, &environment->object);
    expect(client, "\"ADDED\"", "feat-x");
    environment->compute.path = "/wt/elsewhere";
    object_touch(front->engine->objects, &environment->object);
    expect(client, "\"DELETED\"", "feat-x");
    client_free(client);
    front_free(front);
}

TEST(a_watch_takes_a_project)
{
    Front *front = front_with_one();
    Client *own = stream_open(front, API "/environments?watch=true&project=/shop/thole.yaml", "");
    Client *other = stream_open(front, API "/environments?watch=true&project=/zoo/thole.yaml", "");
    expect(own, "\"ADDED\"", "feat-x");
    fake_environment_remove(front->engine);
    expect(own, "\"DELETED\"", "feat-x");
    CHECK(stream_is_quiet(other));
    client_free(own);
    client_free(other);
    front_free(front);
}

TEST(steps_say_their_records)
{
    static const Row rows[] = {
        {ONE "/steps",
         200,
         {"{\"steps\":[{\"name\":\"seed_db\",\"phase\":\"provision\",\"status\":\"completed\","
          "\"started\":\"1970-01-01T00:00:01.000000Z\",\"finished\":\"1970-01-01T00:00:03.000000Z\""
          ",\"durationMs\":2000,\"machine\":\"m1\",\"stale\":true,\"why\":\"what it is made from "
          "has "
          "changed\"}",
          "{\"name\":\"generate_env\",\"phase\":\"run\",\"status\":\"pending\",\"stale\":false}]"
          "}"}},
        {API "/namespaces/shop-123456/environments/nope/steps", 404, {"not found"}},
    };
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    CHECK_EQ(front->engine->looked_at, LOOK_STEPS);
    front_free(front);
}

TEST(steps_and_infrastructure_are_one_look)
{
    static const Row rows[] = {{ONE "/steps?infrastructure=true",
                                200,
                                {"\"steps\":[{\"name\":\"seed_db\"",
                                 "],\"infrastructure\":{\"running\":false,\"services\":[{\"name\":"
                                 "\"redis\"",
                                 "\"error\":\"not running: db\"}}"}}};
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    CHECK_EQ(front->engine->looked_at, LOOK_STEPS | LOOK_INFRASTRUCTURE);
    front_free(front);
}

TEST(a_step_says_what_it_writes)
{
    static const Row rows[] = {
        {ONE "/step?name=generate_env",
         200,
         {"{\"path\":\"web/.env.local\",\"text\":\"A=b\\n\",\"now\":null,\"same\":false}"}},
        {ONE "/step?name=seed_db", 200, {"{\"hook\":\"seed_db\",\"command\":\"./seed.sh\"}"}},
        {ONE "/step?name=sed_db", 404, {"there is none"}},
        {ONE "/step", 400, {"it is the name of a step"}},
    };
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

TEST(variables_are_masked_unless_they_are_to_be_seen)
{
    static const Row rows[] = {
        {ONE "/variables",
         200,
         {"\"DB\":\"********\"", "\"PORT\":\"61001\"", "\"path\":\"/wt/feat-x\"", "!hunter2"}},
        {ONE "/variables?reveal=true&service=web", 200, {"\"DB\":\"postgres://u:hunter2@h/d\""}},
        {ONE "/variables?service=wob", 404, {"there is none"}},
    };
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

TEST(infrastructure_says_what_runs)
{
    static const Row rows[] = {{ONE "/infrastructure",
                                200,
                                {"\"running\":false", "\"error\":\"not running: db\"",
                                 "{\"name\":\"redis\",\"state\":\"running\",\"port\":61002}"}}};
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

TEST(a_config_that_is_not_valid_is_named)
{
    static const Row rows[] = {
        {ONE "/steps", 422, {"\"line\":3", "it has no command", "/shop/thole.yaml is not valid"}}};
    Front *front = front_with_one();
    front->engine->bad_config = true;
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

/* Also of one that is not there; and nothing is begun. */
TEST(a_dry_run_says_what_would_be_done)
{
    static const char *const names[] = {"feat-x", "feat-y"};
    for (size_t i = 0; i < COUNT(names); i++) {
        Front *front = front_with_one();
        char body[200];
        front->engine->operation_asked.kind = OPERATION_DELETE;
        snprintf(
            body, sizeof(body),
            "{\"spec\":{\"name\":\"%s\",\"project\":\"/shop/thole.yaml\",\"from\":\"seed_db\"}}",
            names[i]);
        Answer answer = ask(front, "POST", API "/environments?dryRun=All", JSON, body);
        CHECK_EQ(answer.status, 200);
        CHECK_HAS(answer.body, "{\"name\":\"seed_db\",\"phase\":\"provision\",\"verdict\":\"run\","
                               "\"why\":\"what it is made from has changed\"}");
        CHECK_HAS(answer.body,
                  "\"name\":\"generate_env\",\"phase\":\"run\",\"verdict\":\"verify\"");
        /* of one that is not there yet: whether it could be */
        CHECK_EQ(front->engine->looked_at, LOOK_STEPS | LOOK_BEGIN | (i == 0 ? 0 : LOOK_PLACE));
        CHECK_STR(front->engine->asked_from, "seed_db");
        answer_free(&answer);
        front_free(front);
    }
}

/* ---- key-values ---- */

#define MERGE "Content-Type: application/merge-patch+json\r\n"

TEST(key_values_are_hidden_unless_they_are_to_be_seen)
{
    static const Row rows[] = {
        {ONE "/values", 200, {"{\"values\":{\"TOKEN\":\"********\"}}"}},
        {ONE "/values?reveal=true", 200, {"{\"values\":{\"TOKEN\":\"s3cret\"}}"}},
    };
    static StrPair pair = {"TOKEN", "s3cret"};
    Front *front = front_with_one();
    front->engine->environment->entry.values = (StrMap){&pair, 1};
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

TEST(key_values_are_patched)
{
    static const struct {
        const char *type, *body;
        int status;
        const char *set, *says;
    } rows[] = {
        {MERGE, "{\"B\":\"2\",\"A\":\"\",\"L\":null}", 200, "A= B=2 -L ", "{\"values\":{}}"},
        {MERGE, "{}", 200, "", "{\"values\":{}}"},
        {MERGE, "{\"A\":\"1\",\"1x\":\"2\"}", 422, "", "\\\"1x\\\" is no name"},
        {MERGE, "{\"A\":\"1\",\"B\":2}", 422, "", "values.B: expected a string, or null"},
        {MERGE, "{\"A\":\"x\\u0000y\"}", 422, "", "values.A: it has a NUL byte"},
        {MERGE, "[]", 400, "", "not an object"},
        {JSON, "{\"A\":\"1\"}", 415, "", "merge-patch"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Front *front = front_with_one();
        Answer answer = ask(front, "PATCH", ONE "/values", rows[i].type, rows[i].body);
        CHECK_EQ(answer.status, rows[i].status);
        CHECK_HAS(answer.body, rows[i].says);
        CHECK_STR(front->engine->values_set, rows[i].set);
        answer_free(&answer);
        front_free(front);
    }
}

/* ---- state ---- */

TEST(the_state_is_previewctls)
{
    static const Row rows[] = {
        {API "/environmentstate?project=/shop/thole.yaml",
         200,
         {"{\"version\":1,\"environments\":{\"feat-x\":{\"name\":\"feat-x\"",
          "\"TOKEN\":\"********\""}},
        {API "/environmentstate?project=/shop/thole.yaml&reveal=true", 200, {"s3cret"}},
        {API "/environmentstate", 400, {"absolute path of a config file"}},
        {API "/environmentstate?project=thole.yaml", 400, {"absolute path of a config file"}},
    };
    static StrPair pair = {"TOKEN", "s3cret"};
    Front *front = front_with_one();
    front->engine->environment->entry.values = (StrMap){&pair, 1};
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

TEST(a_state_is_taken_in_whole_or_not_at_all)
{
    static const struct {
        const char *body;
        int status;
        const char *imported, *says;
    } rows[] = {
        {"{\"project\":\"/shop/thole.yaml\",\"state\":{\"version\":1,\"environments\":{"
         "\"a\":{\"branch\":\"a\"},"
         "\"b\":{\"name\":\"b\",\"branch\":\"b\",\"status\":\"running\"}}}}",
         200, "/shop/thole.yaml: a b", "{\"imported\":[\"a\",\"b\"]}"},
        {"{\"project\":\"/shop/thole.yaml\",\"state\":{\"version\":2,\"environments\":{}}}", 422,
         "", "nothing was imported"},
        {"{\"project\":\"/shop/thole.yaml\",\"state\":{\"version\":1,\"environments\":{"
         "\"a\":{\"branch\":\"a\"},\"../b\":{\"branch\":\"b\"}}}}",
         422, "", "nothing was imported"},
        {"{\"project\":\"/shop/thole.yaml\",\"state\":{\"version\":1,\"environments\":{"
         "\"a\":{\"branch\":\"a\"},\"b\":{}}}}",
         422, "", "environments.b.branch: it is missing"},
        {"{\"project\":\"/shop/thole.yaml\",\"state\":[]}", 422, "", "nothing was imported"},
        {"{\"project\":\"/shop/thole.yaml\"}", 422, "", "nothing was imported"},
        {"{\"state\":{\"version\":1,\"environments\":{}}}", 400, "", "config file"},
        {"{\"project\":7}", 400, "", "config file"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Front *front = front_new();
        Answer answer = ask(front, "POST", API "/environmentstate", JSON, rows[i].body);
        if (answer.status != rows[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d %s", rows[i].body, answer.status, answer.body);
        CHECK_HAS(answer.body, rows[i].says);
        CHECK_STR(front->engine->imported, rows[i].imported);
        answer_free(&answer);
        front_free(front);
    }
}

TEST(a_name_that_is_there_is_a_conflict)
{
    Front *front = front_with_one();
    Answer answer = ask(front, "POST", API "/environmentstate", JSON,
                        "{\"project\":\"/shop/thole.yaml\",\"state\":{\"version\":1,"
                        "\"environments\":{\"feat-x\":{\"branch\":\"x\"}}}}");
    CHECK_EQ(answer.status, 409);
    CHECK_HAS(answer.body, "environment 'feat-x' is there already");
    answer_free(&answer);
    front_free(front);
}

/* ---- orphans ---- */

#define ORPHANS API "/environmentorphans?project=/shop/thole.yaml"

TEST(orphans_are_listed)
{
    static const Row rows[] = {
        {ORPHANS,
         200,
         {"{\"orphans\":[{\"kind\":\"worktree\",\"name\":\"feat-old\",\"path\":\"/wt/feat-old\","
          "\"why\":\"it has 1 changed file\",\"removable\":false}",
          "\"kind\":\"compose\"", "\"kind\":\"expired\""}},
        {API "/environmentorphans", 400, {"absolute path"}},
    };
    Front *front = front_with_one();
    check_rows(front, rows, COUNT(rows));
    front_free(front);
}

TEST(orphans_are_removed_one_by_one)
{
    static const struct {
        const char *query;
        int status;
        const char *removed, *says;
        OperationKind begun;
    } rows[] = {
        {"&kind=compose&name=shop-old", 200, "compose shop-old", "\"status\":\"Success\"", 0},
        {"&kind=expired&name=feat-x", 200, "", "\"kind\":\"Environment\"", OPERATION_DELETE},
        {"&kind=worktree&name=feat-old", 409, "", "/wt/feat-old is left alone: it has 1 changed",
         0},
        {"&kind=worktree&name=feat-x", 404, "", "no orphan worktree", 0},
        {"&kind=tree&name=feat-x", 400, "", "kind: Invalid value", 0},
        {"&kind=worktree", 400, "", "name: Invalid value", 0},
        {"", 400, "", "kind: Invalid value", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Front *front = front_with_one();
        char path[200];
        snprintf(path, sizeof(path), ORPHANS "%s", rows[i].query);
        Answer answer = ask(front, "DELETE", path, "", NULL);
        if (answer.status != rows[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d %s", rows[i].query, answer.status, answer.body);
        CHECK_HAS(answer.body, rows[i].says);
        CHECK_STR(front->engine->removed, rows[i].removed);
        CHECK_EQ(front->engine->operation_asked.kind, rows[i].begun);
        answer_free(&answer);
        front_free(front);
    }
}

TEST(what_is_invalidated_is_said)
{
    static const struct {
        const char *body;
        int status;
        const char *says;
        OperationKind begun;
    } rows[] = {
        {"{\"step\":\"seed_db\"}", 200, "{\"steps\":[\"seed_db\",\"generate_env\"]}",
         OPERATION_INVALIDATE},
        {"{\"step\":\"sed_db\"}", 404, "there is none", OPERATION_INVALIDATE},
        {"{}", 422, "step: it is missing", OPERATION_CREATE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Front *front = front_with_one();
        Answer answer = ask(front, "POST", ONE "/invalidate", JSON, rows[i].body);
        CHECK_EQ(answer.status, rows[i].status);
        CHECK_HAS(answer.body, rows[i].says);
        CHECK_EQ(front->engine->operation_asked.kind, rows[i].begun);
        answer_free(&answer);
        front_free(front);
    }
}
