/* SPDX-License-Identifier: Apache-2.0 */
/* How long an engine that does not answer is waited for. */
#include "harness/test.h"

#include "backend/docker/patience.h"

TEST(patience_asks_ever_more_rarely_and_has_an_end)
{
    Patience p = {0};
    CHECK_EQ(patience_again(&p, 1000, 5000), 100);
    CHECK_EQ(patience_again(&p, 1100, 5000), 200);
    for (int i = 0; i < 8; i++)
        CHECK(patience_again(&p, 2000, 5000) <= 2000);
    CHECK_EQ(patience_again(&p, 5999, 5000), 2000);
    CHECK_EQ(patience_again(&p, 6000, 5000), -1);
    CHECK_EQ(p.since_ms, 1000);
}

TEST(patience_is_as_long_with_each_outage)
{
    Patience p = {0};
    patience_again(&p, 1000, 5000);
    patience_ok(&p);
    CHECK_EQ(patience_again(&p, 7000, 5000), 100);
    patience_heard(&p); /* long ago enough */
    CHECK_EQ(patience_again(&p, 13000, 5000), 100);
    patience_heard(&p); /* but not here: half of what is asked fails for ever */
    CHECK_EQ(patience_again(&p, 17000, 5000), 200);
    patience_heard(&p);
    CHECK_EQ(patience_again(&p, 18000, 5000), -1);
}

TEST(patience_of_nothing_gives_up_at_once)
{ CHECK_EQ(patience_again(&(Patience){0}, 1000, 0), -1); }
