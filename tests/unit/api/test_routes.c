/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes: each is served; what is not in it is refused as Kubernetes refuses;
 * discovery says what there is. */
#include "api/api_inside.h"
#include "client.h"

#include "base/file.h"
#include "base/str.h"
#include "spec/event_status.h"

#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

static const char *const bodies[ROUTES] = {
    [ROUTE_SESSION_CREATE] = "{\"spec\":{\"tiltfilePath\":\"/new/thole.yaml\"}}",
    [ROUTE_TARGET_RESIZE] = "{\"rows\":24,\"columns\":80}",
    [ROUTE_WORKFLOW_CREATE] = "{\"spec\":{\"config\":{\"pipeline\":[]}}}",
    [ROUTE_ENVIRONMENT_IMPORT] =
        "{\"project\":\"/shop/thole.yaml\",\"state\":{\"version\":1,\"environments\":{}}}",
    [ROUTE_ENVIRONMENT_CREATE] = "{\"spec\":{\"name\":\"x\",\"project\":\"/shop/thole.yaml\"}}",
    [ROUTE_ENVIRONMENT_INVALIDATE] = "{\"step\":\"seed_db\"}",
    [ROUTE_ENVIRONMENT_VALUES_PATCH] = "{\"A\":\"1\"}",
    [ROUTE_ENVIRONMENT_RUN] = "{\"manifest\":\"/shop/.thole.json\"}",
    [ROUTE_ENVIRONMENT_SHARED_HOOK] =
        "{\"project\":\"/shop/thole.yaml\",\"service\":\"db\",\"action\":\"init\"}",
    [ROUTE_REVIEW] = "{\"spec\":{\"tiltfilePath\":\"/new/thole.yaml\"}}",
};

/* The path of a route with variables that exist. */
static void path_of(RouteId id, char *ret, size_t size) {
    bool group = id == ROUTE_GROUP || id == ROUTE_RESOURCES,
         server = str_same(routes[id].resource, "servers");
    ASSERT(route_path(id,
                      group                                       ? "tilt.dev"
                      : server                                    ? "local"
                      : str_same(routes[id].resource, "backends") ? "docker"
                                                                  : "shop-1",
                      "api.serve", ret, size) > 0);
}

#define MERGE "Content-Type: application/merge-patch+json\r\n"

static Front *front_with_shop(void) {
    Front *front = front_new();
    fake_target(fake_session(front->engine, "shop-1", "/shop/thole.yaml"), "api:serve", "{}");
    fake_workflow(front->engine, "shop-1");
    fake_environment(front->engine, "shop-1", "api.serve");
    front->engine->terminal.run = 3;
    return front;
}

TEST(every_route_has_a_handler_and_answers)
{
    for (RouteId id = 0; id < ROUTES; id++) {
        Front *front = front_with_shop();
        char path[300];
        CHECK(route_handlers[id] != NULL);
        CHECK(routes[id].path && routes[id].doc && routes[id].reply);
        path_of(id, path, sizeof(path));
        if (id == ROUTE_TARGET_OUTPUT || id == ROUTE_TARGET_END)
            snprintf(path + strlen(path), sizeof(path) - strlen(path), "?run=3");
        if (id == ROUTE_ENVIRONMENT_STEP_VIEW)
            snprintf(path + strlen(path), sizeof(path) - strlen(path), "?name=generate_env");
        if (id == ROUTE_ENVIRONMENT_ORPHAN_DELETE)
            snprintf(path + strlen(path), sizeof(path) - strlen(path),
                     "?project=/shop/thole.yaml&kind=compose&name=shop-old");
        if (id == ROUTE_ENVIRONMENT_STATE || id == ROUTE_ENVIRONMENT_ORPHANS)
            snprintf(path + strlen(path), sizeof(path) - strlen(path), "?project=/shop/thole.yaml");
        if (id == ROUTE_ENVIRONMENT_IMPORT)
            fake_environment_remove(front->engine);
        if (id == ROUTE_SESSION_HOLD) { /* it says nothing */
            Client *client = stream_open(front, path, "");
            client_free(client);
            front_free(front);
            continue;
        }
        const char *type =
            routes[id].method == HTTP_PATCH ? MERGE : "Content-Type: application/json\r\n";
        Answer answer = ask(front, http_method_name(routes[id].method), path, type, bodies[id]);
        bool fine =
            id == ROUTE_CORE ? answer.status == 404 : answer.status == 200 || answer.status == 201;
        if (!fine)
            test_fail(__FILE__, __LINE__, "%s %s: %d %s", http_method_name(routes[id].method), path,
                      answer.status, answer.body);
        answer_free(&answer);
        front_free(front);
    }
}

