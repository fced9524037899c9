/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that fail in every way there is; test_harness.c looks at what the harness says of them. */
#include "harness/test.h"

#include <signal.h>

TEST(good)
{
    CHECK(true);
    CHECK_EQ(3, 3);
    CHECK_STR("x", "x");
    CHECK_STR(NULL, NULL);
    CHECK_HAS("abc", "b");
    ASSERT(true);
}

TEST(good_again)
{}

TEST(bad_check)
{
    CHECK(1 > 2);
    CHECK_EQ(2 + 2, 5); /* a failed check ends nothing */
}

TEST(bad_eq)
{ CHECK_EQ(7, 8); }

TEST(bad_str)
{
    CHECK_STR("got this", "want that");
    CHECK_STR(NULL, "something");
}

TEST(bad_has)
{ CHECK_HAS("haystack", "needle"); }

TEST(bad_assert)
{
    ASSERT(0);
    CHECK_EQ(1234, 4321); /* not reached */
}

TEST(bad_crash)
{ raise(SIGKILL); }

TEST(bad_exit)
{ _exit(3); }

TEST_TIMEOUT(bad_hang, 1) {
    for (;;)
        pause();
}

TEST(bad_directory)
{
    printf("directory %s\n", test_dir());
    CHECK(false);
}
