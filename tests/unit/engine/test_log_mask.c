/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks write, line by line, as people see it. */
#include "engine/logs/log_mask.h"

#include "harness/test.h"
#include "unit/engine/log_scene.h"

typedef struct Said {
    const char *target;
    uint32_t run;
    int stream;
    const char *text;
    bool partial;
    const char *want;
} Said;

/* `at`: how much of the run there is before it, so that nothing has been missed. */
static void check(LogMasks *masks, const char *dir, const Said *said, uint64_t at) {
    LogLine line = {.target = said->target,
                    .run = said->run,
                    .offset = at + strlen(said->text) + 1,
                    .stream = said->stream,
                    .text = said->text,
                    .size = strlen(said->text),
                    .partial = said->partial};
    log_masks_show(masks, dir, &line);
    if (line.size != strlen(said->want) || memcmp(line.text, said->want, line.size) != 0)
        test_fail(__FILE__, __LINE__, "%s is shown as %.*s, not %s", said->text, (int)line.size,
                  line.text, said->want);
}

TEST(each_run_is_masked_by_itself_and_its_stderr_has_no_outputs)
{
    static const Said rows[] = {
        {"seed_db", 1, 1, "talk", false, "talk"},
        {"seed_db", 1, 1, "URL=secret", false, "URL=********"},
        {"seed_db", 1, 2, "URL=talk", false, "URL=talk"},
        {"seed_db", 1, 1, "CERT<<END", false, "CERT<<END"},
        {"seed_db", 1, 2, "END", false, "END"},
        {"seed_db", 1, 1, "secret", false, "********"},
        {"seed_mq", 1, 1, "talk", false, "talk"},
        {"seed_db", 1, 1, "END", false, "END"},
        {"seed_db", 1, 1, "talk", false, "talk"},
        {"seed_db", 1, 1, "KEY<<END", false, "KEY<<END"},
        {"seed_db", 2, 1, "talk", false, "talk"}, /* the next run has no open value */
    };
    LogMasks masks;
    log_masks_init(&masks);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        check(&masks, test_dir(), &rows[i], 0);
    log_masks_deinit(&masks);
}

TEST(the_rest_of_a_long_line_is_like_its_beginning)
{
    static const Said rows[] = {
        {"seed", 1, 1, "URL=sec", true, "URL=********"},
        {"seed", 1, 1, "re", true, ""},
        {"seed", 1, 2, "stderr", false, "stderr"},
        {"seed", 1, 1, "t", false, ""},
        {"seed", 1, 1, "talk", true, "talk"},
        {"seed", 1, 1, "URL=talk", false, "URL=talk"},
        {"seed", 1, 1, "URL=secret", false, "URL=********"},
    };
    LogMasks masks;
    log_masks_init(&masks);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        check(&masks, test_dir(), &rows[i], 0);
    log_masks_deinit(&masks);
}

TEST(who_begins_in_the_midst_of_a_value_does_not_see_it)
{
    static const Said secret = {"seed", 1, 1, "secret", false, "********"};
    static const Said end = {"seed", 1, 1, "END", false, "END"};
    static const Said talk = {"seed", 1, 1, "talk", false, "talk"};
    Pen pen = pen_new(test_dir(), "seed", 1);
    LogMasks masks;
    pen_put(&pen, 1, 0, "talk\nKEY<<END\n");
    pen_put(&pen, 2, 0, "END\n");
    pen_put(&pen, 1, 0, "secret\n");
    uint64_t at = pen.at;
    pen_put(&pen, 1, 0, "secret\nEND\ntalk\n");
    log_masks_init(&masks);
    check(&masks, test_dir(), &secret, at);
    check(&masks, test_dir(), &end, at + 7);
    check(&masks, test_dir(), &talk, at + 11);
    log_masks_deinit(&masks);
    log_masks_init(&masks);
    check(&masks, test_dir(), &talk, at + 11);
    log_masks_deinit(&masks);
}

TEST(a_value_is_hidden_wherever_the_hook_writes_it)
{
    static const Said rows[] = {
        {"seed", 1, 2, "before: s3cret of localhost", false, "before: ******** of localhost"},
        {"seed", 1, 1, "talk of s3cret", false, "talk of ********"},
        {"seed", 1, 1, "PASS=s3cret", false, "PASS=********"},
        {"seed", 1, 2, "a line of it: l1ne two", false, "a line of it: ********"},
        {"seed", 1, 2, "without an end: Th3 last", false, "without an end: ********"},
        {"seed", 1, 2, "not yet: l4ter", false, "not yet: l4ter"},
    };
    static const Said later = {"seed", 1, 2, "by now: l4ter", false, "by now: ********"};
    static const Said other = {"seed", 2, 2, "the next run: s3cret", false, "the next run: s3cret"};
    Pen pen = pen_new(test_dir(), "seed", 1);
    LogMasks masks;
    pen_put(&pen, 2, 0, "before: s3cret\n");
    pen_put(&pen, 1, 0, "PASS=s3cret\nHOST=localhost\nKEY<<END\nl1ne one\nl1ne two\nEND\n");
    pen_put(&pen, 1, 0, "LAST=Th3 last");
    log_masks_init(&masks);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        check(&masks, test_dir(), &rows[i], 0);
    pen_put(&pen, 1, 0, "\nLATER=l4ter\n");
    check(&masks, test_dir(), &later, pen.at);
    check(&masks, test_dir(), &other, 0);
    log_masks_deinit(&masks);
}

TEST(a_nul_byte_hides_no_value)
{
    char text[] = "a\0s3cret\0b";
    Pen pen = pen_new(test_dir(), "seed", 1);
    LogLine line = {
        .target = "seed", .run = 1, .stream = 2, .text = text, .size = sizeof(text) - 1};
    LogMasks masks;
    pen_put(&pen, 1, 0, "PASS=s3cret\n");
    log_masks_init(&masks);
    log_masks_show(&masks, test_dir(), &line);
    CHECK(line.size == 12 && memcmp(line.text, "a\0********\0b", 12) == 0);
    log_masks_deinit(&masks);
}
