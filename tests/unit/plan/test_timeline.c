/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of tests/golden/history drawn: <case>.timeline (several widths, JSON), <case>.svg. */
#include "history.h"

#include "harness/test.h"
#include "plan/timeline.h"
#include "plan/timeline_scale.h"

#include "base/utf8.h"
#include "data/json.h"

static void build(const History *history, Arena *arena, Timeline *ret) {
    const Value *since = value_get(history->file, "since"),
                *until = value_get(history->file, "until");
    TimelineAsk ask = {.events = history->events, .now_us = history->now_us, .down = history->down};
    if (since)
        ask.since_us = (1700000000 + value_int(since, 0)) * 1000000;
    if (until)
        ask.until_us = (1700000000 + value_int(until, 0)) * 1000000;
    timeline_build(&ask, arena, ret);
}

/* No line is wider than was asked for. */
static void check_width(const char *text, int width) {
    for (const char *line = text, *end; *line; line = end + 1) {
        size_t n = 0;
        end = strchr(line, '\n');
        ASSERT(end);
        for (const char *at = line; at < end; at++)
            n += ((unsigned char)*at & 0xc0) != 0x80;
        const char *legend = strstr(line, "critical path");
        bool row = strncmp(line, "  ", 2) != 0 && (!legend || legend > end);
        if (row && (int)n > width)
            test_fail(__FILE__, __LINE__, "%zu columns, not %d: %.*s", n, width, (int)(end - line),
                      line);
    }
}

static void draw(const Timeline *timeline, int width, bool color, Buf *out) {
    size_t from = out->n;
    buf_printf(out, "$ width %d%s\n", width, color ? " color" : "");
    timeline_text(timeline, &(TimelineText){.width = width, .color = color}, out);
    buf_putc(out, '\n');
    if (!color)
        check_width(buf_cstr(out) + from, width);
}

TEST(golden_timelines)
{
    Arena arena;
    arena_init(&arena);
    const char *cases[100];
    size_t n = history_cases(cases, 100, &arena);
    for (size_t i = 0; i < n; i++) {
        History history;
        Timeline timeline;
        JsonWriter json;
        Buf out, svg;
        buf_init(&out, 1 << 20);
        buf_init(&svg, 1 << 20);
        history_read(arena_printf(&arena, "%s.yaml", cases[i]), &arena, &history);
        build(&history, &arena, &timeline);
        draw(&timeline, 100, false, &out);
        draw(&timeline, 60, false, &out);
        draw(&timeline, 24, false, &out);
        draw(&timeline, 100, true, &out);
        json_writer_init(&json, &out);
        json.pretty = true;
        timeline_encode(&timeline, &json);
        buf_putc(&out, '\n');
        timeline_svg(&timeline, "shop-b4a255 <&>", &svg);
        history_check(arena_printf(&arena, "%s.timeline", cases[i]), buf_cstr(&out));
        history_check(arena_printf(&arena, "%s.svg", cases[i]), buf_cstr(&svg));
        buf_deinit(&out);
        buf_deinit(&svg);
    }
    CHECK(n >= 6);
    arena_deinit(&arena);
}

TEST(the_path_is_what_was_waited_for_to_the_last)
{
    Arena arena;
    History history;
    Timeline timeline;
    arena_init(&arena);
    char *path = test_source("tests/golden/history/begin.yaml");
    history_read(path, &arena, &history);
    build(&history, &arena, &timeline);
    ASSERT(timeline.path_n == 3);
    CHECK_STR(timeline.path[0].target, "db:serve");
    CHECK_STR(timeline.path[1].target, "migrate:update");
    CHECK_STR(timeline.path[2].target, "api:serve");
    CHECK_EQ(timeline.path[0].to_us, timeline.path[1].from_us);
    CHECK_EQ(timeline.path[1].to_us, timeline.path[2].from_us);
    CHECK_EQ(timeline.path[2].to_us, timeline.settled_us);
    free(path);
    arena_deinit(&arena);
}

TEST(an_axis_has_round_steps)
{
    CHECK_EQ(scale_step_ms(0, 5), 1);
    CHECK_EQ(scale_step_ms(900, 5), 200);
    CHECK_EQ(scale_step_ms(9000, 5), 2000);
    CHECK_EQ(scale_step_ms(61 * 1000, 5), 15 * 1000);
    CHECK_EQ(scale_step_ms(3 * 3600 * 1000, 5), 3600 * 1000);
    CHECK_EQ(scale_step_ms(INT64_C(100) * 24 * 3600 * 1000, 5), INT64_C(21) * 24 * 3600 * 1000);
    CHECK_EQ(scale_step_ms(1000, 0), 1000);
}