TEST(every_route_refuses_other_methods)
{
    static const char *const methods[] = {"GET", "POST",    "PATCH", "DELETE",
                                          "PUT", "OPTIONS", "HEAD",  "BREW"};
    Front *front = front_with_shop();
    for (RouteId id = 0; id < ROUTES; id++) {
        char path[300];
        path_of(id, path, sizeof(path));
        for (size_t i = 0; i < COUNT(methods) - 2; i++) {
            Uri uri;
            Arena arena;
            arena_init(&arena);
            ASSERT(uri_parse(path, &arena, &uri, NULL) == 0);
            RouteMatch match = route_match(i < HTTP_METHODS ? (int)i : -1, uri.path.at, uri.path.n);
            arena_deinit(&arena);
            if (match.id != ROUTES)
                continue;
            Answer answer = ask(front, methods[i], path, "Content-Type: application/json\r\n",
                                i == 0 ? NULL : "{}");
            if (answer.status != 405)
                test_fail(__FILE__, __LINE__, "%s %s: %d", methods[i], path, answer.status);
            CHECK_HAS(answer.head, "Allow: ");
            CHECK_HAS(answer.body, "\"reason\":\"MethodNotAllowed\"");
            answer_free(&answer);
        }
    }
    front_free(front);
}

TEST(a_target_is_patched)
{
    static const struct {
        const char *type, *body;
        int status, enabled;
        const char *says;
    } rows[] = {
        {MERGE, "{\"spec\":{\"enabled\":false}}", 200, -1, "\"kind\":\"Target\""},
        {MERGE, "{\"kind\":\"Target\",\"spec\":{\"enabled\":true}}", 200, 1, "Target"},
        {MERGE, "{}", 200, 0, "Target"},
        {MERGE, "{\"spec\":{}}", 200, 0, "Target"},
        {"Content-Type: application/json\r\n", "{\"spec\":{\"enabled\":false}}", 415, 0,
         "application/merge-patch+json"},
        {"Content-Type: application/json-patch+json\r\n", "[]", 415, 0, "UnsupportedMediaType"},
        {MERGE, "[]", 400, 0, "not an object"},
        {MERGE, "{\"spec\":", 400, 0, "BadRequest"},
        {MERGE, "{\"spec\":{\"enabled\":\"no\"}}", 422, 0, "expected true, false or null"},
        {MERGE, "{\"spec\":{\"target\":\"x\"}}", 422, 0, "spec.target: it cannot be changed"},
        {MERGE, "{\"spec\":3}", 422, 0, "expected an object"},
        {MERGE, "{\"status\":{}}", 422, 0, "status: only spec can be changed"},
        {MERGE, "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"enabled\":false}}", 409, 0,
         "Conflict"},
        {MERGE, "{\"metadata\":{\"uid\":\"other\"},\"spec\":{\"enabled\":false}}", 409, 0,
         "Conflict"},
    };
    Front *front = front_with_shop();
    char path[300];
    path_of(ROUTE_TARGET_PATCH, path, sizeof(path));
    for (size_t i = 0; i < COUNT(rows); i++) {
        Target *target = ((Session *)front->engine->sessions.next)->targets[0]; /* link is first */
        target->enabled = 0;
        Answer answer = ask(front, "PATCH", path, rows[i].type, rows[i].body);
        if (answer.status != rows[i].status || target->enabled != rows[i].enabled)
            test_fail(__FILE__, __LINE__, "row %zu: %d, %d", i, answer.status, target->enabled);
        CHECK_HAS(answer.body, rows[i].says);
        answer_free(&answer);
    }
    front_free(front);
}

