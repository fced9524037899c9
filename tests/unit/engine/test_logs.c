/* SPDX-License-Identifier: Apache-2.0 */
/* One stream out of many logs: those of a session. The logs are made by hand, as pins leave them;
 * what lives is on the fake backend. */
#include "unit/engine/log_scene.h"

#include "base/xalloc.h"

#define SLUG "shop-000000"

static Pen pen(Scene *scene, const char *slug, const char *target, uint32_t run) {
    AUTO_FREE char *dir = xasprintf("%s/sessions/%s", scene->state, slug);
    return pen_new(dir, target, run);
}

static Ear *listen_to(Scene *scene, LogAsk ask) {
    if (!ask.slug)
        ask.slug = SLUG;
    return ear_new(scene, ask);
}

#define ALL ((LogAsk){.tail = -1})

static const char *read_all(Scene *scene, LogAsk ask) {
    ask.slug = SLUG;
    return ear_read(scene, ask);
}

static Scene *quiet(void) {
    return scene_new("services: {web: {command: serve}, job: {type: job, command: work}}\n");
}

/* ---- tests: what is on disk ---- */

TEST(logs_of_many_in_order_of_time)
{
    Scene *scene = quiet();
    Pen a = pen(scene, SLUG, "a:serve", 1), b = pen(scene, SLUG, "b:serve", 1),
        old = pen(scene, SLUG, "b:serve", 9);
    pen_put(&a, 1, 10, "one\n");
    pen_put(&b, 2, 20, "two\r\n");
    pen_put(&a, 1, 30, "three\nfour");
    pen_put(&old, 1, 40, "five\n");
    CHECK_STR(read_all(scene, ALL), "a:serve/1 out one|b:serve/1 err two\r|a:serve/1 out "
                                    "three|a:serve/1 out four~|b:serve/9 out five");
    CHECK_STR(read_all(scene, (LogAsk){.tail = -1, .stream = 2}), "b:serve/1 err two\r");
    CHECK_STR(read_all(scene, (LogAsk){.tail = -1, .run = 9}), "b:serve/9 out five");
    CHECK_STR(read_all(scene, (LogAsk){.tail = -1, .since_us = 20, .until_us = 30}),
              "b:serve/1 err two\r|a:serve/1 out three|a:serve/1 out four~");
    const char *names[] = {"b.serve"};
    CHECK_STR(read_all(scene, (LogAsk){.tail = 1, .targets = {names, 1}}), "b:serve/9 out five");
    names[0] = "c";
    Ear *ear = listen_to(scene, (LogAsk){.tail = 1, .targets = {names, 1}});
    CHECK(!ear->stream && scene->err.kind == ERR_NOT_FOUND);
    ear_free(ear);
    scene_free(scene);
}

TEST(logs_go_by_the_name_of_the_object_too)
{
    Scene *scene = quiet();
    Pen pens[] = {pen(scene, SLUG, "my_app:serve", 1), pen(scene, SLUG, "other:serve", 1)};
    pen_put(&pens[0], 1, 1, "mine\n");
    pen_put(&pens[1], 1, 2, "theirs\n");
    const char *names[] = {"my-app.u4.serve"};
    Ear *ear = listen_to(scene, (LogAsk){.tail = -1, .targets = {names, 1}});
    ASSERT(ear->stream);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "my_app:serve/1 out mine");
    CHECK_STR(ear->object, "my-app.u4.serve");
    ear_free(ear);
    scene_free(scene);
}

TEST(logs_tail_over_runs_and_streams)
{
    Scene *scene = quiet();
    Pen one = pen(scene, SLUG, "a:serve", 1), two = pen(scene, SLUG, "a:serve", 2);
    pen_put(&one, 1, 1, "1\n2\n3\n");
    pen_put(&one, 2, 2, "e1\n");
    pen_put(&two, 2, 3, "open ");
    pen_put(&two, 1, 4, "4\n5\n");
    pen_put(&two, 2, 5, "e2\n");
    pen_put(&two, 1, 6, "6");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 0}), "");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 1}), "a:serve/2 out 6~");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 2}), "a:serve/2 err open e2|a:serve/2 out 6~");
    CHECK_STR(
        read_all(scene, (LogAsk){.tail = 5}),
        "a:serve/1 err e1|a:serve/2 out 4|a:serve/2 out 5|a:serve/2 err open e2|a:serve/2 out 6~");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 2, .stream = 2}),
              "a:serve/1 err e1|a:serve/2 err open e2");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 2, .until_us = 2}),
              "a:serve/1 out 3|a:serve/1 err e1");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 9, .since_us = 4}),
              "a:serve/2 out 4|a:serve/2 out 5|a:serve/2 err open e2|a:serve/2 out 6~");
    CHECK_STR(read_all(scene, (LogAsk){.tail = 1, .run = 1}), "a:serve/1 err e1");
    scene_free(scene);
}

