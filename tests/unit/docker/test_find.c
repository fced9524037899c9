/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine has of ours, for people and for a server that begins. */
#include "harness/test.h"

#include "unit/docker/town.h"

#define OWNER "%7B%22label%22%3A%5B%22thole.dev%2Fowner%3Dme%22%5D"
#define LABELS \
    "\"Labels\":{\"thole.dev/task\":\"t\",\"thole.dev/step\":\"build\",\"thole.dev/run\":"
#define ONE_STEP "{\"Id\":\"c1\",\"Names\":[\"/thole-t\"],\"State\":\"running\"," LABELS "\"2\"}}"

static void on_leftovers(void *arg, const void *result, const Err *err) {
    const Leftovers *left = result;
    ASSERT(!err && left->n == 2);
    CHECK_STR(left->at[0].kind, "volume");
    CHECK_STR(left->at[0].name, "v");
    CHECK_STR(left->at[0].task, "");
    CHECK_STR(left->at[1].kind, "container");
    CHECK_STR(left->at[1].name, "thole-t");
    CHECK_STR(left->at[1].task, "t");
    CHECK(left->at[1].running);
    town_hear_end(arg, NULL, NULL);
}

TEST(find_leftovers_passes_over_what_has_no_name)
{
    Town town;
    town_open(&town, (const char *[]){"200 [{\"Id\":\"c0\"}," ONE_STEP "]", "200 [{\"Id\":\"n\"}]",
                                      "200 {\"Volumes\":[{\"Name\":\"v\"},{}]}", NULL});
    backend_leftovers(town.backend, on_leftovers, &town);
    town_until(&town);
    CHECK_STR(scripted_asked(), "GET /containers/json?all=1&filters=" OWNER "%7D\n"
                                "GET /networks?filters=" OWNER "%7D\n"
                                "GET /volumes?filters=" OWNER "%7D\n");
    town_close(&town);
}

static void on_found(void *arg, const void *result, const Err *err) {
    const Discovered *found = result;
    ASSERT(!err && found->n == 1);
    CHECK_STR(found->at[0].step, "build");
    CHECK_EQ(found->at[0].run, 2);
    CHECK_STR(found->at[0].container, "c1");
    town_hear_end(arg, NULL, NULL);
}

TEST(find_what_runs_are_steps)
{
    Town town;
    town_open(&town, (const char *[]){"200 [{\"Id\":\"c0\"," LABELS "\"x\"}}," ONE_STEP "]", NULL});
    backend_discover(town.backend, on_found, &town);
    town_until(&town);
    CHECK_STR(scripted_asked(), "GET /containers/json?all=1&filters=" OWNER
                                "%2C%22status%22%3A%5B%22running%22%2C%22paused%22%5D%7D\n");
    town_close(&town);
}
