/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/buf.h"

TEST(buf_puts_together)
{
    Buf buf;
    buf_init(&buf, 1000);
    CHECK_STR(buf_cstr(&buf), "");
    CHECK(buf_puts(&buf, "ab"));
    CHECK(buf_putc(&buf, 'c'));
    CHECK(buf_put(&buf, "d\0e", 3));
    CHECK(buf_printf(&buf, "%d", 42));
    CHECK_EQ(buf.n, 8);
    CHECK(memcmp(buf.p, "abcd\0e42", 9) == 0);
    buf_deinit(&buf);
    CHECK_EQ(buf.n, 0);
    CHECK(buf_puts(&buf, "again"));
    buf_deinit(&buf);
}

TEST(buf_repeats_what_it_has)
{
    Buf buf;
    buf_init(&buf, 400);
    CHECK(buf_puts(&buf, "abc"));
    for (int i = 0; i < 7; i++) /* its memory moves meanwhile */
        CHECK(buf_repeat(&buf, 1, buf.n - 1));
    CHECK_EQ(buf.n, 257);
    CHECK_EQ(buf.p[0], 'a');
    for (size_t i = 1; i < buf.n; i++)
        CHECK_EQ(buf.p[i], i % 2 ? 'b' : 'c');
    CHECK(!buf_repeat(&buf, 0, 200));
    CHECK(buf.failed);
    CHECK_EQ(buf.n, 257);
    buf_deinit(&buf);
}

TEST(buf_stops_at_its_maximum_and_remembers)
{
    Buf buf;
    buf_init(&buf, 5);
    CHECK(buf_puts(&buf, "12345"));
    CHECK(!buf.failed);
    CHECK(!buf_putc(&buf, '6'));
    CHECK(buf.failed);
    CHECK(!buf_put(&buf, "", 0)); /* it stays */
    CHECK_STR(buf_cstr(&buf), "12345");
    buf_reset(&buf);
    CHECK(!buf.failed);
    CHECK_STR(buf_cstr(&buf), "");
    CHECK(!buf_printf(&buf, "%s", "123456"));
    CHECK(buf.failed);
    CHECK_STR(buf_cstr(&buf), "");
    buf_reset(&buf);
    CHECK(buf_printf(&buf, "%s", "12345"));
    buf_deinit(&buf);
}

TEST(buf_take_hands_over_and_is_empty_then)
{
    Buf buf;
    buf_init(&buf, 100);
    AUTO_FREE char *empty = buf_take(&buf);
    CHECK_STR(empty, "");
    buf_puts(&buf, "text");
    AUTO_FREE char *text = buf_take(&buf);
    CHECK_STR(text, "text");
    CHECK_EQ(buf.n, 0);
    CHECK(buf_puts(&buf, "next"));
    CHECK_STR(text, "text");
    CHECK_STR(buf_cstr(&buf), "next");
    buf_deinit(&buf);
}

TEST(buf_drop_takes_from_the_front)
{
    Buf buf;
    buf_init(&buf, 100);
    buf_drop(&buf, 5);
    buf_puts(&buf, "hello world");
    buf_drop(&buf, 6);
    CHECK_STR(buf_cstr(&buf), "world");
    buf_drop(&buf, 0);
    CHECK_STR(buf_cstr(&buf), "world");
    buf_drop(&buf, 50);
    CHECK_STR(buf_cstr(&buf), "");
    buf_deinit(&buf);
}

TEST(buf_grows_over_a_megabyte)
{
    Buf buf;
    buf_init(&buf, 2 << 20);
    for (int i = 0; i < 100000; i++)
        ASSERT(buf_printf(&buf, "%06d,", i));
    CHECK_EQ(buf.n, 700000);
    CHECK(memcmp(buf.p + 7 * 77777, "077777,", 7) == 0);
    buf_deinit(&buf);
}