/* Cut behind every line, going on shows exactly the rest: whatever is open there. */
TEST(logs_go_on_behind_any_line)
{
    Scene *scene = quiet();
    Pen one = pen(scene, SLUG, "a:serve", 1), two = pen(scene, SLUG, "a:serve", 2);
    pen_put(&one, 2, 1, "ab");
    pen_put(&one, 1, 2, "open ");
    pen_put(&one, 2, 3, "c\nnext ");
    pen_put(&one, 1, 4, "closed\nx\n");
    pen_gap(&one, 5);
    pen_put(&one, 1, 6, "out never closed");
    pen_put(&one, 2, 7, "ends\nagain\n");
    pen_put(&two, 1, 8, "both");
    pen_put(&two, 2, 9, "open");
    for (int known = 0; known < 2; known++) {
        Ear *whole = listen_to(scene, ALL);
        AUTO_FREE char *all = xasprintf("%s", ear_hear(scene, whole, SIZE_MAX));
        size_t lines = whole->lines;
        ear_free(whole);
        CHECK_EQ(lines, 9);
        for (size_t cut = 1; cut <= lines; cut++) {
            Ear *first = listen_to(scene, ALL);
            AUTO_FREE char *seen = xasprintf("%s", ear_hear(scene, first, cut));
            LogCursor cursor = first->cursor;
            if (!known)
                cursor.from = cursor.offset;
            Ear *second = listen_to(scene, (LogAsk){.tail = -1, .after = &cursor, .after_n = 1});
            AUTO_FREE char *rest = xasprintf("%s", ear_hear(scene, second, SIZE_MAX));
            const char *again =
                strstr(rest, " gap ") && strstr(seen, " gap ") ? strchr(rest, '|') + 1 : rest;
            AUTO_FREE char *joined = xasprintf("%s%s%s", seen, *again ? "|" : "", again);
            CHECK_STR(joined, all); /* (a gap has no place of its own: it may be told again) */
            ear_free(first);
            ear_free(second);
        }
    }
    scene_free(scene);
}

TEST(logs_long_lines_come_in_pieces)
{
    enum { SIZE = (2 << 20) + 100 };
    Scene *scene = quiet();
    Pen a = pen(scene, SLUG, "a:serve", 1);
    char *line = xmalloc(SIZE + 1);
    memset(line, 'x', SIZE);
    line[5] = '\0';
    line[SIZE] = '\n';
    for (size_t at = 0; at <= SIZE; at += 65536)
        pen_bytes(&a, 1, 1, line + at, SIZE + 1 - at < 65536 ? SIZE + 1 - at : 65536);
    Ear *ear = listen_to(scene, ALL);
    LogLine got;
    const size_t sizes[] = {1 << 20, 1 << 20, 100};
    for (size_t i = 0, at = 0; i < 3; at += sizes[i++]) {
        ASSERT(log_stream_next(ear->stream, &got) == 1);
        CHECK_EQ(got.size, sizes[i]);
        CHECK_EQ(got.partial, i < 2);
        CHECK(memcmp(got.text, line + at, got.size) == 0);
    }
    CHECK_EQ(log_stream_next(ear->stream, &got), -1);
    ear_free(ear);
    free(line);
    scene_free(scene);
}

/* A line that is asked for may be far: others get their turn meanwhile, and the order stays. */
TEST(logs_a_long_search_is_interrupted)
{
    Scene *scene = quiet();
    Pen a = pen(scene, SLUG, "a:serve", 1), b = pen(scene, SLUG, "b:serve", 1);
    char *block = xmalloc(65536);
    memset(block, '\n', 65536);
    for (int i = 0; i < 200; i++)
        pen_bytes(&a, 1, 1, block, 65536);
    pen_put(&a, 2, 2, "needle\n");
    pen_put(&b, 2, 3, "hay\n");
    Ear *ear = listen_to(scene, (LogAsk){.tail = -1, .stream = 2});
    LogLine line;
    CHECK_EQ(log_stream_next(ear->stream, &line), 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "a:serve/1 err needle|b:serve/1 err hay");
    ear_free(ear);
    free(block);
    scene_free(scene);
}

/* ---- tests: what lives ---- */

static StepId fake_id(Scene *scene, const char *target, uint32_t run) {
    return (StepId){session_slug(scene->session), target, run};
}

static Ear *follow(Scene *scene) {
    Ear *ear = listen_to(
        scene, (LogAsk){.slug = session_slug(scene->session), .tail = -1, .follow = true});
    ASSERT(ear->stream);
    return ear;
}

TEST(logs_are_followed_over_restarts)
{
    Scene *scene =
        scene_new("services:\n  web: {command: serve, restart: {policy: always, delay: 1s}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1});
    scene_up(scene, NULL);
    Ear *ear = follow(scene);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    fake_write(scene->backend, fake_id(scene, "web:serve", 1), 1, "hello\nhalf ");
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "web:serve/1 out hello");
    fake_end(scene->backend, fake_id(scene, "web:serve", 1), STEP_EXITED, 1);
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "web:serve/1 out half ~");
    loop_advance(scene->loop, 5000);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    fake_write(scene->backend, fake_id(scene, "web:serve", 2), 2, "again\n");
    loop_advance(scene->loop, 0);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "web:serve/2 err again");
    int woken = ear->woken;
    loop_advance(scene->loop, 600000);
    CHECK_EQ(ear->woken, woken); /* nobody speaks: nothing happens */
    session_delete(scene->session, 0, false);
    loop_advance(scene->loop, 1000);
    CHECK_STR(ear_hear(scene, ear, SIZE_MAX), "");
    CHECK_EQ(ear->last, -1);
    ear_free(ear);
    scene_free(scene);
}