TEST(bodies_must_be_json_and_objects)
{
    static const RouteId with_body[] = {
        ROUTE_SESSION_CREATE, ROUTE_SESSION_START,  ROUTE_TARGET_START,  ROUTE_TARGET_STOP,
        ROUTE_TARGET_RESTART, ROUTE_TARGET_TRIGGER, ROUTE_TARGET_ENABLE, ROUTE_TARGET_DISABLE,
        ROUTE_REVIEW,         ROUTE_SERVER_STOP,    ROUTE_SERVER_RESTART};
    Front *front = front_with_shop();
    for (size_t i = 0; i < COUNT(with_body); i++) {
        static const char *const types[] = {"", "Content-Type: text/plain\r\n",
                                            "Content-Type: application/x-www-form-urlencoded\r\n",
                                            "Content-Type: application/jsonp\r\n"};
        char path[300];
        path_of(with_body[i], path, sizeof(path));
        for (size_t t = 0; t < COUNT(types); t++) {
            Answer answer = ask(front, "POST", path, types[t],
                                "{\"spec\":{\"tiltfilePath\":\"/x/thole.yaml\"}}");
            CHECK_EQ(answer.status, 415);
            CHECK_HAS(answer.body, "\"reason\":\"UnsupportedMediaType\"");
            answer_free(&answer);
        }
        Answer answer =
            ask(front, "POST", path, "Content-Type: application/json\r\n", "{\"spec\":");
        CHECK_EQ(answer.status, 400);
        CHECK_HAS(answer.body, "\"reason\":\"BadRequest\"");
        answer_free(&answer);
        answer =
            ask(front, "POST", path, "Content-Type: application/json; charset=utf-8\r\n", "[]");
        CHECK_EQ(answer.status, 400);
        CHECK_HAS(answer.body, "not an object");
        answer_free(&answer);
    }
    CHECK_EQ(front->left, 0);
    front_free(front);
}

