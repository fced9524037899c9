/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that remove all of a task. */
#include "harness/test.h"

#include "backend/docker/sweep.h"
#include "unit/docker/scripted.h"

#define FILTERS                                                                                    \
    "filters=%7B%22label%22%3A%5B%22thole.dev%2Fowner%3Dme%22%2C%22thole.dev%2Ftask%3Dt%26%22%5D%" \
    "7D"
#define CONTAINERS "GET /containers/json?all=1&" FILTERS "\n"
#define NETWORKS   "GET /networks?" FILTERS "\n"
#define VOLUMES    "GET /volumes?" FILTERS "\n"
#define NOTHING    "200 []", "200 {\"Volumes\":null}", NULL

static Err sweep(const char *const *replies) {
    ScriptedEnd end = {0};
    Scripted s;
    scripted_open(&s, replies);
    Op *op = docker_sweep(s.engine, "me", "t&", scripted_hear, &end);
    while (!end.called) {
        ASSERT(loop_turn(s.loop, 10000));
        if (!end.called && scripted_at_end() && strstr(scripted_asked(), "hang"))
            op_cancel(op);
    }
    CHECK(scripted_at_end());
    scripted_close(&s);
    return end.err;
}

TEST(sweep_removes_what_carries_the_labels)
{
    Err err = sweep((const char *[]){"200 [{\"Id\":\"c1\"},{\"Id\":\"c2\"}]", "304 ", "304 ",
                                     "200 [{\"Id\":\"n1\"}]", "304 ",
                                     "200 {\"Volumes\":[{\"Name\":\"v/1\"}]}", "304 ", NULL});
    CHECK_STR(err.msg, "");
    CHECK_STR(scripted_asked(), CONTAINERS
              "DELETE /containers/c1?v=1&force=1\nDELETE /containers/c2?v=1&force=1\n" NETWORKS
              "DELETE /networks/n1\n" VOLUMES "DELETE /volumes/v%2F1?force=1\n");
}

TEST(sweep_of_nothing_is_done)
{
    Err err = sweep((const char *[]){"200 []", NOTHING});
    CHECK_STR(err.msg, "");
    CHECK_STR(scripted_asked(), CONTAINERS NETWORKS VOLUMES);
}

TEST(sweep_goes_on_and_tells_the_first_error)
{
    Err err = sweep((const char *[]){"200 [{\"Id\":\"c1\"},{\"Id\":\"c2\"},{\"Id\":\"c3\"}]",
                                     "500 {\"message\":\"stuck\"}", "404 {\"message\":\"gone\"}",
                                     "409 {\"message\":\"busy\"}", NOTHING});
    CHECK_EQ(err.kind, ERR_INTERNAL);
    CHECK_STR(err.msg, "docker: stuck");
    CHECK(strstr(scripted_asked(), VOLUMES) != NULL);
}

TEST(sweep_that_cannot_look_fails)
{
    Err err = sweep((const char *[]){"500 {\"message\":\"no list\"}", NULL});
    CHECK_STR(err.msg, "docker: no list");
    CHECK_STR(scripted_asked(), CONTAINERS);
    err = sweep((const char *[]){"200 [{\"Id\":\"hang\"}]", NULL, NULL});
    CHECK_EQ(err.kind, ERR_CANCELLED);
}
