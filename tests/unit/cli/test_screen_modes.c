/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has made of a terminal, read from what it wrote. */
#include "cli/screen_modes.h"

#include <string.h>

#include "harness/test.h"

static const char always[] =
    "\033[?1l\033>\033[?2004l\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?1006l"
    "\0337\033[r\0338\033[4l\033[?7h\033[?25h\033(B\017\033[0m";

static void check(const char *written, const char *put, const char *undo) {
    ScreenModes modes = {.n = 0};
    Buf text, wanted;
    buf_init(&text, 4096);
    buf_init(&wanted, 4096);
    for (const char *at = written; *at; at++) /* in pieces, as it may come */
        screen_modes_saw(&modes, at, 1);
    screen_modes_put(&modes, &text);
    CHECK_STR(buf_cstr(&text), put);
    buf_reset(&text);
    screen_modes_undo(&modes, &text);
    buf_printf(&wanted, "%s%s", undo, always);
    CHECK_STR(buf_cstr(&text), buf_cstr(&wanted));
    buf_deinit(&text);
    buf_deinit(&wanted);
}

TEST(a_terminal_is_brought_where_the_program_has_it_and_back)
{
    check("hello\n\033[31mred\033[0m", "", "");
    check("\033[?1049h\033[?1h\033=\033[5;10rHELLO\033[?25l",
          "\033[?1049h\033[?1h\033[?25l\033=\033[H\033[2J", "\033[?1l\033[?1049l");
    check("\033[?1000;1006h\033[?2004h", "\033[?1000h\033[?1006h\033[?2004h",
          "\033[?2004l\033[?1006l\033[?1000l");
    check("\033[?7l\033[3 q\033[>4;2m\033[>1u", "\033[>1u\033[>4;2m\033[3 q\033[?7l",
          "\033[<u\033[>4m\033[0 q");
}

TEST(what_is_turned_off_again_is_off)
{
    check("\033[?1049h\033[?1h\033=\033[?25l\033[?25h\033>\033[?1l\033[?1049l", "", "");
    check("\033[3 q\033[0 q\033[>4;2m\033[>4m\033[>1u\033[<u", "", "");
    check("\033[>1u\033[>3u\033[>5u\033[<2u", "\033[>1u", "\033[<u");
    check("\033[?1049h\033[?1003h\033c", "", ""); /* a full reset */
}

/* A pop too many would take a mode of the shell, one too few leave it a mode of the program; and
 * each screen has keyboards of its own. */
TEST(who_comes_later_is_pushed_as_often_as_popped)
{
    check("\033[?1049h\033[>1u\033[>5u", "\033[?1049h\033[>1u\033[>5u\033[H\033[2J",
          "\033[<u\033[<u\033[?1049l");
    check("\033[>1u\033[?1049h", "\033[>1u\033[?1049h\033[H\033[2J", "\033[?1049l\033[<u");
    check("\033[>u", "\033[>0u", "\033[<u");
}

TEST(other_sequences_are_nobodys_business)
{
    check("\033[?1048h\033[?3h\033[4h\033[1;2H\033[?u\033[6n\033]0;\033[?x\007", "", "");
    check("\033[?1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1h", "", "");
    check("\033[?99999999999h\033[?h\033[?;h", "", "");
    check("\033\033[?1h", "\033[?1h", "\033[?1l");
    check("\033[?2\033[?1h", "\033[?1h", "\033[?1l");
}

TEST(no_more_modes_are_kept_than_have_a_place)
{
    ScreenModes modes = {.n = 0};
    char text[16];
    for (int i = 100; i < 200; i++) {
        snprintf(text, sizeof(text), "\033[?%dh\033[>1u", i);
        screen_modes_saw(&modes, text, strlen(text));
    }
    CHECK(modes.n == SCREEN_MODES_MOST);
}
