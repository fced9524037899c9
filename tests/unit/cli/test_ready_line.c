/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ready_line.h"
#include "harness/test.h"

/* A session of its file and one server, all of it ready. */
typedef struct Shown {
    Seen file, web;
    Seen *all[2];
    Targets targets;
    ReadyLine line;
} Shown;

static void show(Shown *s) {
    *s = (Shown){.file = {.word = "done",
                          .chosen = true,
                          .view = {.name = TARGET_FILE, .phase = PHASE_TERMINATED, .run = 1}},
                 .web = {.word = "ready",
                         .chosen = true,
                         .view = {.name = "web:serve", .phase = PHASE_ACTIVE, .run = 1}}};
    s->all[0] = &s->file;
    s->all[1] = &s->web;
    s->targets.all.at = s->all;
    s->targets.all.n = 2;
}

static bool due(Shown *s, size_t pending) {
    return ready_line_due(&s->line, &s->targets, &(Outcome){.ready = 2, .pending = pending});
}

static void read_file_again(Shown *s) {
    s->file.view.run++;
    ready_line_note(&s->line, &s->file, "done");
}

TEST(it_is_said_once)
{
    Shown s;
    show(&s);
    CHECK(!due(&s, 1));
    CHECK(due(&s, 0));
    CHECK(!due(&s, 0));
    CHECK(!due(&s, 1));
    CHECK(!due(&s, 0)); /* nothing was worth a word */
}

TEST(it_is_said_again_after_a_reload_that_was_seen)
{
    Shown s;
    show(&s);
    CHECK(due(&s, 0));
    read_file_again(&s);
    CHECK(!due(&s, 0)); /* nothing has begun anew yet */
    CHECK(!due(&s, 1));
    CHECK(due(&s, 0));
}

TEST(it_is_said_again_after_a_restart_that_was_over_at_once)
{
    Shown s;
    show(&s);
    CHECK(due(&s, 0));
    read_file_again(&s);
    CHECK(!due(&s, 0));
    s.web.view.run = 2;
    CHECK(due(&s, 0));
    CHECK(!due(&s, 0));
}
