/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/base64.h"

TEST(base64_goes_round)
{
    static const char *const texts[] = {"", "f", "fo", "foo", "foob", "\xff\xfe\x80", "caf\xe9"};
    static const char *const codes[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "//6A", "Y2Fm6Q=="};
    for (size_t i = 0; i < COUNT(texts); i++) {
        Arena arena;
        Buf buf;
        buf_init(&buf, 100);
        arena_init(&arena);
        base64_put(&buf, texts[i], strlen(texts[i]));
        CHECK_STR(buf_cstr(&buf), codes[i]);
        CHECK_STR(base64_text(codes[i], &arena), texts[i]);
        buf_deinit(&buf);
        arena_deinit(&arena);
    }
}

TEST(base64_there_and_back)
{
    char bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        Arena arena;
        Buf coded;
        size_t size;
        arena_init(&arena);
        buf_init(&coded, 1000);
        base64_put(&coded, bytes, n);
        const char *back = base64_decode(buf_cstr(&coded), &arena, &size);
        ASSERT(back);
        CHECK_EQ(size, n);
        CHECK(memcmp(back, bytes, n) == 0);
        CHECK_EQ(coded.n % 4, 0);
        buf_deinit(&coded);
        arena_deinit(&arena);
    }
}

TEST(base64_that_is_none_is_refused)
{
    static const char *const bad[] = {"Z", "Zg", "Zg=", "====", "Z===", "Zm9v!A==", "Zg==Zg=="};
    Arena arena;
    size_t size;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (base64_decode(bad[i], &arena, &size))
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
    CHECK(base64_decode("AA==", &arena, &size));
    CHECK(!base64_text("AA==", &arena)); /* a NUL is no text */
    arena_deinit(&arena);
}
