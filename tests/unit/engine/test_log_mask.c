/* SPDX-License-Identifier: Apache-2.0 */
/* Stdout of hooks, line by line, as people see it. */
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

TEST(each_run_is_masked_by_itself_and_stderr_not_at_all)
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
