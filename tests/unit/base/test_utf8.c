/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/attr.h"
#include "base/utf8.h"

TEST(utf8_takes_exactly_what_is_well_formed)
{
    static const struct {
        const char *bytes;
        size_t n, length;
    } rows[] = {
        {"a", 1, 1},
        {"\xc3\xa9", 2, 2},
        {"\xe2\x82\xac", 3, 3},
        {"\xf0\x9f\x98\x80", 4, 4},
        {"\xc3", 1, 0},
        {"\x80", 1, 0},
        {"\xc0\xaf", 2, 0},
        {"\xe0\x9f\xbf", 3, 0},
        {"\xed\xa0\x80", 3, 0},
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf0\x8f\xbf\xbf", 4, 0},
        {"\xff", 1, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_EQ(utf8_length(rows[i].bytes, rows[i].n), rows[i].length);
}

TEST(utf8_valid_takes_what_is)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa3"};
    for (size_t i = 0; i < COUNT(good); i++) {
        if (!utf8_valid(good[i], strlen(good[i])))
            test_fail(__FILE__, __LINE__, "refused number %zu", i);
    }
    CHECK(utf8_valid("a\0b", 3));
}

TEST(utf8_valid_refuses_what_is_not)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2"
                                      "a",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xe1\x80"
                                      "a",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf0\x90\x80"
                                      "a",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "ok\xfe"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (utf8_valid(bad[i], strlen(bad[i])))
            test_fail(__FILE__, __LINE__, "accepted number %zu", i);
    }
    CHECK(!utf8_valid("\xc3\xbc", 1)); /* the size counts, not the NUL */
}

TEST(utf8_blank_is_white_space_alone)
{
    static const char *const blank[] = {
        " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\xc2\x85", "\u00a0",
        "\u1680", "\u2000", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f",   "\u3000"};
    static const char *const other[] = {"a",      "",       "\x1f", "\x7f", "\u00e9",
                                        "\u200b", "\ufeff", "\xc2", "\xa0"};
    for (size_t i = 0; i < COUNT(blank); i++)
        CHECK_EQ(utf8_blank(blank[i], strlen(blank[i])), strlen(blank[i]));
    for (size_t i = 0; i < COUNT(other); i++)
        CHECK_EQ(utf8_blank(other[i], strlen(other[i])), 0);
    CHECK_EQ(utf8_blank("\u2028", 2), 0); /* cut off */
}

TEST(utf8_trim_takes_blanks_of_both_ends)
{
    static const char *const rows[][2] = {
        {"", ""},
        {" \t\r\n", ""},
        {"a", "a"},
        {" a b ", "a b"},
        {"\u00a0\u3000x\u2003 ", "x"},
        {"\xa0", "\xa0"},
        {"x\xc2", "x\xc2"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *p = rows[i][0];
        size_t n = strlen(p);
        utf8_trim(&p, &n);
        CHECK_EQ(n, strlen(rows[i][1]));
        CHECK(memcmp(p, rows[i][1], n) == 0);
    }
}

TEST(utf8_hidden_is_what_nobody_sees)
{
    static const char *const hidden[] = {"\x01",   "\n",     "\x7f",   "\xc2\x80",  "\xc2\x9b",
                                         "\u00ad", "\u061c", "\u200b", "\u200e",    "\u202e",
                                         "\u2060", "\u2066", "\ufeff", "\U000e0041"};
    static const char *const seen[] = {"a",      " ",      "~",          "\u00e9",
                                       "\u2010", "\u65e5", "\U0001f40b", "\xff"};
    for (size_t i = 0; i < COUNT(hidden); i++)
        CHECK_EQ(utf8_hidden(hidden[i], strlen(hidden[i])), strlen(hidden[i]));
    for (size_t i = 0; i < COUNT(seen); i++)
        CHECK_EQ(utf8_hidden(seen[i], strlen(seen[i])), 0);
}

TEST(utf8_cut_leaves_no_half_of_a_character)
{
    CHECK_EQ(utf8_cut("a\u00e9b", 4, 9), 4);
    CHECK_EQ(utf8_cut("a\u00e9b", 4, 3), 3);
    CHECK_EQ(utf8_cut("a\u00e9b", 4, 2), 1);
    CHECK_EQ(utf8_cut("a\xff\xff", 3, 2), 2);
    CHECK_EQ(utf8_cut("", 0, 2), 0);
}
