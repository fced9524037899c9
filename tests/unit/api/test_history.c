/* SPDX-License-Identifier: Apache-2.0 */
/* Events, why and the timeline as routes. */
#include "client.h"
#include "fake_engine.h"
#include "harness/test.h"
#include "spec/routes.h"

#define SESSION THOLE_API "/sessions/shop-1"

static Front *stage(void) {
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    fake_target(session, "api:serve", "{\"active\":{}}");
    return front;
}

TEST(events_are_lines_and_asked_for_as_the_query_says)
{
    Front *front = stage();
    Answer answer =
        ask_get(front, SESSION "/events?target=api&target=db:serve&limit=5&after=7&since="
                               "2023-11-14T22:13:20Z");
    CHECK_EQ(answer.status, 200);
    CHECK_STR(answer.body, "{\"seq\":1,\"kind\":\"started\",\"target\":\"api:serve\"}\n");
    const EventAsk *asked = &front->engine->events_asked;
    CHECK_EQ(asked->targets.n, 2);
    CHECK_EQ(asked->tail, 5);
    CHECK_EQ(asked->after, 7);
    CHECK_EQ(asked->since_us, 1700000000000000);
    CHECK(!asked->follow);
    answer_free(&answer);
    Client *client = stream_open(front, SESSION "/events?follow=true", "");
    CHECK_HAS(stream_line(client), "\"seq\":1");
    CHECK(stream_is_quiet(client));
    CHECK_EQ(front->engine->events_asked.tail, -1);
    client_free(client);
    front_free(front);
}

TEST(wrong_queries_of_history_are_named)
{
    static const struct {
        const char *path, *says;
        int status;
    } cases[] = {
        {SESSION "/events?limit=x", "limit: Invalid value", 400},
        {SESSION "/events?after=-1", "after: Invalid value", 400},
        {SESSION "/events?since=yesterday", "since: Invalid value", 400},
        {SESSION "/events?target=nobody", "no events of", 404},
        {THOLE_API "/sessions/none-1/events", "none-1", 404},
        {SESSION "/timeline?format=png", "it is json, text, path or svg", 400},
        {SESSION "/timeline?width=0", "width: Invalid value", 400},
        {SESSION "/timeline?until=soon", "until: Invalid value", 400},
        {THOLE_API "/sessions/none-1/timeline", "none-1", 404},
        {THOLE_API "/namespaces/shop-1/targets/nobody/why", "no target", 404},
        {THOLE_API "/namespaces/none-1/targets/api/why", "none-1", 404},
    };
    Front *front = stage();
    for (size_t i = 0; i < COUNT(cases); i++) {
        Answer answer = ask_get(front, cases[i].path);
        CHECK_EQ(answer.status, cases[i].status);
        CHECK_HAS(answer.body, cases[i].says);
        answer_free(&answer);
    }
    front_free(front);
}

TEST(why_and_the_timeline_have_their_forms)
{
    Front *front = stage();
    Answer answer = ask_get(front, THOLE_API "/namespaces/shop-1/targets/api.serve/why");
    CHECK_EQ(answer.status, 200);
    CHECK_STR(answer.body, "{\"target\":\"api.serve\"}\n");
    answer_free(&answer);
    answer = ask_get(front, SESSION "/timeline");
    CHECK_HAS(answer.head, "application/json");
    CHECK_STR(answer.body, "{\"form\":0,\"width\":80,\"slug\":\"shop-1\"}\n");
    answer_free(&answer);
    answer = ask_get(front, SESSION "/timeline?format=text&width=40");
    CHECK_HAS(answer.head, "text/plain");
    CHECK_HAS(answer.body, "\"width\":40");
    answer_free(&answer);
    answer = ask_get(front, SESSION "/timeline?format=svg&width=999999");
    CHECK_HAS(answer.head, "image/svg+xml");
    CHECK_HAS(answer.body, "\"width\":1000");
    answer_free(&answer);
    front_free(front);
}
