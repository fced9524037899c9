/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs are kept on disk. */
#include "harness/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/targets/run_files.h"
#include "pin/wire.h"

static void make_run(uint32_t run, int64_t bytes) {
    char path[300];
    snprintf(path, sizeof(path), "%s/runs/api:serve/%u", test_dir(), run);
    ASSERT(path_mkdirs(path, 0700, NULL) == 0);
    snprintf(path, sizeof(path), "%s/runs/api:serve/%u/log.0", test_dir(), run);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ASSERT(fd >= 0 && ftruncate(fd, bytes) == 0);
    close(fd);
}

static const char *kept(void) {
    static char text[200];
    uint32_t runs[100], n = run_files_list(test_dir(), "api:serve", runs, 100);
    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "", runs[i]);
    return text;
}

TEST(the_newest_runs_are_kept)
{
    for (uint32_t run = 1; run <= 14; run++)
        make_run(run, 1);
    run_files_retain(test_dir(), "api:serve", &(RunsKept){14, 0, NULL});
    CHECK_STR(kept(), "5 6 7 8 9 10 11 12 13 14");
    run_files_retain(test_dir(), "api:serve", &(RunsKept){14, 1000, NULL});
    CHECK_STR(kept(), "5 6 7 8 9 10 11 12 13 14");
}

TEST(all_runs_of_a_target_share_one_cap)
{
    for (uint32_t run = 1; run <= 4; run++)
        make_run(run, 400);
    run_files_retain(test_dir(), "api:serve", &(RunsKept){4, 1000, NULL});
    CHECK_STR(kept(), "3 4");
    make_run(5, 5000); /* more than the cap by itself: it stays, alone */
    run_files_retain(test_dir(), "api:serve", &(RunsKept){5, 1000, NULL});
    CHECK_STR(kept(), "5");
}

static void make_segment(uint32_t run, unsigned at, int64_t bytes) {
    static const char *const kinds[] = {LOG_DATA, LOG_INDEX};
    char path[300];
    snprintf(path, sizeof(path), "%s/runs/api:serve/%u", test_dir(), run);
    ASSERT(path_mkdirs(path, 0700, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/runs/api:serve/%u/%s%016x", test_dir(), run, kinds[i], at);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        ASSERT(fd >= 0 && ftruncate(fd, i ? 24 : bytes) == 0);
        close(fd);
    }
}

static bool segment_there(uint32_t run, unsigned at) {
    char path[300];
    snprintf(path, sizeof(path), "%s/runs/api:serve/%u/" LOG_DATA "%016x", test_dir(), run, at);
    bool data = access(path, F_OK) == 0;
    snprintf(path, sizeof(path), "%s/runs/api:serve/%u/" LOG_INDEX "%016x", test_dir(), run, at);
    CHECK_EQ(access(path, F_OK) == 0, data);
    return data;
}

TEST(the_oldest_segments_go_first)
{
    for (uint32_t run = 1; run <= 3; run++)
        for (unsigned at = 0; at < 400; at += 100)
            make_segment(run, at, 100);
    CHECK_EQ(run_files_retain(test_dir(), "api:serve", &(RunsKept){4, 650, NULL}), 600);
    CHECK_STR(kept(), "2 3");
    CHECK(!segment_there(2, 0) && !segment_there(2, 100) && segment_there(2, 200));
    CHECK(segment_there(3, 0));
    /* 3 is at work: untouched */
    CHECK_EQ(run_files_retain(test_dir(), "api:serve", &(RunsKept){3, 500, NULL}), 100);
    CHECK(segment_there(2, 300) && !segment_there(2, 200));
    CHECK_EQ(run_files_retain(test_dir(), "api:serve", &(RunsKept){4, 250, NULL}), 200);
    CHECK_STR(kept(), "3");
    CHECK(segment_there(3, 200) && !segment_there(3, 100));
    /* how it ended stays */
    CHECK_EQ(run_files_retain(test_dir(), "api:serve", &(RunsKept){4, 10, NULL}), 100);
    CHECK(segment_there(3, 300) && !segment_there(3, 200));
}

TEST(numbers_that_are_missing_do_not_count)
{
    make_run(2, 1);
    make_run(90, 1);
    run_files_retain(test_dir(), "api:serve", &(RunsKept){90, 0, NULL});
    CHECK_STR(kept(), "2 90");
    run_files_retain(test_dir(), "nobody", &(RunsKept){7, 0, NULL});
}

TEST(a_run_that_never_was_has_taken_its_number)
{
    run_files_void(test_dir(), "api:serve", 3);
    CHECK_EQ(run_files_newest(test_dir(), "api:serve"), 3);
}

TEST(runs_that_never_were_drive_out_no_logs)
{
    for (uint32_t run = 1; run <= 3; run++)
        make_run(run, 1);
    for (uint32_t run = 4; run <= 40; run++) {
        run_files_void(test_dir(), "api:serve", run);
        run_files_retain(test_dir(), "api:serve", &(RunsKept){run, 1000, NULL});
    }
    CHECK_STR(kept(), "1 2 3 40");
}

TEST(the_mark_of_a_server_that_was_ready)
{
    AUTO_FREE char *path = xasprintf("%s/runs/api:serve/1/ready", test_dir());
    Err err;
    make_run(1, 1);
    CHECK_EQ(run_files_ready(test_dir(), "api:serve", 1).wall_us, 0);
    run_files_mark_ready(test_dir(), "api:serve", 1, (Moment){.wall_us = 1700, .boot_ms = 5});
    CHECK_EQ(run_files_ready(test_dir(), "api:serve", 1).wall_us, 1700);
    CHECK_EQ(run_files_ready(test_dir(), "api:serve", 1).boot_ms, 5);
    ASSERT(file_write(path, "1600\n", 5, 0600, &err) == 0); /* of an older server */
    CHECK_EQ(run_files_ready(test_dir(), "api:serve", 1).wall_us, 1600);
    CHECK_EQ(run_files_ready(test_dir(), "api:serve", 1).boot_ms, 0);
    ASSERT(file_write(path, "rubbish 5\n", 10, 0600, &err) == 0);
    CHECK_EQ(run_files_ready(test_dir(), "api:serve", 1).wall_us, 0);
}

TEST(runs_that_have_left_helpers_are_kept)
{
    Helpers helpers = {0};
    helpers_add(&helpers, 2);
    for (uint32_t run = 1; run <= 14; run++)
        make_run(run, 1);
    run_files_retain(test_dir(), "api:serve", &(RunsKept){14, 0, &helpers});
    CHECK_STR(kept(), "2 5 6 7 8 9 10 11 12 13 14");
    helpers_deinit(&helpers);
}

TEST(steps_of_any_name_have_their_directory)
{
    AUTO_FREE char *dir = run_files_dir("/s", "Uä/ü", 3);
    uint32_t run = 0;
    CHECK_STR(dir, "/s/runs/U%c3%a4%2f%c3%bc/3");
    AUTO_FREE char *own = run_files_dir(test_dir(), "../x", 7);
    ASSERT(path_mkdirs(own, 0700, NULL) == 0);
    CHECK_EQ(run_files_list(test_dir(), "../x", &run, 1), 1);
    CHECK_EQ(run, 7);
}
