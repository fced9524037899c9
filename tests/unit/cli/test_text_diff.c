/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text_diff.h"
#include "harness/test.h"

static void check(const char *before, const char *after, const char *expected) {
    Buf out;
    buf_init(&out, 256 * 1024);
    text_diff(
        &(TextDiff){.before_name = "a/f", .after_name = "b/f", .before = before, .after = after},
        &out);
    CHECK_STR(buf_cstr(&out), expected);
    buf_deinit(&out);
}

TEST(texts_that_are_the_same_do_not_differ)
{
    check("a\nb\n", "a\nb\n", "");
    check("", "", "");
    check(NULL, NULL, "");
}

TEST(a_change_stands_between_three_lines_of_its_surroundings)
{
    check("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
          "--- a/f\n+++ b/f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(order_and_repetition_count)
{
    check("A=1\nB=2\nB=2\n", "B=2\nA=1\nB=2\n",
          "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n-A=1\n B=2\n+A=1\n B=2\n");
}

TEST(changes_far_from_each_other_are_hunks_of_their_own)
{
    check("x\n1\n2\n3\n4\n5\n6\n7\ny\n", "X\n1\n2\n3\n4\n5\n6\n7\nY\n",
          "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n-x\n+X\n 1\n 2\n 3\n"
          "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-y\n+Y\n");
    check("x\n1\n2\n3\n4\n5\n6\ny\n", "X\n1\n2\n3\n4\n5\n6\nY\n",
          "--- a/f\n+++ b/f\n@@ -1,8 +1,8 @@\n-x\n+X\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n+Y\n");
}

TEST(a_file_that_is_new_or_goes)
{
    check(NULL, "a\nb\n", "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    check("a\n", NULL, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    check(NULL, "", "--- /dev/null\n+++ b/f\n");
}

TEST(the_last_newline_counts)
{
    check("a\nb", "a\nb\n",
          "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
}

TEST(colours_are_of_the_terminal)
{
    Buf out;
    buf_init(&out, 4096);
    text_diff(&(TextDiff){"a", "b", "x\n", "y\n", true}, &out);
    CHECK_STR(buf_cstr(&out), "\033[1m--- a\n+++ b\033[0m\n\033[36m@@ -1 +1 @@\033[0m\n"
                              "\033[31m-x\033[0m\n\033[32m+y\033[0m\n");
    buf_deinit(&out);
}

/* Lines without '+' give the one text, lines without '-' the other. */
TEST(both_texts_can_be_read_from_it)
{
    static const char *const lines[] = {"a\n", "b\n", "c\n", "d\n"};
    unsigned seed = 7;
    for (int round = 0; round < 200; round++) {
        Buf texts[2], read[2], out;
        buf_init(&out, 64 * 1024);
        for (int t = 0; t < 2; t++) {
            buf_init(&texts[t], 4096);
            buf_init(&read[t], 4096);
        }
        for (int i = 0; i < 4; i++) /* so few that all of them are in one hunk */
            for (unsigned t = 0; t < 2; t++) {
                seed = seed * 1103515245u + 12345u;
                if (seed >> 20 & 3)
                    buf_puts(&texts[t], lines[seed >> 16 & 3]);
            }
        text_diff(&(TextDiff){"f", "f", buf_cstr(&texts[0]), buf_cstr(&texts[1]), false}, &out);
        const char *at = strstr(buf_cstr(&out), "@@\n");
        for (at = at ? at + 3 : ""; *at; at = strchr(at, '\n') + 1)
            for (int t = 0; t < 2; t++)
                if (*at != "+-"[t])
                    buf_put(&read[t], at + 1, strcspn(at, "\n"));
        for (int t = 0; t < 2; t++) {
            if (out.n)
                CHECK_STR(buf_cstr(&read[t]), buf_cstr(&texts[t]));
            buf_deinit(&texts[t]);
            buf_deinit(&read[t]);
        }
        buf_deinit(&out);
    }
}
