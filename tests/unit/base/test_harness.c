/* SPDX-License-Identifier: Apache-2.0 */
/* The harness notices each kind of failure. Without it no other test means anything. */
#include "harness/test.h"

#include <sys/wait.h>

#include "base/buf.h"
#include "base/xalloc.h"

/* Runs harness-sample. Returns its exit code and all that it wrote. */
static int sample(const char *pattern, Buf *output) {
    AUTO_FREE char *program = test_program("tests/unit/base/harness-sample");
    char bytes[4096];
    ssize_t n;
    int fds[2], status;
    ASSERT(pipe(fds) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(fds[0]);
        close(fds[1]);
        execl(program, program, pattern, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    while ((n = read(fds[0], bytes, sizeof(bytes))) > 0)
        buf_put(output, bytes, (size_t)n);
    close(fds[0]);
    ASSERT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(harness_counts_every_kind_of_failure)
{
    Buf output;
    buf_init(&output, 1 << 20);
    CHECK_EQ(sample(NULL, &output), 1);
    CHECK_HAS(buf_cstr(&output), "2 passed, 9 failed\n");
    static const char *const failing[] = {"bad_check", "bad_eq",     "bad_str",
                                          "bad_has",   "bad_assert", "bad_crash",
                                          "bad_exit",  "bad_hang",   "bad_directory"};
    for (size_t i = 0; i < COUNT(failing); i++) {
        AUTO_FREE char *line = xasprintf("FAIL %s ", failing[i]);
        CHECK_HAS(buf_cstr(&output), line);
    }
    CHECK(!strstr(buf_cstr(&output), "FAIL good"));
    buf_deinit(&output);
}

TEST(harness_tells_values_and_places)
{
    Buf output;
    buf_init(&output, 1 << 20);
    sample("bad", &output);
    const char *text = buf_cstr(&output);
    CHECK_HAS(text, "0 passed, 9 failed\n");
    CHECK_HAS(text, "harness_sample.c:22: 1 > 2");
    CHECK_HAS(text, "2 + 2 is 4, not 5 (5)");
    CHECK_HAS(text, "\"got this\", not \"want that\"");
    CHECK_HAS(text, "\"(null)\", not \"something\"");
    CHECK_HAS(text, "\"haystack\" does not contain \"needle\"");
    CHECK_HAS(text, "killed by signal 9");
    CHECK_HAS(text, "took longer than 1 s");
    CHECK(!strstr(text, "1234"));
    buf_deinit(&output);
}

TEST(harness_runs_what_the_pattern_names)
{
    Buf output;
    buf_init(&output, 1 << 20);
    CHECK_EQ(sample("again", &output), 0);
    CHECK_STR(buf_cstr(&output), "1 passed, 0 failed\n");
    buf_deinit(&output);
}

TEST(harness_removes_a_directory_of_a_test_that_failed)
{
    Buf output;
    char path[128] = "";
    buf_init(&output, 1 << 20);
    sample("bad_directory", &output);
    const char *at = strstr(buf_cstr(&output), "directory /");
    ASSERT(at && sscanf(at, "directory %127s", path) == 1);
    CHECK(access(path, F_OK) < 0);
    buf_deinit(&output);
}
