/* SPDX-License-Identifier: Apache-2.0 */
/* Watch semantics: what is told, once, in which order; resuming; selectors; Tables; bookmarks. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "client.h"

#define SESSIONS "/apis/tilt.dev/v1alpha1/sessions"
#define TARGETS  "/apis/thole.dev/v1alpha1/namespaces/shop-1/targets"
#define TABLE    "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n"

static void expect_event(Client *client, const char *type, const char *name) {
    const char *line = stream_line(client);
    char head[64], named[128];
    snprintf(head, sizeof(head), "{\"type\":\"%s\",\"object\":", type);
    snprintf(named, sizeof(named), "\"name\":\"%s\"", name);
    if (!line || strncmp(line, head, strlen(head)) != 0)
        test_fail(__FILE__, __LINE__, "expected %s of %s, not %.200s", type, name,
                  line ? line : "the end");
    else
        CHECK_HAS(line, named);
}

static uint64_t version(Front *front) {
    return objects_version(front->engine->objects);
}

static Client *watch_from(Front *front, const char *path, uint64_t from, const char *more) {
    char text[400];
    snprintf(text, sizeof(text), "%s?watch=true&resourceVersion=%llu%s", path,
             (unsigned long long)from, more);
    return stream_open(front, text, "");
}

TEST(watch_begins_with_all_and_then_tells_changes)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}");
    Client *client = stream_open(front, SESSIONS "?watch=1", "");
    expect_event(client, "ADDED", "shop-1");
    CHECK(stream_is_quiet(client));
    fake_set(target, "{\"active\":{\"ready\":true}}");
    const char *line = stream_line(client);
    CHECK_HAS(line, "{\"type\":\"MODIFIED\"");
    CHECK_HAS(line, "\"ready\":true");
    CHECK(stream_is_quiet(client)); /* the target's own change is not a session's */
    fake_session(front->engine, "zoo-1", "/zoo/thole.yaml");
    expect_event(client, "ADDED", "zoo-1");
    fake_remove(session);
    expect_event(client, "DELETED", "shop-1");
    client_free(client);
    front_free(front);
}

TEST(watch_resumes_behind_a_version_and_tells_what_was_missed)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *stays = fake_target(session, "api:serve", "{}"),
           *goes = fake_target(session, "web:serve", "{}");
    uint64_t seen = version(front);
    fake_set(stays, "{\"waiting\":{}}");
    fake_target(session, "new:serve", "{}");
    fake_remove_target(goes);
    fake_remove_target(fake_target(session, "brief:serve", "{}")); /* came and went unseen */
    Client *client = watch_from(front, TARGETS, seen, "");
    expect_event(client, "MODIFIED", "api.serve");
    expect_event(client, "ADDED", "new.serve");
    expect_event(client, "DELETED", "web.serve");
    CHECK(stream_is_quiet(client));
    client_free(client);
    front_free(front);
}

TEST(watch_of_one_object_that_dies_and_comes_again)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Client *client =
        stream_open(front, SESSIONS "?watch=true&fieldSelector=metadata.name%3Dshop-1", "");
    expect_event(client, "ADDED", "shop-1");
    fake_remove(session);
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    fake_session(front->engine, "other-1", "/other/thole.yaml");
    expect_event(client, "DELETED", "shop-1");
    expect_event(client, "ADDED", "shop-1");
    CHECK(stream_is_quiet(client));
    client_free(client);
    front_free(front);
}

TEST(a_version_of_another_server_is_expired)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    uint64_t froms[] = {1, version(front) + 1000}; /* an earlier one; one whose clock was ahead */
    for (size_t i = 0; i < COUNT(froms); i++) {
        Client *client = watch_from(front, SESSIONS, froms[i], "");
        const char *line = stream_line(client);
        CHECK_HAS(line, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\","
                        "\"metadata\":{},\"status\":"
                        "\"Failure\",\"message\":\"too old resource version: ");
        CHECK_HAS(line, "\"reason\":\"Expired\",\"code\":410}}");
        CHECK(!stream_line(client));
        client_free(client);
    }
    front_free(front);
}

