/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/step_chart.h"
#include "harness/test.h"

/* after: a letter for each step it depends on. */
static ChartStep step(const char *name, const char *state, const char *after) {
    ChartStep it = {.name = name, .state = state, .took = "", .color = "\033[33m"};
    size_t *at = calloc(strlen(after) + 1, sizeof(*at));
    for (; after[it.after_n]; it.after_n++)
        at[it.after_n] = (size_t)(after[it.after_n] - 'a');
    it.after = at;
    return it;
}

static void check(Chart chart, const char *expected) {
    Buf out;
    buf_init(&out, 64 * 1024);
    chart_draw(&chart, &out);
    CHECK_STR(buf_cstr(&out), expected);
    buf_deinit(&out);
    for (size_t i = 0; i < chart.n; i++)
        free((size_t *)(uintptr_t)chart.at[i].after);
}

TEST(a_graph_has_a_lane_from_each_step_to_those_that_wait_for_it)
{
    ChartStep at[] = {step("checkout", "success", ""), step("build", "failure", "a"),
                      step("lint", "running", "a"),    step("unit", "skipped", "b"),
                      step("docs", "pending", ""),     step("all", "pending", "cde")};
    check((Chart){.at = at, .n = COUNT(at), .utf8 = true, .width = 80},
          "✓      checkout  success\n"
          "├─✗    build     failure\n"
          "│ │\n"
          "│ ○    unit      skipped\n"
          "▶ │    lint      running\n"
          "│ │ ·  docs      pending\n"
          "·─┴─┘  all       pending\n");
}

TEST(steps_that_have_nothing_to_do_with_each_other_are_not_connected)
{
    ChartStep at[] = {step("a", "success", ""), step("b", "success", ""), step("c", "success", "")};
    at[0].after_n = 0;
    check((Chart){.at = at, .n = COUNT(at), .utf8 = false, .width = 80},
          "*  a  success\n*  b  success\n*  c  success\n");
}

TEST(what_waits_for_nobody_is_not_taken_for_what_follows)
{
    ChartStep at[] = {step("one", "success", ""), step("two", "success", ""),
                      step("three", "success", ""), step("four", "success", "a")};
    check((Chart){.at = at, .n = COUNT(at), .utf8 = true, .width = 80}, "✓  one    success\n"
                                                                        "│\n"
                                                                        "✓  four   success\n"
                                                                        "\n"
                                                                        "✓  two    success\n"
                                                                        "✓  three  success\n");
}

TEST(a_graph_in_ascii_and_in_colour)
{
    ChartStep at[] = {step("a", "success", ""), step("b", "running", "a")};
    at[1].took = "2s";
    check((Chart){.at = at, .n = COUNT(at), .color = true, .width = 80},
          "\033[33m*\033[0m  a  \033[33msuccess\033[0m\n|\n"
          "\033[33m>\033[0m  b  \033[33mrunning\033[0m  2s\n");
}

TEST(stages_are_boxes)
{
    ChartStep at[] = {step("a", "success", ""), step("b", "failure", ""), step("c", "skipped", "")};
    at[2].stage = 1;
    check((Chart){.at = at, .n = COUNT(at), .staged = true, .utf8 = true, .width = 80},
          "┌─ stage 1 ───────────┐\n"
          "│ ✓ a success         │\n"
          "│ ✗ b failure         │\n"
          "└──┬──────────────────┘\n"
          "   │\n"
          "┌─ stage 2 ───────────┐\n"
          "│ ○ c skipped         │\n"
          "└─────────────────────┘\n");
}

TEST(many_steps_of_a_stage_stand_side_by_side)
{
    ChartStep at[9];
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    for (size_t i = 0; i < COUNT(at); i++)
        at[i] = step(names[i], "success", "");
    check((Chart){.at = at, .n = COUNT(at), .staged = true, .width = 50},
          "+- stage 1 --------------------------------+\n"
          "| * a success          * f success         |\n"
          "| * b success          * g success         |\n"
          "| * c success          * h success         |\n"
          "| * d success          * i success         |\n"
          "| * e success                              |\n"
          "`------------------------------------------'\n");
}

/* Each of the last two waits for all of the others. */
TEST(a_graph_with_too_many_lanes_is_drawn_as_layers)
{
    ChartStep at[] = {step("a", "success", ""),       step("b", "success", ""),
                      step("c", "success", ""),       step("d", "success", ""),
                      step("e", "success", ""),       step("f", "success", ""),
                      step("y", "pending", "abcdef"), step("z", "pending", "abcdef")};
    check((Chart){.at = at, .n = COUNT(at), .width = 23}, "+- layer 1 -----------+\n"
                                                          "| * a success         |\n"
                                                          "| * b success         |\n"
                                                          "| * c success         |\n"
                                                          "| * d success         |\n"
                                                          "| * e success         |\n"
                                                          "| * f success         |\n"
                                                          "`--+------------------'\n"
                                                          "   |\n"
                                                          "+- layer 2 -----------+\n"
                                                          "| . y pending         |\n"
                                                          "| . z pending         |\n"
                                                          "`---------------------'\n");
}
