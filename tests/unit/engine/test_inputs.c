/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files that are not as they said, and looking at inputs while nobody has time for it. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/files/file_mark.h"
#include "engine/files/inputs.h"
#include "harness/test.h"
#include "spec/digest.h"

/* What /proc says of the memory of this process has no size and, with so many mappings, a length
 * beyond the limit. */
static void map_much(void) {
    enum { PAGES = 40000 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, PAGES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(at != MAP_FAILED);
    for (size_t i = 0; i < PAGES; i += 2)
        ASSERT(mprotect(at + i * page, page, PROT_READ) == 0);
}

TEST(no_more_is_read_of_a_file_than_there_may_be)
{
    FileMark mark;
    uint8_t content[DIGEST_BYTES];
    Err err;
    map_much();
    file_mark_read("/proc/self/smaps", &mark);
    CHECK(mark.there && !mark.hashed);
    CHECK_EQ(file_content("/proc/self/smaps", content, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK(strstr(err.msg, "/proc/self/smaps grows") != NULL);
}

TEST(a_large_file_is_an_input_all_the_same)
{
    uint8_t content[DIGEST_BYTES];
    AUTO_FREE char *path = path_join(test_dir(), "large");
    ASSERT(file_write(path, "", 0, 0600, NULL) == 0);
    ASSERT(truncate(path, MAX_HASHED_BYTES + 1) == 0);
    CHECK_EQ(file_content(path, content, NULL), 0);
}

typedef struct Answer {
    int n;
    InputsSeen seen;
} Answer;

static void on_seen(void *arg, const InputsSeen *seen) {
    Answer *answer = arg;
    answer->n++;
    answer->seen = *seen;
}

static void wait_for_byte(void *arg) {
    char byte;
    ASSERT(read(*(int *)arg, &byte, 1) == 1);
}

static InputsLook *look(Loop *loop, Worker *worker, Answer *answer) {
    static const uint8_t definition[DIGEST_BYTES];
    const char *glob = "src";
    StrList inputs = {.at = &glob, .n = 1}, outputs = {.n = 0};
    AUTO_FREE char *record = path_join(test_dir(), "record");
    InputsAsk ask = {.root = test_dir(),
                     .inputs = &inputs,
                     .outputs = &outputs,
                     .definition = definition,
                     .record = record};
    return inputs_look_new(loop, worker, &ask, on_seen, answer);
}

TEST(who_has_no_time_to_look_says_so)
{
    Loop *loop = loop_new();
    Worker *worker = worker_new(loop, 1);
    Answer answer = {0}, none = {0};
    int gate[2];
    ASSERT(pipe(gate) == 0);
    ASSERT(worker_run(worker, wait_for_byte, NULL, &gate[0], NULL) == 0);
    while (worker_run(worker, wait_for_byte, NULL, &gate[0], NULL) == 0) {
    }
    look(loop, worker, &answer);
    inputs_look_free(look(loop, worker, &none));
    while (!answer.n)
        loop_turn(loop, 100);
    CHECK(!answer.seen.fresh);
    CHECK_STR(answer.seen.digest, "");
    CHECK(strstr(answer.seen.why, "cannot be looked at") != NULL);
    CHECK_EQ(none.n, 0);
    for (int i = 0; i < WORKER_QUEUE_MAX; i++)
        ASSERT(write(gate[1], "x", 1) == 1);
    worker_free(worker);
    loop_free(loop);
    close(gate[0]);
    close(gate[1]);
}

TEST(who_is_no_longer_interested_leaves_nothing_to_the_loop)
{
    Loop *loop = loop_new();
    Answer none = {0};
    inputs_look_free(look(loop, NULL, &none));
    loop_free(loop); /* asserts it */
    CHECK_EQ(none.n, 0);
}
