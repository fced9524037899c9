/* SPDX-License-Identifier: Apache-2.0 */
/* Names of keys, and what a terminal sends for them. */
#include "cli/keys.h"

#include <string.h>

#include "harness/test.h"

static const char *sent(Buf *to, const char *word, bool newline) {
    buf_reset(to);
    return keys_put(to, word, newline) ? buf_cstr(to) : "no key";
}

TEST(keys_have_the_names_of_tmux)
{
    static const char *const keys[][2] = {
        {"Enter", "\r"},       {"Escape", "\033"},      {"BSpace", "\177"},
        {"Up", "\033[A"},      {"C-c", "\003"},         {"C-C", "\003"},
        {"^C", "\003"},        {"C-[", "\033"},         {"C-?", "\177"},
        {"M-x", "\033x"},      {"M-C-x", "\033\030"},   {"C-M-x", "\033\030"},
        {"S-Up", "\033[1;2A"}, {"M-Left", "\033[1;3D"}, {"C-Right", "\033[1;5C"},
        {"F5", "\033[15~"},    {"M-Enter", "\033\r"},   {"S-a", "A"}};
    static const char *const words[] = {"ls",  "x", "enter", "C-", "-",
                                        "C-1", "",  "M-",    "^",  "Entered"};
    Buf to;
    buf_init(&to, 1024);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        CHECK_STR(sent(&to, keys[i][0], false), keys[i][1]);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        CHECK_STR(sent(&to, words[i], false), "no key");
    CHECK_STR(sent(&to, "Enter", true), "\n");
    buf_reset(&to);
    CHECK(keys_put(&to, "C-Space", false) && to.n == 1 && to.p[0] == '\0');
    buf_deinit(&to);
}

TEST(sequences_of_keys_detach)
{
    static const char *const bad[] = {"", "C-p,", "nonsense", "ctrl-", "C-p,,C-q"};
    Buf to;
    Err err;
    buf_init(&to, 1024);
    CHECK_EQ(keys_parse_sequence("C-p,C-q", &to, &err), 0);
    CHECK_STR(buf_cstr(&to), "\020\021");
    buf_reset(&to);
    CHECK_EQ(keys_parse_sequence("ctrl-a,d", &to, &err), 0);
    CHECK_STR(buf_cstr(&to), "\001d");
    buf_reset(&to);
    CHECK_EQ(keys_parse_sequence("none", &to, &err), 0);
    CHECK_EQ(to.n, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(keys_parse_sequence(bad[i], &to, &err) < 0);
    buf_deinit(&to);
}
