/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_tree.h"
#include "harness/test.h"

typedef struct Scene {
    Tree tree;
    TreeStyle style;
    char above[4096], foot[4096];
    size_t columns[LIVE_LINES_MOST], n;
} Scene;

static void draw(Scene *s) {
    Buf above, foot;
    buf_init(&above, 4096);
    buf_init(&foot, 4096);
    s->n = tree_draw(&s->tree, &s->style, &above, &foot, s->columns);
    snprintf(s->above, sizeof(s->above), "%s", buf_cstr(&above));
    snprintf(s->foot, sizeof(s->foot), "%s", buf_cstr(&foot));
    buf_deinit(&above);
    buf_deinit(&foot);
}

static void stage(Scene *s) {
    *s = (Scene){.style = {.width = 60, .height = 24, .now_ms = 5000}};
    tree_init(&s->tree, "create feat-x");
    tree_expect(&s->tree, "allocate_ports", "provision");
    tree_expect(&s->tree, "seed_db", "provision");
    tree_expect(&s->tree, "generate_env", "run");
}

TEST(what_is_over_stays_and_the_rest_is_drawn_below_it)
{
    Scene s;
    stage(&s);
    draw(&s);
    CHECK_STR(s.above, "create feat-x\n");
    CHECK_STR(s.foot,
              "  provision\n    · allocate_ports\n    · seed_db\n  run\n    · generate_env\n");
    tree_start(&s.tree, "allocate_ports", "provision", 5000);
    tree_end(&s.tree, "allocate_ports", "provision", &(TreeEnd){TREE_DONE, 2, NULL});
    tree_start(&s.tree, "seed_db", "provision", 5000);
    tree_talk(&s.tree, "seed_db", "copying\ttable \033[1morders\r", 25);
    s.style.now_ms = 8200;
    draw(&s);
    CHECK_STR(s.above, "  provision\n    ✓ allocate_ports     2ms\n");
    CHECK_STR(s.foot, "    ▶ seed_db             3s\n        copying table \\x1b[1morders\n  run\n"
                      "    · generate_env\n");
    CHECK_EQ(s.n, 4);
    CHECK_EQ(s.columns[0], 28);
    tree_end(&s.tree, "seed_db", "provision", &(TreeEnd){TREE_FAILED, 3400, "exit code 3"});
    tree_close(&s.tree);
    draw(&s);
    CHECK_STR(s.above, "    ✗ seed_db           3.4s  exit code 3\n");
    CHECK_STR(s.foot, "");
    CHECK(!tree_is_running(&s.tree));
    tree_deinit(&s.tree);
}

TEST(what_is_passed_over_does_not_come)
{
    Scene s;
    stage(&s);
    tree_end(&s.tree, "seed_db", "provision", &(TreeEnd){TREE_SKIPPED, 0, "cached"});
    tree_start(&s.tree, "runner_before", "run", 0);
    draw(&s);
    CHECK_STR(s.above, "create feat-x\n  provision\n    ○ seed_db                cached\n");
    CHECK_STR(s.foot, "  run\n    ▶ runner_before      5s\n    · generate_env\n");
    tree_deinit(&s.tree);
}

TEST(a_step_that_begins_again_is_one_of_its_own)
{
    Scene s;
    stage(&s);
    tree_end(&s.tree, "allocate_ports", "provision", &(TreeEnd){TREE_FAILED, 1, "no"});
    draw(&s);
    tree_start(&s.tree, "allocate_ports", "provision", 5000);
    tree_start(&s.tree, "allocate_ports", "provision", 7000); /* told twice */
    draw(&s);
    CHECK_STR(s.foot, "    ▶ allocate_ports\n    · seed_db\n  run\n    · generate_env\n");
    tree_deinit(&s.tree);
}

TEST(it_says_what_the_whole_waits_for)
{
    Scene s;
    stage(&s);
    tree_wait(&s.tree, "feat-x is being created by another server");
    draw(&s);
    CHECK_HAS(s.foot, "  feat-x is being created by another server\n  provision\n");
    CHECK(tree_is_running(&s.tree));
    tree_start(&s.tree, "allocate_ports", "provision", 5000);
    draw(&s);
    CHECK(!strstr(s.foot, "another"));
    tree_deinit(&s.tree);
}

TEST(a_narrow_and_a_low_terminal_get_what_there_is_room_for)
{
    Scene s;
    stage(&s);
    s.style.width = 24;
    s.style.height = 6;
    tree_end(&s.tree, "allocate_ports", "provision", &(TreeEnd){TREE_FAILED, 1200, "no free port"});
    draw(&s);
    CHECK_STR(s.above, "create feat-x\n  provision\n    ✗ allo…orts    1.2s\n");
    CHECK_STR(s.foot, "    · seed_db\n  run\n    · gene…_env\n");
    for (size_t i = 0; i < s.n; i++)
        CHECK(s.columns[i] < 24);
    s.style.width = 1;
    draw(&s);
    CHECK_EQ(s.columns[0], 1);
    tree_deinit(&s.tree);
}

TEST(a_tree_has_colours_that_take_no_columns)
{
    Scene s;
    stage(&s);
    s.style.color = true;
    tree_end(&s.tree, "allocate_ports", "provision", &(TreeEnd){TREE_DONE, 12, NULL});
    tree_start(&s.tree, "seed_db", "provision", 5000);
    draw(&s);
    CHECK_HAS(s.above, "    \033[32m✓\033[0m allocate_ports    12ms\n");
    CHECK_HAS(s.foot, "    \033[33m▶\033[0m seed_db\n");
    CHECK_EQ(s.columns[0], 13);
    tree_deinit(&s.tree);
}

/* ---- the foot of the screen ---- */

static void frame(LiveLines *live, LiveFrame frame, const char *expected) {
    Buf out;
    buf_init(&out, 4096);
    live_lines_frame(live, &frame, &out);
    CHECK_STR(buf_cstr(&out), expected);
    buf_deinit(&out);
}

TEST(a_frame_overwrites_the_one_before)
{
    LiveLines live = {0};
    const LiveLine two[] = {{"one", 3}, {"two", 3}}, one[] = {{"three", 5}};
    frame(&live, (LiveFrame){"", two, 2, 80}, "one\033[K\ntwo\033[K\n");
    frame(&live, (LiveFrame){"done\n", one, 1, 80}, "\r\033[2Adone\033[K\nthree\033[K\n\033[J");
    frame(&live, (LiveFrame){"", NULL, 0, 80}, "\r\033[1A\033[J");
    frame(&live, (LiveFrame){"", NULL, 0, 80}, "");
}

TEST(a_window_that_has_become_narrower_has_more_rows)
{
    LiveLines live = {0};
    const LiveLine lines[] = {{"a long line", 11}, {"", 0}};
    frame(&live, (LiveFrame){"", lines, 2, 80}, "a long line\033[K\n\033[K\n");
    frame(&live, (LiveFrame){"", NULL, 0, 5}, "\r\033[4A\033[J");
}
