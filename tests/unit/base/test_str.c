/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/str.h"

TEST(str_starts_ends_same)
{
    CHECK(str_starts("thole", "tho"));
    CHECK(str_starts("thole", ""));
    CHECK(!str_starts("tho", "thole"));
    CHECK(str_ends("a.yaml", ".yaml"));
    CHECK(str_ends("a", ""));
    CHECK(!str_ends("yaml", ".yaml"));
    CHECK(str_same("a", "a"));
    CHECK(!str_same("a", "b"));
    CHECK(str_same(NULL, NULL));
    CHECK(!str_same(NULL, ""));
    CHECK(!str_same("", NULL));
}

static void copied(const char *text, size_t size, const char *want) {
    char to[16];
    memset(to, 'x', sizeof(to));
    str_copy(to, size, text);
    CHECK_STR(to, want);
    CHECK_EQ(to[size], 'x'); /* nothing beyond */
}

TEST(str_copy_cuts_between_characters)
{
    copied("thole", 6, "thole");
    copied("thole", 5, "thol");
    copied("thole", 1, "");
    copied("", 1, "");
    copied("a\xc3\xbc", 4, "a\xc3\xbc");
    copied("a\xc3\xbc", 3, "a");
    copied("\xf0\x9f\x9a\xa3", 4, "");
}

TEST(str_suggest_finds_the_near_one)
{
    static const char *const keys[] = {"command", "depends_on", NULL,      "ready",
                                       "restart", "env",        "env_from"};
    CHECK_STR(str_suggest("comand", keys, COUNT(keys)), "command");
    CHECK_STR(str_suggest("dependson", keys, COUNT(keys)), "depends_on");
    CHECK_STR(str_suggest("raedy", keys, COUNT(keys)), "ready"); /* a swap is one mistake */
    CHECK_STR(str_suggest("env", keys, COUNT(keys)), "env");
    CHECK_STR(str_suggest("envfrom", keys, COUNT(keys)), "env_from");
    CHECK_STR(str_suggest("image", keys, COUNT(keys)), NULL);
    CHECK_STR(str_suggest("", keys, COUNT(keys)), NULL);
    CHECK_STR(str_suggest("x", NULL, 0), NULL);
}

TEST(str_suggest_prefers_the_nearest)
{
    static const char *const names[] = {"worker-1", "worker-22", "worker"};
    static const char *const better_last[] = {"server1", "server"};
    CHECK_STR(str_suggest("workr", names, COUNT(names)), "worker");
    CHECK_STR(str_suggest("serve", better_last, COUNT(better_last)), "server");
    CHECK_STR(str_suggest("worker-2", names, COUNT(names)), "worker-1"); /* a tie: the first */
}

TEST(str_suggest_does_not_guess_at_very_long_words)
{
    char word[400], other[100];
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    memset(other, 'b', sizeof(other) - 1);
    other[sizeof(other) - 1] = '\0';
    const char *const names[] = {other};
    CHECK_STR(str_suggest(word, names, 1), NULL);
}

static bool number_is(const char *text, int64_t min, int64_t max, int64_t want) {
    int64_t got = 77;
    return number_parse(text, min, max, &got) == 0 && got == want;
}

static bool number_refused(const char *text, int64_t min, int64_t max) {
    int64_t got = 77;
    return number_parse(text, min, max, &got) < 0 && got == 77; /* untouched */
}

TEST(number_parse_takes_whole_numbers_within_bounds)
{
    CHECK(number_is("0", 0, 10, 0));
    CHECK(number_is("10", 0, 10, 10));
    CHECK(number_is("-5", -10, 10, -5));
    CHECK(number_is("007", 0, 10, 7));
    CHECK(number_is("9223372036854775807", 0, INT64_MAX, INT64_MAX));
    CHECK(number_is("-9223372036854775808", INT64_MIN, 0, INT64_MIN));
    CHECK(number_refused("11", 0, 10));
    CHECK(number_refused("-1", 0, 10));
    CHECK(number_refused("9223372036854775808", 0, INT64_MAX));
    static const char *const none[] = {"",  " ",   "x",   "1x",   " 1",  "1 ", "+1",
                                       "-", "--1", "- 1", "0x10", "1.0", "1e3"};
    for (size_t i = 0; i < COUNT(none); i++) {
        if (!number_refused(none[i], INT64_MIN, INT64_MAX))
            test_fail(__FILE__, __LINE__, "accepted: \"%s\"", none[i]);
    }
}

TEST(str_hex_writes_two_digits_for_each_byte)
{
    char text[7];
    str_hex(text, "\x00\x7f\xfa", 3);
    CHECK_STR(text, "007ffa");
}