TEST(unknown_objects_and_pages)
{
    static const struct {
        const char *path;
        int status;
        const char *part;
    } cases[] = {
        {"/apis/tilt.dev/v1alpha1/sessions/nope", 404,
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
         "\"message\":\"sessions.tilt.dev "
         "\\\"nope\\\" not "
         "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"nope\",\"group\":\"tilt.dev\","
         "\"kind\":"
         "\"sessions\"},\"code\":404}"},
        {"/apis/thole.dev/v1alpha1/namespaces/shop-1/targets/nope", 404,
         "targets.thole.dev \\\"nope\\\" not found"},
        {"/apis/thole.dev/v1alpha1/namespaces/nope/targets/api.serve", 404, "not found"},
        {"/apis/tilt.dev/v1alpha1/sessions/nope/log", 404,
         "sessions.tilt.dev \\\"nope\\\" not found"},
        {"/apis/tilt.dev/v1alpha1/sessions/..%2F..%2Fetc/log", 404, "not found"},
        {"/apis/tilt.dev/v1alpha1/sessions/nope/hold", 404, "not found"},
        {"/apis/thole.dev/v1alpha1/servers/other", 404,
         "servers.thole.dev \\\"other\\\" not found"},
        {"/", 404, "404 page not found"},
        {"/nothing", 404, "404 page not found"},
        {"/apis/other.dev", 404, "404 page not found"},
        {"/apis/tilt.dev/v2", 404, "404 page not found"},
        {"/apis/tilt.dev/v1alpha1/pods", 404, "404 page not found"},
        {"/apis/thole.dev/v1alpha1/sessions", 404, "404 page not found"},
        {"/apis/tilt.dev/v1alpha1/sessions/shop-1/scale", 404, "404 page not found"},
    };
    Front *front = front_with_shop();
    for (size_t i = 0; i < COUNT(cases); i++) {
        Answer answer = ask_get(front, cases[i].path);
        if (answer.status != cases[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d", cases[i].path, answer.status);
        CHECK_HAS(answer.body, cases[i].part);
        answer_free(&answer);
    }
    front_free(front);
}

TEST(lists_take_selectors_and_pages)
{
    Front *front = front_with_shop();
    Session *session = session_find(front->engine, "shop-1");
    fake_target(session, "db:serve", "{}");
    fake_label(fake_target(session, "web:serve", "{}"), "tier", "front");
    static const struct {
        const char *query;
        int status;
        const char *part, *absent;
    } cases[] = {
        {"", 200,
         "{\"kind\":\"TargetList\",\"apiVersion\":\"thole.dev/"
         "v1alpha1\",\"metadata\":{\"resourceVersion\":\"",
         "continue"},
        {"?limit=2", 200, "\"remainingItemCount\":1", "web.serve"},
        {"?labelSelector=tier%3Dfront", 200, "web.serve", "db.serve"},
        {"?labelSelector=tier!%3Dfront", 200, "db.serve", "web.serve"},
        {"?fieldSelector=metadata.name%3Ddb.serve", 200, "db.serve", "web.serve"},
        {"?fieldSelector=metadata.name!%3Ddb.serve", 200, "web.serve", "db.serve"},
        {"?fieldSelector=status.done%3Dtrue", 400, "field label not supported: status.done",
         "items"},
        {"?labelSelector=%28", 400, "unable to parse the selector", "items"},
        {"?limit=-1", 400, "limit: Invalid value", "items"},
        {"?resourceVersion=abc", 400, "resourceVersion: Invalid value: \\\"abc\\\"", "items"},
        {"?resourceVersion=9000000000000000000", 504, "\"reason\":\"ResourceVersionTooLarge\"",
         "items"},
        {"?continue=x", 400, "invalid continue token", "items"},
        {"?continue=5.shop-1/a&limit=1", 410, "\"reason\":\"Expired\"", "items"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[300];
        snprintf(path, sizeof(path), THOLE_API "/namespaces/shop-1/targets%s", cases[i].query);
        Answer answer = ask_get(front, path);
        if (answer.status != cases[i].status || !strstr(answer.body, cases[i].part) ||
            strstr(answer.body, cases[i].absent))
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].query, answer.status, answer.body);
        answer_free(&answer);
    }
    front_free(front);
}

TEST(pages_follow_each_other)
{
    Front *front = front_with_shop();
    Session *session = session_find(front->engine, "shop-1");
    for (int i = 0; i < 9; i++) {
        char name[20];
        snprintf(name, sizeof(name), "s%d:serve", i);
        fake_target(session, name, "{}");
    }
    char path[400] = THOLE_API "/targets?limit=4", seen[400] = "";
    for (int page = 0; page < 3; page++) {
        Arena arena;
        arena_init(&arena);
        Answer answer = ask_get(front, path);
        const Value *v = answer_json(&answer, &arena), *items = value_get(v, "items");
        CHECK_EQ(value_count(items), page < 2 ? 4 : 3);
        for (size_t i = 0; i < value_count(items); i++)
            snprintf(seen + strlen(seen), 20, "%s ",
                     value_get_str(value_get(value_at(items, i), "metadata"), "name"));
        const char *next = value_get_str(value_get(v, "metadata"), "continue");
        CHECK((next != NULL) == (page < 2));
        char escaped[200] = "";
        CHECK(url_escape(next ? next : "", escaped, sizeof(escaped)) >= 0);
        snprintf(path, sizeof(path), THOLE_API "/targets?limit=4&continue=%s", escaped);
        if (page == 0)
            /* s2, the last of the first page: the next one begins behind it */
            fake_remove_target(session->targets[3]);
        answer_free(&answer);
        arena_deinit(&arena);
        if (page == 0)
            fake_target(session, "z:serve", "{}");
    }
    CHECK_STR(seen, "api.serve s0.serve s1.serve s2.serve s3.serve s4.serve s5.serve s6.serve "
                    "s7.serve s8.serve z.serve ");
    front_free(front);
}

TEST(tables)
{
    static const char *const accept =
        "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;"
        "g=meta.k8s.io,application/json\r\n";
    Front *front = front_with_shop();
    Session *session = session_find(front->engine, "shop-1");
    fake_target(session, "job:update", "{\"terminated\":{}}");
    object_touch(front->engine->objects, &session->object);
    Answer answer = ask(front, "GET", TILT_API "/sessions?limit=500", accept, NULL);
    CHECK_HAS(answer.body, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
                           "v1\",\"metadata\":{\"resourceVersion\":\"");
    CHECK_HAS(answer.body,
              "\"cells\":[\"shop-1\",\"manual\",false,2,\"1/2\",\"0s\",\"/shop/thole.yaml\",null]");
    CHECK_HAS(answer.body, "\"object\":{\"kind\":\"PartialObjectMetadata\"");
    answer_free(&answer);
    answer = ask(front, "GET", TILT_API "/sessions/shop-1?includeObject=None", accept, NULL);
    CHECK_HAS(answer.body, "\"object\":null");
    answer_free(&answer);
    answer = ask(front, "GET", TILT_API "/sessions?includeObject=Object", accept, NULL);
    CHECK_HAS(answer.body, "\"object\":{\"apiVersion\":\"tilt.dev/v1alpha1\",\"kind\":\"Session\"");
    answer_free(&answer);
    answer =
        ask(front, "GET", TILT_API "/sessions",
            "Accept: application/json, application/json;as=Table;v=v1;g=meta.k8s.io\r\n", NULL);
    CHECK_HAS(answer.body, "\"kind\":\"SessionList\"");
    answer_free(&answer);
    front_free(front);
}

TEST(discovery)
{
    Front *front = front_new();
    Answer answer = ask_get(front, "/apis");
    CHECK_HAS(
        answer.body,
        "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[{\"name\":\"tilt.dev\","
        "\"versions\":"
        "[{\"groupVersion\":\"tilt.dev/v1alpha1\",\"version\":\"v1alpha1\"}],\"preferredVersion\":"
        "{\"groupVersion\":\"tilt.dev/"
        "v1alpha1\",\"version\":\"v1alpha1\"}},{\"name\":\"thole.dev\"");
    answer_free(&answer);
    answer = ask_get(front, TILT_API);
    CHECK_STR(answer.body,
              "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":"
              "\"tilt.dev/v1alpha1\",\"resources\":["
              "{\"name\":\"sessions\",\"singularName\":\"session\",\"namespaced\":"
              "false,\"kind\":\"Session\",\"verbs\":[\"create\","
              "\"delete\",\"get\",\"list\",\"patch\",\"watch\"],\"shortNames\":[\"sess\"],"
              "\"categories\":[\"tilt\",\"thole\"]},"
              "{\"name\":\"sessions/"
              "status\",\"singularName\":\"\",\"namespaced\":false,\"kind\":"
              "\"Session\",\"verbs\":[\"get\"]},"
              "{\"name\":\"sessions/"
              "start\",\"singularName\":\"\",\"namespaced\":false,\"kind\":"
              "\"Session\",\"verbs\":[\"create\"]},"
              "{\"name\":\"sessions/"
              "reload\",\"singularName\":\"\",\"namespaced\":false,\"kind\":"
              "\"Session\",\"verbs\":[\"create\"]},"
              "{\"name\":\"sessions/"
              "hold\",\"singularName\":\"\",\"namespaced\":false,\"kind\":\"Session\","
              "\"verbs\":[\"get\"]},"
              "{\"name\":\"sessions/"
              "log\",\"singularName\":\"\",\"namespaced\":false,\"kind\":\"Session\","
              "\"verbs\":[\"get\"]}]}\n");
    answer_free(&answer);
    answer = ask(front, "GET", "/apis", "Accept: " AGGREGATED ",application/json\r\n", NULL);
    CHECK_HAS(answer.head, "Content-Type: " AGGREGATED "\r\n");
    CHECK_HAS(answer.head, "Vary: Accept\r\n");
    CHECK_HAS(answer.body, "\"resource\":\"targets\",\"responseKind\":{\"group\":\"thole.dev\","
                           "\"version\":\"v1alpha1\",\"kind\":"
                           "\"Target\"},\"scope\":\"Namespaced\",\"singularResource\":\"target\","
                           "\"verbs\":[\"get\",\"list\",\"patch\",\"watch\"]");
    answer_free(&answer);
    answer = ask(front, "GET", "/api", "Accept: " AGGREGATED "\r\n", NULL);
    CHECK_EQ(answer.status, 200);
    CHECK_HAS(answer.body, "\"items\":[]");
    answer_free(&answer);
    front_free(front);
}

TEST(paths_are_made_of_routes)
{
    char path[100];
    CHECK(route_path(ROUTE_TARGET_LOG, "shop-1", "a/b (c)", path, sizeof(path)) > 0);
    CHECK_STR(path, "/apis/thole.dev/v1alpha1/namespaces/shop-1/targets/a%2Fb%20%28c%29/log");
    CHECK(route_path(ROUTE_TARGET_LOG, "shop-1", "api.serve", path, 20) < 0);
    CHECK(url_escape("abc", path, 3) < 0);
    CHECK_EQ(url_escape("abc", path, 4), 3);
}

/* Of `page` all up to the first of two marks and what belongs between them goes to `to`. Returns
 * what comes behind: the second one. */
static const char *put_part(const char *page, const char *name, void (*put)(Buf *), Buf *to) {
    char mark[60];
    snprintf(mark, sizeof(mark), "<!-- %s -->\n", name);
    const char *start = strstr(page, mark);
    ASSERT(start);
    start += strlen(mark);
    snprintf(mark, sizeof(mark), "<!-- end of %s -->\n", name);
    const char *stop = strstr(start, mark);
    ASSERT(stop);
    buf_put(to, page, (size_t)(start - page));
    put(to);
    return stop;
}

/* docs/api.md has them between marks; run with THOLE_UPDATE=1 to write them. */
TEST(the_docs_list_events_and_routes)
{
    char *text, *page = test_source("docs/api.md");
    Buf wanted;
    Err err;
    ASSERT(file_read(page, 1 << 20, &text, NULL, &err) == 0);
    buf_init(&wanted, 1 << 20);
    const char *rest = put_part(text, "events of environments", event_status_markdown, &wanted);
    rest = put_part(rest, "routes", routes_markdown, &wanted);
    buf_puts(&wanted, rest);
    if (test_updates())
        ASSERT(file_write(page, wanted.p, wanted.n, 0644, &err) == 0);
    else if (strcmp(wanted.p, text) != 0)
        test_fail(__FILE__, __LINE__,
                  "docs/api.md is out of date: THOLE_UPDATE=1 unit-api the_docs_list");
    free(text);
    free(page);
    buf_deinit(&wanted);
}