TEST(a_watch_that_falls_behind_the_tombstones_is_expired)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    uint64_t seen = version(front);
    for (int i = 0; i < 1100; i++)
        fake_remove_target(fake_target(session, "brief:serve", "{}"));
    Client *client = watch_from(front, SESSIONS, seen, "");
    CHECK_HAS(stream_line(client), "\"code\":410");
    client_free(client);
    front_free(front);
}

enum { LARGE = 1 << 20 };

static void encode_large(Object *object, JsonWriter *out) {
    AUTO_FREE char *text = xmalloc(LARGE + 1);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    json_kv_string(out, "text", text);
}

static void come_and_go(Front *front, int times) {
    for (int i = 0; i < times; i++) {
        Object large = {.kind = OBJECT_TARGET,
                        .space = "shop-1",
                        .name = "large.serve",
                        .encode = encode_large};
        object_add(front->engine->objects, &large);
        object_remove(front->engine->objects, &large);
    }
}

/* Large objects leave fewer tombstones: what they take has a bound. */
TEST(a_watch_that_falls_behind_large_tombstones_is_expired)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    uint64_t seen = version(front);
    come_and_go(front, 3);
    Client *client = watch_from(front, SESSIONS, seen, "");
    CHECK(stream_is_quiet(client));
    client_free(client);
    come_and_go(front, 3);
    client = watch_from(front, SESSIONS, seen, "");
    CHECK_HAS(stream_line(client), "\"code\":410");
    client_free(client);
    front_free(front);
}

TEST(send_initial_events_ends_them_with_a_bookmark)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    uint64_t now = version(front);
    Client *client = watch_from(
        front, SESSIONS, now,
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    expect_event(client, "ADDED", "shop-1");
    char expected[300];
    snprintf(
        expected, sizeof(expected),
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Session\",\"apiVersion\":\"tilt.dev/"
        "v1alpha1\",\"metadata\":"
        "{\"resourceVersion\":\"%llu\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}",
        (unsigned long long)now);
    CHECK_STR(stream_line(client), expected);
    CHECK(stream_is_quiet(client));
    client_free(client);
    front_free(front);
}

TEST(send_initial_events_needs_the_match)
{
    Front *front = front_new();
    Answer answer = ask_get(front, SESSIONS "?watch=true&sendInitialEvents=true");
    CHECK_EQ(answer.status, 422);
    CHECK_HAS(answer.body,
              "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    CHECK_HAS(answer.body, "\"causes\":[{\"reason\":\"FieldValueForbidden\"");
    answer_free(&answer);
    front_free(front);
}

TEST(a_watch_ends_after_its_timeout)
{
    Front *front = front_new();
    Client *client = stream_open(front, SESSIONS "?watch=true&timeoutSeconds=1", "");
    CHECK(!stream_line(client));
    CHECK(client->ended && !client->closed); /* with the last chunk */
    client_free(client);
    front_free(front);
}

TEST(objects_enter_and_leave_a_label_selector)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}"),
           *other = fake_target(session, "web:serve", "{}");
    fake_label(other, "tier", "back");
    Client *client = stream_open(front, TARGETS "?watch=true&labelSelector=tier%3Dfront", "");
    CHECK(stream_is_quiet(client));
    fake_label(target, "tier", "front");
    expect_event(client, "ADDED", "api.serve");
    fake_set(target, "{\"waiting\":{}}");
    expect_event(client, "MODIFIED", "api.serve");
    fake_label(target, "tier", "back");
    expect_event(client, "DELETED", "api.serve");
    fake_set(target, "{}");
    CHECK(stream_is_quiet(client));
    fake_label(target, "tier", "front");
    expect_event(client, "ADDED", "api.serve");
    fake_remove_target(other);
    CHECK(stream_is_quiet(client)); /* it never fitted */
    fake_remove_target(target);
    expect_event(client, "DELETED", "api.serve");
    client_free(client);
    front_free(front);
}

