/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that go round, and those that only look like it. */
#include "engine/files/circle.h"

#include "harness/test.h"

static unsigned turns(Circle *circle, const char *path, int64_t every_ms, int n) {
    unsigned on = 0;
    for (int i = 0; i < n; i++)
        on += circle_goes_on(circle, path, circle->at_ms + every_ms, 0);
    return on;
}

TEST(the_same_file_again_and_again_goes_round)
{
    Circle circle = {.at_ms = 1000};
    CHECK_EQ(turns(&circle, "a.c", 100, CIRCLE_ROW), 0);
    CHECK_EQ(turns(&circle, "a.c", 100, 5), 5);
    CHECK_EQ(turns(&circle, "b.c", 100, 1), 0);          /* another one */
    CHECK_EQ(turns(&circle, "a.c", 100, CIRCLE_ROW), 1); /* known, as b.c is: one circle */
}

TEST(a_circle_may_be_of_several_files)
{
    Circle circle = {.at_ms = 1000};
    unsigned on = 0;
    for (int i = 0; i < CIRCLE_ROW + 2; i++)
        on += turns(&circle, i % 2 ? "a.c" : "b.c", 100, 1);
    CHECK_EQ(on, 1);
    CHECK_EQ(turns(&circle, "c.c", 100, 1), 0); /* somebody else's */
}

TEST(who_takes_his_time_does_not)
{
    Circle circle = {.at_ms = 1000};
    CHECK_EQ(turns(&circle, "a.c", CIRCLE_MS + 1, 50), 0);
    CHECK_EQ(turns(&circle, "a.c", CIRCLE_MS, CIRCLE_ROW), 1); /* with the one before */
    CHECK(
        circle_goes_on(&circle, "a.c", circle.at_ms + CIRCLE_MS + 500, 1000)); /* a pause of ours */
}
