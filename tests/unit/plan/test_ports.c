/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "plan/ports.h"

static unsigned char marks[65536];
static unsigned char bound[65536];
static int tries;

static bool take(void *arg, uint16_t port) {
    tries++;
    return !bound[port];
}

static uint16_t draw(const char *service, uint16_t last) {
    return port_draw(&(PortDraw){.range = {20000, 20003},
                                 .marks = marks,
                                 .file = "/srv/thole.yaml",
                                 .session = "",
                                 .service = service,
                                 .name = "",
                                 .last = last,
                                 .take = take});
}

TEST(what_it_had_last_comes_first)
{
    CHECK_EQ(draw("api", 20002), 20002);
    CHECK_EQ(tries, 1);
    bound[20002] = 1;
    CHECK(draw("api", 20002) != 20002);
    bound[20002] = 0;
    marks[20002] = PORT_TAKEN;
    CHECK(draw("api", 20002) != 20002);
    CHECK(draw("api", 3000) >= 20000); /* of another range */
}

TEST(the_same_name_begins_at_the_same_place)
{
    uint16_t port = draw("api", 0);
    CHECK(port >= 20000 && port <= 20003);
    CHECK_EQ(draw("api", 0), port);
}

TEST(what_another_had_is_given_only_when_nothing_else_is_free)
{
    marks[20000] = marks[20001] = PORT_REMEMBERED;
    marks[20002] = PORT_TAKEN;
    CHECK_EQ(draw("api", 0), 20003);
    bound[20003] = 1;
    uint16_t port = draw("api", 0);
    CHECK(port == 20000 || port == 20001);
    marks[20000] = marks[20001] = PORT_TAKEN;
    CHECK_EQ(draw("api", 0), 0);
}

TEST(a_range_is_two_ports)
{
    PortRange range = {0};
    CHECK_EQ(port_range_parse("20000-29999", &range), 0);
    CHECK(range.low == 20000 && range.high == 29999);
    CHECK_EQ(port_range_parse("7-7", &range), 0);
    static const char *const wrong[] = {"",    "1",       "1-",   "-1",  "0-5",
                                        "5-4", "1-65536", "1-2x", "a-b", "99999999999-5"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_EQ(port_range_parse(wrong[i], &range), -1);
}
