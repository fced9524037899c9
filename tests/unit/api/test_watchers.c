/* SPDX-License-Identifier: Apache-2.0 */
/* Many watchers, and those that vanish. */
#include "client.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"

#define SESSIONS "/apis/tilt.dev/v1alpha1/sessions"

static int open_fds(void) {
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void raise_files(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static bool nobody_is_there(void *arg) {
    return api_clients(((Front *)arg)->api) == 0;
}

TEST(a_client_that_vanishes_leaves_nothing_behind)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    Target *target = fake_target(session, "api:serve", "{}");
    front_settle(front);
    int before = open_fds();
    for (int i = 0; i < 20; i++) {
        Client *client = stream_open(front, SESSIONS "?watch=true", "");
        stream_line(client);
        CHECK(stream_is_quiet(client)); /* the stream sleeps now */
        client_free(client);
    }
    CHECK(front_wait(front, nobody_is_there, front));
    CHECK_EQ(open_fds(), before);
    fake_set(target, "{\"waiting\":{}}"); /* nobody is told, nothing breaks */
    front_settle(front);
    CHECK(!loop_turn(front->loop, 50)); /* and nothing wakes us */
    front_free(front);
}

TEST(a_client_that_stops_reading_and_vanishes_is_noticed)
{
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    char state[500];
    for (int i = 0; i < 60; i++) {
        char name[20];
        snprintf(name, sizeof(name), "t%d:serve", i);
        snprintf(state, sizeof(state), "{\"x\":\"%0400d\"}", 0);
        fake_target(session, name, state);
    }
    Client *client = stream_open(front, SESSIONS "?watch=true", "");
    for (int i = 0; i < 100; i++) { /* far more than a socket holds */
        fake_set(session->targets[i % 60], state);
        front_settle(front);
    }
    client_free(client);
    CHECK(front_wait(front, nobody_is_there, front));
    front_free(front);
}

TEST_TIMEOUT(a_thousand_watchers_are_told, 120) {
    enum { WATCHERS = 1000 };
    raise_files();
    Front *front = front_new();
    Session *session = fake_session(front->engine, "shop-1", "/shop/thole.yaml");
    for (int i = 0; i < 10; i++) {
        char name[20];
        snprintf(name, sizeof(name), "t%d:serve", i);
        fake_target(session, name, "{}");
    }
    Client **clients = calloc(WATCHERS, sizeof(Client *));
    for (int i = 0; i < WATCHERS; i++) {
        clients[i] = stream_open(front, SESSIONS "?watch=true", "");
        CHECK_HAS(stream_line(clients[i]), "ADDED");
    }
    CHECK_EQ(api_clients(front->api), WATCHERS);
    front_settle(front);
    for (int round = 0; round < 3; round++) {
        fake_set(session->targets[round], "{\"active\":{\"ready\":true}}");
        for (int i = 0; i < WATCHERS; i++)
            CHECK_HAS(stream_line(clients[i]), "MODIFIED");
    }
    front_settle(front);
    CHECK(!loop_turn(front->loop, 30)); /* a thousand who wait cost nothing */
    for (int i = 0; i < WATCHERS; i++)
        client_free(clients[i]);
    CHECK(front_wait(front, nobody_is_there, front));
    free(clients);
    front_free(front);
}

TEST(running_out_of_descriptors_is_said_and_passes)
{
    struct rlimit files, old;
    Front *front = front_new();
    front_settle(front);
    Client *early[8];
    for (size_t i = 0; i < COUNT(early); i++)
        early[i] = client_new(front); /* waiting to be accepted */
    getrlimit(RLIMIT_NOFILE, &old);
    files = old;
    files.rlim_cur = (rlim_t)open_fds(); /* hardly any left */
    setrlimit(RLIMIT_NOFILE, &files);
    for (size_t i = 0; i < COUNT(early); i++)
        client_text(early[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    int refused = 0;
    for (size_t i = 0; i < COUNT(early); i++) {
        Answer answer = client_answer(early[i]);
        CHECK(answer.status == 200 || answer.status == 503 || answer.status == 0);
        refused += answer.status != 200;
        answer_free(&answer);
        client_free(early[i]);
    }
    CHECK(refused > 0);
    setrlimit(RLIMIT_NOFILE, &old);
    Answer answer = ask_get(front, "/healthz");
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    front_free(front);
}