TEST(a_resumed_label_watch_hears_of_what_left_meanwhile)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}");
    fake_label(target, "tier", "front");
    uint64_t seen = version(front);
    fake_label(target, "tier", "back");
    Client *client = watch_from(front, TARGETS, seen, "&labelSelector=tier%3Dfront");
    expect_event(client, "DELETED", "api.serve");
    client_free(client);
    front_free(front);
}

TEST(a_watch_by_config_file)
{
    Front *front = front_new();
    fake_session(front->engine, "other-1", "/other/thole.yaml");
    Client *client = stream_open(
        front, SESSIONS "?watch=true&fieldSelector=spec.tiltfilePath%3D/sh%2520op/thole.yaml", "");
    CHECK(stream_is_quiet(client));
    Session *session = fake_session(front->engine, "shop-1", "/sh%20op/thole.yaml");
    expect_event(client, "ADDED", "shop-1");
    fake_remove(session);
    expect_event(client, "DELETED", "shop-1");
    client_free(client);
    front_free(front);
}

TEST(a_watch_as_table_names_its_columns_once)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{\"active\":{\"ready\":true,\"run\":3}}");
    Client *client = stream_open(front, TARGETS "?watch=true", TABLE);
    const char *line = stream_line(client);
    CHECK_HAS(line, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s."
                    "io/v1\",\"metadata\":"
                    "{\"resourceVersion\":\"");
    CHECK_HAS(line,
              "\"columnDefinitions\":[{\"name\":\"Name\",\"type\":\"string\",\"format\":\"name\",");
    CHECK_HAS(line, "\"rows\":[{\"cells\":[\"api.serve\",\"server\",\"active\",true,3,null,");
    CHECK_HAS(line, "\"object\":{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/"
                    "v1\",\"metadata\":{\"name\":");
    fake_set(target, "{\"terminated\":{\"error\":\"it broke\"}}");
    line = stream_line(client);
    CHECK_HAS(line, "\"columnDefinitions\":null");
    CHECK_HAS(line, "\"terminated\",false");
    CHECK_HAS(line, "\"it broke\"");
    client_free(client);
    front_free(front);
}

/* Level-triggered: what it has not taken yet is told as it is now, and nobody waits for it. */
TEST(a_slow_watcher_skips_versions)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}");
    Client *slow = stream_open(front, TARGETS "?watch=true", ""),
           *quick = stream_open(front, TARGETS "?watch=true", "");
    enum { CHANGES = 5000 };
    stream_line(slow);
    stream_line(quick);
    for (int i = 1; i <= CHANGES; i++) {
        char state[400];
        snprintf(state, sizeof(state), "{\"active\":{\"run\":%d,\"x\":\"%0300d\"}}", i, 0);
        fake_set(target, state);
        CHECK_HAS(stream_line(quick), "MODIFIED");
    }
    char last[40];
    int told = 0;
    bool found = false;
    snprintf(last, sizeof(last), "\"run\":%d,", CHANGES);
    for (const char *line; !found && (line = stream_line(slow)); told++)
        found = strstr(line, last) != NULL;
    CHECK(found);
    CHECK(told < CHANGES / 2);
    client_free(slow);
    client_free(quick);
    front_free(front);
}

TEST(a_server_that_goes_ends_its_watches_properly)
{
    Front *front = front_new();
    fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Client *client = stream_open(front, SESSIONS "?watch=true", "");
    expect_event(client, "ADDED", "shop-1");
    CHECK(stream_is_quiet(client));
    front->api = api_free(front->api);
    CHECK(!stream_line(client));
    CHECK(client->ended);
    client_free(client);
    front_free(front);
}
